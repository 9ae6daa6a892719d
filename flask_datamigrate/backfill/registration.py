"""A backfill enters the state tables, and may be taken up again."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import exc

from ..counting import counted
from ..errors import BackfillError
from ..errors import EditedError
from . import failures
from . import left_alone
from . import preconditions
from .fingerprint import fingerprint
from .ranges import FORWARD
from .session import Session
from .states import State
from .store import Record
from .task import Task
from .undo import side_tables

_GIVEN_BACK = (State.UNDONE, State.CANCELLED)


def register(session: Session, task: Task) -> Record:
    """Write a backfill down, after a look at the tables it is for.

    :raises FrozenMismatchError: when a frozen table differs from the database.
    :raises EditedError: when rows were changed by another definition of it.
    """
    _create_tables(session)
    try:
        return _register(session, task)
    except exc.IntegrityError:
        # Another process has written it down at the same moment.
        return _register(session, task)


def _register(session: Session, task: Task) -> Record:
    backfill, store = task.backfill, session.store
    with session.transactions.transaction() as connection:
        now = fingerprint(backfill, connection.dialect)
        preconditions.check(connection, backfill, where=task.owner)
        preconditions.check_paging(connection, backfill, where=task.owner)
        if backfill.undo:
            session.kept(task).check(connection, task.label)
        _check_not_renamed(session, connection, task)
        record = store.register(
            connection,
            name=task.name,
            revision=task.revision,
            fingerprint=now,
            **_described(task),
        )
        if record.state is State.UNDOING:
            raise failures.half_undone(record, record.applied)
        settled = record.revision is not None and record.fingerprint == now
        if not settled or record.state in _GIVEN_BACK:
            record = _locked(session, connection, task)
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
            # One that was given up and is run after all may be of an applied revision.
            _restart(session, connection, task, record, applied=record.applied)
        elif record.fingerprint != now:
            if _has_changed_rows(session, connection, task):
                raise _edited(task, record, now)
            _redefine(session, connection, task, record)
        if record.fingerprint != now:
            store.update(connection, task.name, fingerprint=now)
        return session.known(connection, task.name, task.label)


def defer(session: Session, task: Task) -> Record:
    """Register a backfill that ``flask db data run`` is to run.

    :raises DataMigrateError: as :func:`register` does.
    """
    register(session, task)
    with session.transactions.transaction() as connection:
        session.store.update(connection, task.name, deferred=True)
        return session.known(connection, task.name, task.label)


def begin_anew(session: Session, task: Task) -> None:
    """Make a backfill pending again if its revision was applied before.

    Called when the revision is about to be applied. It was taken back then, with
    whatever its rows stood on, and what the state tables say is of that time.
    """
    with session.transactions.transaction() as connection:
        if not session.store.exists(connection):
            return
        record = session.store.get(connection, task.name, locked=True)
        if record is None or not record.applied:
            return
        if record.state is State.PENDING:
            session.store.update(connection, task.name, applied=False)
            return
        if record.state is State.UNDOING:
            raise failures.half_undone(record, applied=False)
        if record.undo_table is not None and record.state not in _GIVEN_BACK:
            raise _would_lose_old_values(task, record)
        _restart(session, connection, task, record, applied=False)
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
        record = session.known(connection, task.name, task.label)
        now = fingerprint(task.backfill, connection.dialect)
        if _has_changed_rows(session, connection, task):
            _check_goes_on(session, task, record)
            session.store.update(connection, task.name, unproven=True)
        session.store.update(connection, task.name, fingerprint=now, **_described(task))
        return session.known(connection, task.name, task.label)


def _create_tables(session: Session) -> None:
    # Another process may be at it: where tables are made one by one, each error is
    # that of a table it has made meanwhile.
    left = len(session.store.tables.metadata.tables)
    while True:
        with session.transactions.transaction() as connection:
            if session.store.exists(connection):
                return
        try:
            with session.transactions.transaction() as connection:
                session.store.create(connection)
        except exc.DBAPIError:
            left -= 1
            if not left:
                raise


def _restart(
    session: Session,
    connection: sa.Connection,
    task: Task,
    record: Record,
    *,
    applied: bool,
) -> None:
    """Begin anew what was taken back, or given up.

    :raises BackfillError: when values of rows that an undo left alone would be lost.
    """
    again = left_alone.run_command(task, record) if applied else "flask db upgrade"
    refusal = left_alone.would_lose(task, record, task.label, again)
    is_left = refusal is None or _is_anything_left(session, connection, task, record)
    if refusal is not None and is_left:
        raise refusal
    if left_alone.is_met_again(task, record) and is_left:
        session.reporter.noted(f"{task.name}: {left_alone.once_more(record)}")
    changed = session.store.ranges.total(connection, task.name, FORWARD).changed
    if record.state is State.CANCELLED and changed and not task.backfill.job.repeatable:
        session.reporter.noted(
            f"{task.name}: it was given up after it had changed "
            f"{counted(changed, 'row')}; it begins anew, and may change them once more"
        )
    _drop_old_values(connection, task, record)
    detail = "it is run after all" if applied else "the revision is applied again"
    session.store.restart(connection, task.name, detail, applied=applied)
    session.store.update(connection, task.name, **_described(task))


def _is_anything_left(
    session: Session, connection: sa.Connection, task: Task, record: Record
) -> bool:
    """Tell whether rows that an undo has left alone are not as they were before it.

    The downgrade of a staged change drops the columns, and the upgrade makes new ones.
    """
    log = session.kept(task)
    return record.undo_table != log.side.name or log.is_anything_left(connection)


def _redefine(
    session: Session, connection: sa.Connection, task: Task, record: Record
) -> None:
    """Take up another definition before the first batch: other bounds or columns."""
    _drop_old_values(connection, task, record)
    session.store.ranges.drop(connection, task.name)
    session.store.update(
        connection,
        task.name,
        undo_table=None,
        **_described(task),
    )


def _drop_old_values(connection: sa.Connection, task: Task, record: Record) -> None:
    if record.undo_table is not None:
        schema = task.backfill.changed_table.schema
        side_tables.drop(connection, record.undo_table, schema)


def _check_goes_on(session: Session, task: Task, record: Record) -> None:
    """Refuse a definition that cannot take over where another one stopped."""
    kept = session.kept(task).side.name if task.backfill.undo else None
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


def _described(task: Task) -> dict[str, str]:
    """Return what a backfill's row says of its definition."""
    return {
        "kind": task.backfill.job.kind,
        "table_name": task.backfill.table.fullname,
        "key_columns": _key_columns(task),
    }


