"""Processes that die behind a chosen statement."""

from __future__ import annotations

import os
import re
import traceback
import typing as t

import sqlalchemy as sa

_DIED = 9
_WRITES = re.compile(
    r"\s*(ALTER|COMMENT|COMMIT|CREATE|DELETE|DO|DROP|INSERT|LOCK|RENAME|UPDATE)\b"
    r"(?!.*datamigrate_lock)",
    re.DOTALL,
)


def die_anew(
    run: t.Callable[[], None], back: t.Callable[[], None], check: t.Callable[[], None]
) -> int:
    """Die behind the first statement that writes, end it, and take it back; then the
    same with the second, until there is none.

    :param back: brings the database to where it was before ``run``.
    :param check: called when it has come to its end.
    :returns: how many died.
    """
    statement = 1
    while True:
        code = _run(run, statement)
        assert code in (0, _DIED), f"behind statement {statement}: {code}"
        died = code == _DIED
        if died:
            run()
        check()
        if not died:
            return statement - 1
        back()
        statement += 1


def _run(run: t.Callable[[], None], last: int) -> int:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        left = last

        def count(
            conn: sa.Connection, cursor: t.Any, statement: str, *rest: t.Any
        ) -> None:
            nonlocal left
            if _WRITES.match(statement):
                left -= 1
                if not left:
                    os._exit(_DIED)

        sa.event.listen(sa.Engine, "after_cursor_execute", count)
        run()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
