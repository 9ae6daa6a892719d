"""A backfill enters the state tables, and may be taken up again."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import exc

from ..errors import BackfillError
from ..errors import EditedError
from ..frozen.compare import check as check_table
from ..frozen.compare import check_key
from . import undo
from .fingerprint import fingerprint
from .session import Session
from .states import State
from .store import FORWARD
from .store import Record
from .task import Task

_GIVEN_BACK = (State.UNDONE, State.CANCELLED)


def register(session: Session, task: Task) -> Record:
    """Write a backfill down, after a look at the table it is for.

    :raises FrozenMismatchError: when the frozen table differs from the database.
    :raises EditedError: when rows were changed by another definition of it.
    """
    _create_tables(session)
    backfill, store = task.backfill, session.store
    with session.transactions.transaction() as connection:
        now = fingerprint(backfill, connection.dialect)
        check_table(connection, backfill.table, where=task.owner)
        check_key(connection, backfill.table, backfill.key, where=task.owner)
        record = store.register(
            connection,
            name=task.name,
            revision=task.revision,
            kind=backfill.job.kind,
            table_name=backfill.table.fullname,
            fingerprint=now,
            key_columns=_key_columns(task),
            deferred=bool(backfill.deferred),
        )
        if record.revision is None:
            # Begun in place by plain Alembic, which does not tell the revision.
            store.update(connection, task.name, revision=task.revision)
        elif task.revision not in (None, record.revision):
            raise BackfillError(
                f"the name {task.name} is taken by revision {record.revision}",
                where=task.label,
                state="Nothing was changed",
                next="Give one of them another name=",
            )
        if record.state in _GIVEN_BACK:
            _restart(session, connection, task, record)
        elif record.fingerprint != now:
            if _has_changed_rows(session, connection, task):
                raise _edited(task, record, now)
            _redefine(session, connection, task, record)
        store.update(connection, task.name, fingerprint=now)
        return session.known(connection, task)


def begin_anew(session: Session, task: Task) -> None:
    """Make a backfill pending again if its revision was applied before.

    Called when the revision is about to be applied. It was taken back then, with
    whatever its rows stood on, and what the state tables say is of that time.
    """
    with session.transactions.transaction() as connection:
        if not session.store.exists(connection):
            return
        record = session.store.get(connection, task.name)
        if record is None or not record.applied:
            return
        if record.state is State.PENDING:
            session.store.update(connection, task.name, applied=False)
            return
        if record.undo_table is not None and record.state not in _GIVEN_BACK:
            raise _would_lose_old_values(task, record)
        _restart(session, connection, task, record)
    session.reporter.noted(
        f"{task.name}: its revision was applied before; beginning at the first row"
    )


def accept(session: Session, task: Task) -> Record:
    """Take the definition as it is now for the right one.

    The next run goes on from where the last one stopped.

    :raises BackfillError: when the backfill was never begun, or cannot go on by the
        new definition.
    """
    with session.transactions.transaction() as connection:
        record = session.known(connection, task)
        now = fingerprint(task.backfill, connection.dialect)
        if _has_changed_rows(session, connection, task):
            _check_goes_on(session, task, record)
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
    _drop_old_values(connection, task, record)
    session.store.restart(connection, task.name, "the revision is applied again")


def _redefine(
    session: Session, connection: sa.Connection, task: Task, record: Record
) -> None:
    """Take up another definition before the first batch: other bounds or columns."""
    _drop_old_values(connection, task, record)
    session.store.drop_ranges(connection, task.name)
    session.store.update(
        connection,
        task.name,
        undo_table=None,
        kind=task.backfill.job.kind,
        table_name=task.backfill.table.fullname,
        key_columns=_key_columns(task),
    )


def _drop_old_values(connection: sa.Connection, task: Task, record: Record) -> None:
    if record.undo_table is not None:
        undo.drop(connection, record.undo_table, task.backfill.table.schema)


def _check_goes_on(session: Session, task: Task, record: Record) -> None:
    """Refuse a definition that cannot take over where another one stopped."""
    kept = session.undo_log(task).side.name if task.backfill.undo else None
    if record.key_columns != _key_columns(task):
        what = (
            f"it pages by another key than the rows done so far: {record.key_columns}"
        )
    elif record.table_name != task.backfill.table.fullname:
        what = f"it is of another table than the rows done so far: {record.table_name}"
    elif record.undo_table != kept:
        what = "its undo= or the columns it changes differ from the rows done so far"
    else:
        return
    raise BackfillError(
        f"the new definition cannot go on where the old one stopped: {what}",
        where=task.label,
        state=f"It is {record.state.value}, and nothing was changed now",
        next="Take that edit back, and put the new work into a backfill of its own",
    )


def _key_columns(task: Task) -> str:
    return ", ".join(column.name for column in task.backfill.key)


def _has_changed_rows(session: Session, connection: sa.Connection, task: Task) -> bool:
    span = session.store.range(connection, task.name, FORWARD)
    return span is not None and span.batches > 0


def _would_lose_old_values(task: Task, record: Record) -> BackfillError:
    return BackfillError(
        f"it is {record.state.value} from an earlier time, and its revision was taken "
        "back without op.undo_backfill, or by flask db stamp; beginning anew would "
        f"lose the old values kept in {record.undo_table}",
        where=task.label,
        state="Nothing was changed",
        next=f"If its rows are as it left them, restore them first: flask db data undo "
        f"{task.name}. If they are to be changed once more: flask db data cancel "
        f"{task.name}. If the work still counts: flask db stamp {task.revision}",
    )


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
