"""The ways back: old values are put back, or a backfill is given up."""

from __future__ import annotations

import sqlalchemy as sa

from ..errors import UndoError
from . import signals
from . import undo as undo_log
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
from .writers import writer


def undo(session: Session, task: Task) -> BackfillReport:
    """Restore the old values a backfill kept, in batches.

    :raises UndoError: when it kept none.
    """
    with session.errors(task):
        record = _record(session, task)
        if record is not None and record.state is State.PENDING:
            with session.transactions.transaction() as connection:
                session.store.move(connection, task.name, State.UNDONE)
            return session.report(task, BACK)
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
        log = session.undo_log(task)
        if record.undo_table != log.side.name:
            raise UndoError(
                "its definition changes other columns, or has another key, than when "
                "the old values were kept",
                where=task.label,
                state=f"Nothing was changed; the old values are in {record.undo_table}",
                next="Take the edit back, and run the same command again",
            )
        _check_exists(session, task, log)
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
                    undo_log.drop(connection, log.side.name, log.side.schema)
                session.store.move(
                    connection, task.name, State.UNDONE, conflicts=span.skipped
                )
        report = session.report(task, BACK)
    signals.backfill_finished.send(task.name, report=report)
    session.reporter.finished(report)
    return report


def cancel(session: Session, task: Task) -> Record:
    """Give up a backfill; rows changed stay so. A later upgrade begins it anew.

    :raises BackfillError: when the database does not know it.
    """
    with session.errors(task):
        with session.transactions.transaction() as connection:
            session.known(connection, task)
        key = session.key(task)
        write = writer(task.backfill.job, key, None)
        with Walk(session, task, FORWARD, key, write).claim_held():
            with session.transactions.transaction() as connection:
                session.store.move(connection, task.name, State.CANCELLED)
                return session.known(connection, task)


def _check_exists(session: Session, task: Task, log: undo_log.UndoLog) -> None:
    with session.transactions.transaction() as connection:
        inspector = sa.inspect(connection)
        if not inspector.has_table(log.side.name, schema=log.side.schema):
            raise UndoError(
                f"its old values were kept in {log.side.name}, and that table is gone",
                where=task.label,
                state="Nothing was changed",
                next="Bring the table back from a backup, or write the way back by "
                "hand in downgrade() in place of op.undo_backfill",
            )


def _record(session: Session, task: Task) -> Record | None:
    with session.transactions.transaction() as connection:
        if not session.store.exists(connection):
            return None
        return session.store.get(connection, task.name)
