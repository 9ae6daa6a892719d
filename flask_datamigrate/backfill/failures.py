"""The errors of a batch: what failed, at which row, what is saved, and what next."""

from __future__ import annotations

from sqlalchemy import exc

from ..counting import counted
from ..errors import BackfillError
from ..errors import ClaimedError
from ..errors import DataMigrateError
from ..errors import InterruptedRun
from ..errors import PausedRun
from ..errors import VerificationError
from . import faults
from . import processes
from .batch import RowError
from .keys import Key
from .keys import Position
from .keys import describe
from .ranges import Range
from .ranges import Total
from .refusals import Refusal
from .states import State
from .store import Record
from .task import Task
from .vain import Vain

_NARROW = (
    "Narrow the where so that a changed row no longer matches (is a NULL among what it "
    "is computed from, or does a trigger of the table skip the row?), or pass "
    "verify=False"
)


def refused(
    task: Task, key: Key, span: Range, row: Position | None, error: exc.DBAPIError
) -> DataMigrateError:
    """Say what the database refused.

    :param key: the columns by which a row is named.
    :param row: the key of the one row it is about, if it was narrowed down to one.
    """
    where = task.label
    if row is not None:
        where += f", row {describe(key.columns, row)}"
    elif span.position is not None:
        where += f", after {describe(key.columns, span.position)}"
    advice = faults.classify(error).advice
    return faults.explain(
        error,
        where=where,
        state=saved(span),
        next=f"{advice}: run the same command again",
    )


def row_failed(task: Task, key: Key, span: Range, error: RowError) -> BackfillError:
    """Say which row Python could not change.

    :param key: the columns by which a row is named.
    """
    where = task.label
    if error.position is not None:
        where += f", row {describe(key.columns, error.position)}"
    return BackfillError(
        error.what,
        where=where,
        state=saved(span),
        next="Mend the row or the transform, and run the same command again",
    )


def still_matching(
    task: Task, span: Range, row: Position, vain: Vain | None
) -> VerificationError:
    """Say that a changed row is one that the backfill would change again.

    :param vain: all such rows from there on, where it is known why.
    """
    what = "a row that was just changed still matches the where of the backfill"
    why, next = f": {describe(task.backfill.key, row)}", _NARROW
    if vain is not None:
        why, next = f", since {vain.what}", vain.advice
    state = "The batch was rolled back, and none before it changed a row"
    return VerificationError(
        what + why,
        where=task.label,
        state=saved(span) if span.changed else state,
        next=f"{next}. Then run the same command again",
    )


def throttle_failed(task: Task, span: Range, error: BaseException) -> BackfillError:
    """Say that a throttle could not be asked."""
    return BackfillError(
        f"the throttle raised {type(error).__name__}: {error}",
        where=task.label,
        state=saved(span),
        next="Mend the throttle, and run the same command again",
    )


def taken_over(label: str) -> ClaimedError:
    """Say that another runner has the claim now.

    :param label: how errors name the backfill.
    """
    return ClaimedError(
        "another process has taken it over",
        where=label,
        state="What this process had not committed was rolled back",
        next="Watch it with flask db data status",
    )


def being_verified(label: str, holder: str) -> ClaimedError:
    """Say that another runner is at the check.

    :param label: how errors name the backfill.
    :param holder: the name tag of the runner.
    """
    return ClaimedError(
        f"{processes.describe(holder)} is verifying it right now",
        where=label,
        state="Every row is done; nothing was changed by this process",
        next="Watch it with flask db data status",
    )


def half_undone(record: Record, applied: bool) -> BackfillError:
    """Say that an undo was begun, and has to end before anything else.

    :param applied: whether its revision is applied.
    """
    return BackfillError(
        "its old values are being restored, and only a part of its rows is",
        where=f"revision {record.revision}, backfill {record.name}",
        state="Nothing was changed",
        next=f"Finish that: {finish_undo(record, applied)}; or give it up (flask db "
        f"data cancel {record.name}: the rows stay as they are, some restored and some "
        "not)",
    )


def finish_undo(record: Record, applied: bool) -> str:
    """Return the command that goes on with an undo, for people.

    :param applied: whether its revision is applied.
    """
    back = downgrade_of(record)
    if applied and not record.deferred:
        return back
    undo = f"flask db data undo {record.name}"
    also = f", or {back}, which takes its revision back, too"
    return undo + also if applied else undo


