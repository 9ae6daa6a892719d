"""Runs a safe DDL operation: where it has to run, step by step."""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa
from alembic.operations import Operations
from sqlalchemy import exc

from ...backfill import faults
from ...dialects import family
from ...errors import OfflineError
from ...errors import SchemaError
from ...errors import SchemaLockError
from .. import configured
from ..segment import Outside
from ..segment import Suspend
from ..segment import committed
from ..segment import current
from . import journal
from . import locks
from .operation import Operation
from .operation import Step
from .site import Site

if t.TYPE_CHECKING:
    from ...settings import Settings

# What a revision did before it came to the operation that was refused.
_STAYS = {
    "postgresql": "what ran outside of its transaction above it in the revision stays",
    "mysql": "schema changes above it in the revision stay: this database does not "
    "roll them back",
    "sqlite": "schema changes above it in the revision stay: this database does not "
    "roll them back",
}
_ROLLED_BACK = "The revision was rolled back"
_HALF_DONE = "The steps before it stay, and a further run goes on from there"


def run(operations: Operations, operation: Operation) -> None:
    """Do what an operation says, or see that it was done.

    On PostgreSQL, the form for a table in use runs outside of any transaction: each
    of its statements commits by itself and lets its locks go. Under ``flask db
    upgrade`` that is on a connection of its own, while no transaction of Alembic's
    is open; under plain Alembic on Alembic's connection, between two transactions.

    :raises SchemaError: with what was refused.
    """
    with _at_work():
        _run(operations, operation)


def _run(operations: Operations, operation: Operation) -> None:
    context = operations.migration_context
    segment = current.get()
    if segment is not None:
        operation.revision = segment.revision
        if segment.kept:
            kept = committed(segment) or _STAYS[family(context.dialect)]
            operation.unchanged += f" by this directive; {kept}"
        elif segment.changed:
            operation.unchanged = _ROLLED_BACK
    if context.as_sql:
        _write(operations, operation)
        return
    assert context.connection is not None
    settings = configured.settings()
    connection = context.connection
    try:
        site, steps = _patiently(
            connection,
            operation,
            settings,
            lambda: _look(connection, operation, settings),
        )
    except SchemaError:
        # What comes behind it may have taken away what it worked on.
        if segment is not None and segment.has_done(operation.label):
            return
        raise
    if not steps:
        return
    if not operation.is_online(site):
        _do(operations, operation, site, steps, settings)
        if segment is not None:
            segment.kept |= locks.commits_itself(connection)
            segment.changed.append(operation.label)
            segment.note_done(operation.label)
    elif segment is not None:
        engine, schema = connection.engine, context.version_table_schema
        revision, contract = segment.revision, segment.contract

        def do() -> None:
            _apart(engine, operation)
            if revision is not None and contract is not None:
                kept = journal.Journal(engine, schema, "up")
                kept.note(revision, operation.label, contract)

        raise Suspend(Outside(operation.where, engine, do, revision))
    else:
        _between(operations, operation, settings)


def _look(
    connection: sa.Connection, operation: Operation, settings: Settings
) -> tuple[Site, list[Step]]:
    """Return what an operation has to do there, once nothing is in its way."""
    site = _site(connection, operation, settings)
    operation.refuse(site)
    return site, operation.steps(site)


def _steps_left(
    connection: sa.Connection, operation: Operation, settings: Settings
) -> tuple[Site, list[Step]]:
    site = _site(connection, operation, settings)
    return site, operation.steps(site)


def _patiently(
    connection: sa.Connection,
    operation: Operation,
    settings: Settings,
    look: t.Callable[[], tuple[Site, list[Step]]],
) -> tuple[Site, list[Step]]:
    """Look as patiently as a step is taken: a locked table hides its columns."""
    found: list[tuple[Site, list[Step]]] = []
    locks.patiently(
        connection,
        lambda: found.append(look()),
        locks.Patience.of(settings),
        where=operation.where,
        state=operation.unchanged,
        again=_can_go_on(connection),
    )
    return found[-1]


def _site(connection: sa.Connection, operation: Operation, settings: Settings) -> Site:
    table = sa.Table(operation.table, sa.MetaData(), schema=operation.schema)
    site = Site(connection, table, settings.atomic_rows)
    missing = operation.missing(site)
    if missing:
        raise SchemaError(
            missing,
            where=operation.where,
            state=operation.unchanged,
            next="Mend the name in the revision",
        )
    return site


