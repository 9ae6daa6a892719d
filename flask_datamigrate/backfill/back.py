"""The ways back: old values are put back, or a backfill is given up."""

from __future__ import annotations

import datetime
import typing as t

from ..errors import UndoError
from . import faults
from . import forgetting
from . import processes
from . import signals
from .claims import Claim
from .claims import undoing
from .control import check_begin
from .indexes.setting_aside import bring_back
from .patience import patiently
from .progress import Meter
from .ranges import BACK
from .ranges import FORWARD
from .ranges import Range
from .reporting import BackfillReport
from .session import Session
from .states import State
from .store import Record
from .task import Task
from .undo import Kept
from .undo import side_tables
from .walk import Walk

T = t.TypeVar("T")


def undo(session: Session, task: Task) -> BackfillReport:
    """Restore the old values a backfill kept, in batches.

    :raises UndoError: when it kept none.
    :raises PausedRun: when an operator paused it, now or before.
    """
    with session.errors(task.label, task.name):
        log = patiently(
            session,
            task.name,
            task.label,
            lambda: _begin(session, task),
            against=faults.GONE,
        )
        is_own = log is not None and _take_back(session, task, log)
        report = _patiently(session, task, lambda: session.report(task, BACK))
    if is_own:
        signals.backfill_finished.send(task.name, report=report)
        session.reporter.finished(report)
    return report


def cancel(session: Session, name: str) -> Record:
    """Give up a backfill; rows changed stay so. A later upgrade begins it anew.

    Its definition is not needed, since that may be what is gone.

    :raises BackfillError: when the database does not know it.
    """
    label = f"backfill {name}"
    with session.errors(label, name):
        with session.transactions.transaction() as connection:
            session.known(connection, name, label)
        # Both, so that neither a live run nor a live undo is given up.
        back = Claim(session, name, label, BACK)
        forward = Claim(session, name, label, FORWARD)
        with forward.held(), back.held():
            bring_back(forward, name, label)
            with forward.transaction() as connection:
                session.store.move(connection, name, State.CANCELLED)
                return session.known(connection, name, label)


def _patiently(session: Session, task: Task, step: t.Callable[[], T]) -> T:
    return patiently(session, task.name, task.label, step)


def _begin(session: Session, task: Task) -> Kept | None:
    """Return what is to be restored; ``None`` when nothing is any more."""
    record = _record(session, task)
    if record is not None and _was_never_begun(session, record):
        with session.transactions.transaction() as connection:
            session.store.move(connection, task.name, State.UNDONE)
        return None
    if record is not None and record.state is State.UNDONE:
        return None
    if record is None or record.undo_table is None:
        raise _nothing_kept(session, task, record)
    check_begin(session, task)
    log = session.kept(task)
    if record.undo_table != log.side.name:
        raise UndoError(
            "its definition changes other columns, or has another key, than when "
            "the old values were kept",
            where=task.label,
            state=f"Nothing was changed; the old values are in {record.undo_table}",
            next="Take the edit back, and run the same command again",
        )
    _check_back(session, task, log)
    return log


def _take_back(session: Session, task: Task, log: Kept) -> bool:
    """Restore everything; tell whether that was not done by another process."""
    # Taken first, so that no live run goes forward meanwhile.
    forward = Claim(session, task.name, task.label, FORWARD)
    meter = Meter(task.backfill.table.name, task.name, BACK)
    walk = Walk(session, task, BACK, log.side_key, log.restorer(), meter, log.key)
    with forward.held(), walk.claim.held() as span:
        if _patiently(session, task, lambda: session.state(task)) is State.UNDONE:
            # By another process, while this one waited for the claim.
            return False
        with undoing(walk.claim, task):
            span, kept = _patiently(session, task, lambda: _bounded(walk, span, log))
            meter.know([span], kept)
            done = walk.sweep(span)
            _patiently(
                session, task, lambda: bring_back(walk.claim, task.name, task.label)
            )
            _patiently(session, task, lambda: _end(walk, done, log))
    return True


def _bounded(walk: Walk, span: Range, log: Kept) -> tuple[Range, int]:
    """Freeze the bounds before the first batch; return how many rows are kept too."""
    with walk.claim.transaction() as connection:
        kept = side_tables.count(connection, log.side)
        if span.upper is None:
            span = walk.freeze(connection, span, kept)
    return span, kept


def _end(walk: Walk, span: Range, log: Kept) -> None:
    """Note that everything is restored, and drop what was kept, unless rows are left.

    That may be committed already, by a try that did not hear of it.
    """
    session, task = walk.session, walk.task
    is_new = session.state(task) is not State.UNDONE
    claim = walk.claim if is_new else session.transactions
    with claim.transaction() as connection:
        if is_new:
            values = {} if span.skipped else {"undo_table": None}
            session.store.move(
                connection, task.name, State.UNDONE, conflicts=span.skipped, **values
            )
        if not span.skipped:
            # Last: on MySQL it commits what came before.
            side_tables.drop(connection, log.side.name, log.side.schema)


def _was_never_begun(session: Session, record: Record) -> bool:
    if record.state is State.PENDING:
        return True
    if record.state is not State.CANCELLED:
        return False
    with session.transactions.transaction() as connection:
        total = session.store.ranges.total(connection, record.name, FORWARD)
    return not total.batches


def _nothing_kept(session: Session, task: Task, record: Record | None) -> UndoError:
    by_hand = "write the way back by hand in downgrade() in place of op.undo_backfill"
    event = None if record is None else forgetting.forgotten(session, task.name)
    if event is not None:
        at = datetime.datetime.fromtimestamp(event.at, datetime.timezone.utc)
        return UndoError(
            f"what it had kept ({event.detail}) was forgotten with flask db data "
            f"forget, on {at:%Y-%m-%d %H:%M} UTC by {processes.describe(event.runner)}",
            where=task.label,
            state="Nothing was changed",
            next=f"Restore the rows from a backup, or {by_hand}",
        )
    if record is None and task.backfill.undo:
        return UndoError(
            "no old values were kept: this database has never seen it run, so its "
            "revision was applied by a script of --sql or by flask db stamp",
            where=task.label,
            state="Nothing was changed",
            next=f"If the rows need no way back, flask db stamp; else {by_hand}",
        )
    return UndoError(
        "no old values were kept",
        where=task.label,
        state="Nothing was changed",
        next=f"Pass undo=True to the Backfill before it runs, or {by_hand}",
    )


def _check_back(session: Session, task: Task, log: Kept) -> None:
    with session.transactions.transaction() as connection:
        if not side_tables.exists(connection, log.side):
            raise UndoError(
                f"its old values were kept in {log.side.name}, and that table is gone",
                where=task.label,
                state="Nothing was changed",
                next="Bring the table back from a backup, or write the way back by "
                "hand in downgrade() in place of op.undo_backfill",
            )
        log.check_back(connection, task.label)


def _record(session: Session, task: Task) -> Record | None:
    with session.transactions.transaction() as connection:
        if not session.store.exists(connection):
            return None
        return session.store.get(connection, task.name)
