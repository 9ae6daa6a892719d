"""A backfill enters the state tables, and may be taken up again."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import exc

from ..errors import BackfillError
from ..errors import EditedError
from ..frozen.compare import check as check_table
from ..frozen.compare import check_key
from .fingerprint import fingerprint
from .session import Session
from .states import State
from .store import FORWARD
from .store import Record
from .task import Task


def register(session: Session, task: Task) -> Record:
    """Write a backfill down, after a look at the table it is for.

    :raises FrozenMismatchError: when the frozen table differs from the database.
    :raises EditedError: when rows were changed by another definition of it.
    """
    _create_tables(session)
    backfill, store = task.backfill, session.store
    now = fingerprint(backfill, session.transactions.dialect)
    with session.transactions.transaction() as connection:
        check_table(connection, backfill.table, where=task.owner)
        check_key(connection, backfill.table, backfill.key, where=task.owner)
        record = store.register(
            connection,
            name=task.name,
            revision=task.revision,
            kind=backfill.job.kind,
            table_name=backfill.table.fullname,
            fingerprint=now,
            deferred=bool(backfill.deferred),
        )
        if record.revision != task.revision:
            raise BackfillError(
                f"the name {task.name} is taken by revision {record.revision}",
                where=task.label,
                state="Nothing was changed",
                next="Give one of them another name=",
            )
        if record.state is State.UNDONE or (
            record.state is State.FINISHED and record.applied
        ):
            _restart(session, connection, task, record)
        elif record.fingerprint != now and _has_changed_rows(session, connection, task):
            raise _edited(task, record, now)
        store.update(connection, task.name, fingerprint=now)
        return session.known(connection, task)


def accept(session: Session, task: Task) -> Record:
    """Take the definition as it is now for the right one.

    The next run goes on from where the last one stopped.

    :raises BackfillError: when the backfill was never begun.
    """
    now = fingerprint(task.backfill, session.transactions.dialect)
    with session.transactions.transaction() as connection:
        session.known(connection, task)
        session.store.update(connection, task.name, fingerprint=now)
        return session.known(connection, task)


def _create_tables(session: Session) -> None:
    with session.transactions.transaction() as connection:
        if session.store.exists(connection):
            return
    try:
        with session.transactions.transaction() as connection:
            session.store.create(connection)
    except exc.DBAPIError:
        # Another process may have been quicker.
        with session.transactions.transaction() as connection:
            if not session.store.exists(connection):
                raise


def _restart(
    session: Session, connection: sa.Connection, task: Task, record: Record
) -> None:
    """Begin anew: the revision was taken back and is applied again."""
    if record.undo_table is not None:
        session.undo_log(task, record.undo_table).drop(connection)
    session.store.restart(connection, task.name, "the revision is applied again")


def _has_changed_rows(session: Session, connection: sa.Connection, task: Task) -> bool:
    span = session.store.range(connection, task.name, FORWARD)
    return span is not None and span.batches > 0


def _edited(task: Task, record: Record, now: str) -> EditedError:
    return EditedError(
        f"its definition changed since it was begun: it was {record.fingerprint} "
        f"and is {now}",
        where=task.label,
        state=f"It is {record.state.value}; the rows done so far were changed by the "
        "old definition",
        next="Take the edit back; or, if the rows still to come should be changed by "
        f"the new definition, run: flask db data accept {task.name}",
    )