def _key_columns(task: Task) -> str:
    return ", ".join(column.name for column in task.backfill.key)


def _locked(session: Session, connection: sa.Connection, task: Task) -> Record:
    """Read a task's row again, to change it by what it says."""
    record = session.store.get(connection, task.name, locked=True)
    assert record is not None
    return record


def _has_changed_rows(session: Session, connection: sa.Connection, task: Task) -> bool:
    # Under their lock: the first batch may be committed at this moment.
    found = session.store.ranges.all(connection, task.name, FORWARD, locked=True)
    return any(span.batches for span in found)


def _check_not_renamed(session: Session, connection: sa.Connection, task: Task) -> None:
    """Refuse a new name beside one that has done rows and is in no file any more.

    Under its new name a backfill would begin at the first row once more.
    """
    store = session.store
    if not task.siblings or store.get(connection, task.name) is not None:
        return
    for record in store.all(connection):
        gone = record.revision == task.revision and record.name not in task.siblings
        if not gone or record.state in _GIVEN_BACK or not _counts(task, record):
            continue
        total = store.ranges.total(connection, record.name, FORWARD)
        if total.batches:
            raise BackfillError(
                f"its revision has begun a backfill {record.name}, which its file no "
                f"longer defines, and {task.name} would begin at the first row",
                where=task.label,
                state=f"{record.name} is {record.state.value}, "
                f"{counted(total.changed, 'row')} changed; nothing was changed now",
                next=f"If they are the same, give it that name: name={record.name!r}; "
                f"if not, give the old one up: flask db data cancel {record.name}",
            )


def _counts(task: Task, record: Record) -> bool:
    """Tell whether work under a lost name may be meant for a new one."""
    if record.state is not State.FINISHED:
        return True
    # Finished work counts until its revision is written down. What a function made
    # has a name that was given, and is in the file all the same.
    given = record.name != task.revision and not record.name.startswith(
        f"{task.revision}."
    )
    return not record.applied and not given


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