def downgrade_of(record: Record) -> str:
    """Return the command that takes a backfill's revision back, for people.

    It names the revision, since others may be applied after it.
    """
    return f"flask db downgrade {record.revision}-1"


def failed_elsewhere(task: Task, record: Record) -> BackfillError:
    """Say that a worker of another process has failed a backfill."""
    return BackfillError(
        f"another process that works on it has failed: {record.error}",
        where=task.label,
        state="What was committed is saved",
        next="Mend that, and run the same command again",
    )


def ended_meanwhile(task: Task, record: Record) -> DataMigrateError:
    """Say that a backfill was given up or taken back while a worker waited."""
    if record.state is State.CANCELLED:
        return PausedRun(
            "cancelled by an operator meanwhile",
            where=task.label,
            state="This process changed nothing since",
            next="See flask db data status",
        )
    return BackfillError(
        f"it is {record.state.value} by now",
        where=task.label,
        state="This process changed nothing since",
        next="See flask db data status",
    )


def stopped(task: Task, span: Range | Total) -> InterruptedRun:
    """Say that the walk stopped because it was asked to."""
    return InterruptedRun(
        f"stopped after {counted(span.batches, 'batch')}, everything is saved",
        where=task.label,
        next="Run the same command again to go on from there",
    )


def stopped_waiting(label: str, fault: faults.Fault) -> InterruptedRun:
    """Say that it was asked to stop while it waited for the database.

    :param label: how errors name the backfill.
    :param fault: what it waited to end.
    """
    return InterruptedRun(
        f"stopped while {fault.meaning}",
        where=label,
        state="What was committed before is saved",
        next="Run the same command again to go on from there",
    )


def paused(task: Task, by: str, span: Range | None = None) -> PausedRun:
    """Say that an operator has paused the backfill.

    :param by: the name tag of the process that did.
    :param span: where it stopped; ``None`` when it was not begun now.
    """
    return _left(
        f"paused by an operator ({processes.describe(by)})",
        task,
        span,
        f"Take the pause away: flask db data resume {task.name}",
    )


def cancelled(task: Task, by: str, span: Range | None = None) -> PausedRun:
    """Say that an operator cancels the backfill.

    :param by: the name tag of the process that does.
    :param span: where it stopped; ``None`` when it was not begun now.
    """
    return _left(
        f"cancelled by an operator ({processes.describe(by)})",
        task,
        span,
        "The rows it has changed stay changed; see flask db data status",
    )


def time_is_over(task: Task, span: Range | None = None) -> PausedRun:
    """Say that the walk had no more time.

    :param span: where it stopped; ``None`` when it was not begun now.
    """
    return _left(
        "the time of --max-duration is over",
        task,
        span,
        f"Go on: flask db data run {task.name}",
    )


def rows_refused(task: Task, key: Key, rows: list[Refusal]) -> PausedRun:
    """Say which rows a backfill with ``on_row_error="skip"`` could not change."""
    first = rows[0]
    count = f"{counted(len(rows), 'row')} {'was' if len(rows) == 1 else 'were'}"
    where = describe(key.columns, first.position)
    return PausedRun(
        f"{count} refused and left out, the first {where} ({first.error})",
        where=task.label,
        state="Every other row is done and committed",
        next="flask db data status lists them. Mend them and run the same command "
        "again; or accept that they stay as they are: flask db data accept --refused "
        f"{task.name}",
    )


def too_many_refused(
    task: Task, key: Key, done: Range, row: Position, error: str
) -> BackfillError:
    """Say that so many rows were refused that the definition must be wrong."""
    return BackfillError(
        f"more rows are refused than DATAMIGRATE_MAX_REFUSALS allows: {error}",
        where=f"{task.label}, row {describe(key.columns, row)}",
        state=saved(done),
        next="Mend the rows or the definition, and run the same command again",
    )


def _left(why: str, task: Task, span: Range | None, next: str) -> PausedRun:
    if span is None:
        state = "Nothing was changed by this run"
        return PausedRun(why, where=task.label, state=state, next=next)
    what = f"{why}; stopped after {counted(span.batches, 'batch')}, everything is saved"
    return PausedRun(what, where=task.label, next=next)


def saved(span: Range) -> str:
    """Say what is committed."""
    if span.batches == 0:
        return "Nothing was changed"
    before = "The batch before it is"
    if span.batches > 1:
        before = f"The {span.batches:,} batches before it are"
    return (
        f"{before} committed ({counted(span.changed, 'row')}); this one was rolled back"
    )
