"""Runs ``flask db upgrade``, and ends the process right behind one of its statements.

Usage: ``python cut.py NUMBER flask db upgrade``; the number counts the statements that
change the schema. It exits with 77 when it was cut.
"""

from __future__ import annotations

import os
import re
import sys
import typing as t

import sqlalchemy as sa
from sqlalchemy import event

CUT = 77
# What the migration lock and a comparison make for themselves is not counted.
_OWN = re.compile("datamigrate_(lock|probe)")
_SCHEMA = re.compile(r"\s*(ALTER|CREATE|DROP|COMMIT)\b")


def main() -> None:
    left = int(sys.argv.pop(1))

    @event.listens_for(sa.Engine, "after_cursor_execute")
    def cut(connection: t.Any, cursor: t.Any, statement: str, *rest: t.Any) -> None:
        nonlocal left
        if _SCHEMA.match(statement) and not _OWN.search(statement):
            left -= 1
            if left == 0:
                os._exit(CUT)

    from flask.cli import main as flask

    sys.argv.pop(0)
    flask()


if __name__ == "__main__":
    main()
