"""Work in a forked child that kills itself at a chosen moment of its transactions."""

from __future__ import annotations

import os
import signal
import typing as t

import sqlalchemy as sa

from flask_datamigrate.testing.killing import Child

Moments = t.Callable[[str], bool]


def killed_at(work: t.Callable[[], object], moment: int, counts: Moments) -> bool:
    """Do work in a child that is killed in front of a statement or a commit.

    The child must take connections of its own: those of an engine without a pool.

    :param moment: how many of the moments that count are let through.
    :param counts: which statements do; ``COMMIT`` is one.
    :returns: whether it was killed; otherwise it had come to its end.
    :raises AssertionError: when the work raised.
    """
    code, said = Child.start(lambda: _work_until(work, moment, counts)).end()
    assert code in (0, -signal.SIGKILL), said
    return code != 0


def _work_until(work: t.Callable[[], object], moment: int, counts: Moments) -> None:
    left = moment

    def reached(statement: str) -> None:
        nonlocal left
        if not counts(statement):
            return
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    def execute(connection: t.Any, cursor: t.Any, sql: str, *more: t.Any) -> None:
        reached(sql.strip())

    sa.event.listen(sa.Engine, "before_cursor_execute", execute)
    sa.event.listen(sa.Engine, "commit", lambda connection: reached("COMMIT"))
    work()
