"""Ends a process right behind one of its statements that change the schema."""

from __future__ import annotations

import os
import re
import typing as t

import sqlalchemy as sa
from sqlalchemy import event

CUT = 77
"""The exit code of a process that was cut."""

ENTRY = """
from tests.operations.ddl import cut

cut.behind(int(os.environ["CUT_BEHIND"]))
"""
"""What makes a project's processes end behind the statement ``CUT_BEHIND`` counts."""

# What the migration lock and a comparison make for themselves is not counted.
_OWN = re.compile("datamigrate_(lock|probe)")
_SCHEMA = re.compile(r"\s*(ALTER|CREATE|DROP|COMMIT)\b")


def behind(number: int) -> None:
    """End this process behind a statement.

    :param number: of the statements that change the schema, from one.
    """
    left = number

    @event.listens_for(sa.Engine, "after_cursor_execute")
    def cut(connection: t.Any, cursor: t.Any, statement: str, *rest: t.Any) -> None:
        nonlocal left
        if _SCHEMA.match(statement) and not _OWN.search(statement):
            left -= 1
            if left == 0:
                os._exit(CUT)
