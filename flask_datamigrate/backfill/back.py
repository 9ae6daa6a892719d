"""An undo: the old values a backfill kept are put back."""

from __future__ import annotations

from ..errors import UndoError
from . import signals
from .claims import claimed
from .reporting import BackfillReport
from .session import Session
from .states import State
from .store import BACK
from .store import FORWARD
from .store import Record
from .task import Task
from .undo import RestoreWriter
from .walk import Walk


def undo(session: Session, task: Task) -> BackfillReport:
    """Restore the old values a backfill kept, in batches.

    :raises UndoError: when it kept none.
    """
    with session.errors(task):
        record = _record(session, task)
        if record is None or record.undo_table is None:
            raise UndoError(
                "no old values were kept",
                where=task.label,
                state="Nothing was changed",
                next="Pass undo=True to the Backfill before it runs, or write the way "
                "back by hand in downgrade() in place of op.undo_backfill",
            )
        if record.state is State.UNDONE:
            return session.report(task, BACK)
        log = session.undo_log(task, record.undo_table)
        write = RestoreWriter(log)
        # Taken first, so that no live run goes forward meanwhile.
        forward = Walk(session, task, FORWARD, log.key, write)
        walk = Walk(session, task, BACK, log.side_key, write)
        with forward.claim_held(), claimed(walk, State.UNDOING) as span:
            with session.transactions.transaction() as connection:
                kept = log.count(connection)
                if span.upper is None:
                    span = walk.freeze(connection, span)
            span = walk.sweep(span, kept)
            with session.transactions.transaction() as connection:
                if not span.skipped:
                    log.drop(connection)
                session.store.move(
                    connection, task.name, State.UNDONE, conflicts=span.skipped
                )
        report = session.report(task, BACK)
    signals.backfill_finished.send(task.name, report=report)
    session.reporter.finished(report)
    return report


def _record(session: Session, task: Task) -> Record | None:
    with session.transactions.transaction() as connection:
        if not session.store.exists(connection):
            return None
        return session.store.get(connection, task.name)
