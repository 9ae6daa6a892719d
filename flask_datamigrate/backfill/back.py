"""The ways back: old values are put back, or a backfill is given up."""

from __future__ import annotations

import datetime

from ..errors import UndoError
from . import forgetting
from . import processes
from . import signals
from .claims import Claim
from .claims import undoing
from .control import check_begin
from .indexes.setting_aside import bring_back
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


def undo(session: Session, task: Task) -> BackfillReport:
    """Restore the old values a backfill kept, in batches.

    :raises UndoError: when it kept none.
    :raises PausedRun: when an operator paused it, now or before.
    """
    with session.errors(task.label, task.name):
        record = _record(session, task)
        if record is not None and _was_never_begun(session, record):
            with session.transactions.transaction() as connection:
                session.store.move(connection, task.name, State.UNDONE)
            return session.report(task, BACK)
        if record is not None and record.state is State.UNDONE:
            return session.report(task, BACK)
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
        # Taken first, so that no live run goes forward meanwhile.
        forward = Claim(session, task.name, task.label, FORWARD)
        meter = Meter(task.backfill.table.name, task.name, BACK)
        walk = Walk(session, task, BACK, log.side_key, log.restorer(), meter, log.key)
        with forward.held(), walk.claim.held() as span:
            if session.state(task) is State.UNDONE:
                # By another process, while this one waited for the claim.
                return session.report(task, BACK)
            with undoing(walk.claim, task):
                _restore_all(walk, span, log, meter)
        report = session.report(task, BACK)
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


def _restore_all(walk: Walk, span: Range, log: Kept, meter: Meter) -> None:
    session, task = walk.session, walk.task
    with walk.claim.transaction() as connection:
        kept = side_tables.count(connection, log.side)
        if span.upper is None:
            span = walk.freeze(connection, span, kept)
    meter.know([span], kept)
    span = walk.sweep(span)
    bring_back(walk.claim, task.name, task.label)
    with walk.claim.transaction() as connection:
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
