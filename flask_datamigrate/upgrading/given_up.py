"""Backfills that were given up: whether they are undone, or run after all."""

from __future__ import annotations

from ..backfill import failures
from ..backfill import left_alone
from ..backfill.states import State
from ..counting import counted
from ..errors import BackfillError
from .overview import Entry


def check_revivable(entry: Entry, anew: bool) -> None:
    """Refuse to begin anew what would lose old values, or change rows twice.

    :param anew: whether the operator wants rows changed twice.
    """
    assert entry.record is not None
    name, changed = entry.name, entry.total.changed
    if entry.state is State.UNDONE:
        _check_left_alone(entry, anew)
        return
    if entry.record.undo_table is not None:
        undo = f"flask db data undo {name}"
        back = failures.downgrade_of(entry.record)
        restore = f"{back}, or {undo} where the revision is not applied"
        raise BackfillError(
            "it was given up after it had changed rows, whose old values are kept; "
            "beginning anew would lose them",
            where=entry.label,
            state="Nothing was changed",
            next=f"Restore the rows first ({undo if entry.record.deferred else restore}"
            "), and run the same command again",
        )
    again = entry.task is not None and not entry.task.backfill.job.repeatable
    if changed and again and not anew:
        raise BackfillError(
            f"it was given up after it had changed {counted(changed, 'row')}, and "
            "beginning anew may change them once more",
            where=entry.label,
            state="Nothing was changed by this run",
            next=f"If that is meant: flask db data run --anew {name}",
        )


def _check_left_alone(entry: Entry, anew: bool) -> None:
    """Refuse to begin anew for the sake of rows that an undo could not restore."""
    assert entry.record is not None
    command = left_alone.run_command(entry.task, entry.record)
    refusal = left_alone.would_lose(entry.task, entry.record, entry.label, command)
    if refusal is not None:
        raise refusal
    if left_alone.is_met_again(entry.task, entry.record) and not anew:
        raise BackfillError(
            left_alone.once_more(entry.record),
            where=entry.label,
            state="Nothing was changed by this run",
            next=f"If that is meant, or they were put right by hand: {command}",
        )


def rows_now(entry: Entry) -> str:
    """Say what became of the rows of one that was given up, and how to restore them."""
    assert entry.record is not None
    changed, restored = entry.total.changed, entry.restored
    if not changed:
        return "It had changed no row."
    restore = failures.finish_undo(entry.record, entry.applied)
    if restored:
        others = changed - restored
        return (
            f"{restored:,} of {counted(changed, 'row')} "
            f"{'is' if restored == 1 else 'are'} restored, the other {others:,} "
            f"{'stays' if others == 1 else 'stay'} as it changed them. To restore "
            f"those, too: {restore}"
        )
    said = "The rows it has changed stay changed"
    if entry.record.undo_table is None:
        return f"{said}."
    return f"{said}, and what they were is kept. To restore them: {restore}"


def is_undoable(entry: Entry) -> bool:
    """Tell whether the rows of a backfill may be restored as its revision is.

    What comes after a deferred one does not rely on it before it is finished.
    """
    given_up = entry.state in (State.CANCELLED, State.UNDOING, State.UNDONE)
    deferred = entry.record is not None and entry.record.deferred
    return not entry.applied or (deferred and given_up)
