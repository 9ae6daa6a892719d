"""Rows that an undo has left alone, when a backfill is to begin anew."""

from __future__ import annotations

from ..counting import counted
from ..errors import BackfillError
from .states import State
from .store import Record
from .task import Task


def is_met_again(task: Task | None, record: Record) -> bool:
    """Tell whether rows were left alone that another run may change a second time.

    :param task: its definition; ``None`` when its file is gone.
    """
    left = record.state is State.UNDONE and record.conflicts
    return bool(left and task is not None and not task.backfill.job.repeatable)


def would_lose(
    task: Task | None, record: Record, label: str, again: str
) -> BackfillError | None:
    """Return what speaks against beginning anew: values of rows that were left alone.

    :param task: its definition; ``None`` when its file is gone.
    :param label: how errors name it.
    :param again: the command that begins it anew.
    """
    if record.state is not State.UNDONE or not record.conflicts:
        return None
    if record.undo_table is None:
        return None
    them = "it" if record.conflicts == 1 else "them"
    lost = "beginning anew would lose that"
    wanted = "When that is not needed"
    if is_met_again(task, record):
        lost += f", and may {_verb(record)} {them} once more"
        wanted += f", and you mean that or have put {them} right by hand"
    return BackfillError(
        f"{counted(record.conflicts, 'row')} could not be restored when it was undone, "
        f"and what is kept of {them} is in {record.undo_table}; {lost}",
        where=label,
        state="Nothing was changed",
        next=f"{wanted}: flask db data forget {record.name}, and then {again}",
    )


def run_command(task: Task | None, record: Record) -> str:
    """Return what begins it anew where its revision is applied."""
    option = "--anew " if is_met_again(task, record) else ""
    return f"flask db data run {option}{record.name}"


def once_more(record: Record) -> str:
    """Say what becomes of the rows that an undo has left alone."""
    them = "it" if record.conflicts == 1 else "them"
    return (
        f"{counted(record.conflicts, 'row')} could not be restored when it was undone, "
        f"and beginning anew may {_verb(record)} {them} once more"
    )


def _verb(record: Record) -> str:
    return "insert" if record.kind == "insert" else "change"