def _apart(engine: sa.Engine, operation: Operation) -> None:
    """Run an operation on a connection of its own."""
    settings = configured.settings()
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    # Its settings must not go back to the app's pool.
    connection.detach()
    with connection:
        try:
            site, steps = _patiently(
                connection,
                operation,
                settings,
                lambda: _look(connection, operation, settings),
            )
        except SchemaLockError:
            raise
        except SchemaError as error:
            # Inside of the revision it was not refused.
            raise SchemaError(
                f"{error.what}, outside of this revision: what the revision itself "
                "creates or changes is not there yet, since this operation runs before "
                "it",
                where=operation.where,
                state=_ROLLED_BACK,
                next=f"Put op.{operation.name} into a revision of its own, behind it",
            ) from error
        except exc.DBAPIError as error:
            raise faults.explain(
                error,
                where=operation.where,
                state=_ROLLED_BACK,
                next="Mend its cause, and run the same command again; if the revision "
                f"itself makes what is not there, put op.{operation.name} into a "
                "revision of its own, behind it",
            ) from error
        _do(None, operation, site, steps, settings)


def _between(operations: Operations, operation: Operation, settings: Settings) -> None:
    """Run an operation on Alembic's connection, between two transactions."""
    context = operations.migration_context
    with contextlib.ExitStack() as block:
        try:
            block.enter_context(context.autocommit_block())
        except AssertionError:
            raise SchemaError(
                "env.py runs the migrations inside a transaction of its own (as the "
                "multi-database template does), which would keep its locks to the end",
                where=operation.where,
                state=operation.unchanged,
                next="Run it with: flask db upgrade (or flask_datamigrate.upgrade())",
            ) from None
        _do_what_is_left(operations, operation, settings)
    # What belongs into the transaction that writes the version.
    _do_what_is_left(operations, operation, settings)


def _do_what_is_left(
    operations: Operations, operation: Operation, settings: Settings
) -> None:
    connection = operations.migration_context.connection
    assert connection is not None
    site, steps = _patiently(
        connection,
        operation,
        settings,
        lambda: _steps_left(connection, operation, settings),
    )
    _do(operations, operation, site, steps, settings)


def _do(
    operations: Operations | None,
    operation: Operation,
    site: Site,
    steps: t.Sequence[Step],
    settings: Settings,
) -> None:
    patience = locks.Patience.of(settings)
    for number, step in enumerate(steps):
        stays = number and locks.commits_itself(site.connection)
        state = _HALF_DONE if stays else operation.unchanged
        try:
            _take(operations, operation, site, step, patience, state)
        except exc.DBAPIError as error:
            if not _can_go_on(site.connection):
                # Its transaction is over, and nothing can be asked.
                raise
            for mending in operation.mend(site):
                _take(operations, operation, site, mending, patience, _HALF_DONE)
            explained = operation.explain(site, error) or faults.explain(
                error,
                where=operation.where,
                state=state,
                next="Mend its cause, and run the same command again",
            )
            raise explained from error


@contextlib.contextmanager
def _at_work() -> t.Iterator[None]:
    """Let it be known that what is sent is a directive's, and not the revision's."""
    segment = current.get()
    if segment is None:
        yield
        return
    segment.in_directive = True
    try:
        yield
    finally:
        segment.in_directive = False


def _take(
    operations: Operations | None,
    operation: Operation,
    site: Site,
    step: Step,
    patience: locks.Patience,
    state: str,
) -> None:
    def call() -> None:
        if isinstance(step, str):
            operation.run(site, step)
        else:
            step(t.cast(Operations, operations))

    locks.patiently(
        site.connection,
        call,
        patience,
        where=operation.where,
        state=state,
        again=_can_go_on(site.connection),
    )


def _can_go_on(connection: sa.Connection) -> bool:
    """Tell whether a statement can follow one that failed.

    Inside of a transaction of PostgreSQL none can.
    """
    options = connection.get_execution_options()
    kind = family(connection.dialect)
    return kind != "postgresql" or options.get("isolation_level") == "AUTOCOMMIT"


def _write(operations: Operations, operation: Operation) -> None:
    """Write an operation into the script of ``--sql``."""
    context = operations.migration_context
    kind = family(context.dialect)
    write = operation.offline.get(kind)
    if write is None:
        raise OfflineError(
            f"on {kind} the table is rebuilt from what the database has, and --sql has "
            "no database",
            where=operation.where,
            state="The script written so far is incomplete",
            next="Run the upgrade without --sql",
        )
    if kind == "postgresql":
        seconds = configured.settings().ddl_lock_timeout
        with context.autocommit_block():
            context.impl.static_output(f"SET lock_timeout = '{seconds * 1000:.0f}ms';")
            for step in write(operation, context.dialect):
                _write_step(operations, step)
            context.impl.static_output("RESET lock_timeout;")
        return
    for step in write(operation, context.dialect):
        _write_step(operations, step)


def _write_step(operations: Operations, step: Step) -> None:
    impl = operations.migration_context.impl
    if isinstance(step, str):
        impl.static_output(step + impl.command_terminator)
    else:
        step(operations)
