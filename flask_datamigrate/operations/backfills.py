"""What ``op.backfill`` and ``op.undo_backfill`` do, in each way they can be called."""

from __future__ import annotations

import logging
import typing as t

from ..backfill.connections import AlembicTransactions
from ..backfill.definition import Backfill
from ..backfill.reporting import LogReporter
from ..backfill.runner import Runner
from ..backfill.runner import Task
from ..backfill.states import STARTABLE
from ..backfill.states import State
from ..backfill.store import Record
from ..backfill.store import Store
from ..dialects import family
from ..errors import DefinitionError
from ..errors import MixedRevisionError
from ..frozen.history import replaying
from . import atomic
from . import configured
from . import naming
from . import offline
from .log import LOGGER
from .segment import Segment
from .segment import Suspend
from .segment import Work
from .segment import current

if t.TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

_NOTHING_TO_UNDO = (State.PENDING, State.UNDONE)
_DATABASES = ("postgresql", "mysql", "sqlite")


def apply(context: MigrationContext, backfill: t.Any) -> None:
    """Run a backfill, or see that it was run.

    :raises DefinitionError: when it is not a backfill or the database is not one of
        the three.
    """
    _check(context, backfill)
    if replaying.get():
        return
    segment = current.get()
    if context.as_sql:
        offline.write(context, backfill)
    elif backfill.atomic:
        where = f"table {backfill.table.name}"
        if segment is not None and segment.revision is not None:
            where = f"revision {segment.revision}, {where}"
        atomic.run(context, backfill, configured.settings().atomic_rows, where)
    elif segment is None:
        _run_in_place(context, backfill)
    else:
        _step_over(context, backfill, segment)


def undo(context: MigrationContext, backfill: t.Any) -> None:
    """Restore what a backfill changed, or see that it was restored."""
    _check(context, backfill)
    if replaying.get():
        return
    segment = current.get()
    if context.as_sql:
        offline.refuse_undo(backfill)
    if segment is None:
        _undo_in_place(context, backfill)
        return
    task = naming.task_of(backfill, context.script, segment.revision)
    record = _record(context, task)
    if record is None or record.state not in _NOTHING_TO_UNDO:
        raise Suspend(_work("undo", context, task))
    _applied_with_version(context, task, False)


def _step_over(context: MigrationContext, backfill: Backfill, segment: Segment) -> None:
    task = naming.task_of(backfill, context.script, segment.revision)
    record = _record(context, task)
    deferred = segment.deferred if backfill.deferred is None else backfill.deferred
    deferred = deferred and segment.revision not in segment.at_once
    if record is None or not _is_ready(record, deferred):
        raise Suspend(_work("defer" if deferred else "run", context, task))
    _applied_with_version(context, task, True)


def _is_ready(record: Record, deferred: bool) -> bool:
    """Tell whether a revision can be written down as applied.

    A backfill whose revision was applied before is of one that was taken back
    without an undo, and has to be done again.
    """
    if record.applied:
        return False
    return record.state is State.FINISHED or (deferred and record.state in STARTABLE)


def _run_in_place(context: MigrationContext, backfill: Backfill) -> None:
    task = naming.task_of(backfill, context.script, None)
    runner = _runner_in_place(context, task)
    runner.begin_anew(task)
    deferred = backfill.deferred
    if deferred is None:
        deferred = configured.settings().backfills == "deferred"
    if deferred:
        runner.defer(task)
    else:
        runner.run(task)
    _applied_with_version(context, task, True)


def _undo_in_place(context: MigrationContext, backfill: Backfill) -> None:
    task = naming.task_of(backfill, context.script, None)
    runner = _runner_in_place(context, task)
    record = _record(context, task)
    if record is None or record.state not in _NOTHING_TO_UNDO:
        runner.undo(task)
    _applied_with_version(context, task, False)


def _runner_in_place(context: MigrationContext, task: Task) -> Runner:
    """Return a runner on Alembic's own connection, where commit points are sound.

    :raises MixedRevisionError: when ``env.py`` began a transaction of its own, as
        the multi-database template does: nothing can be committed inside it.
    """
    try:
        with context.autocommit_block():
            pass
    except AssertionError:
        raise MixedRevisionError(
            "env.py runs the migrations inside a transaction of its own (as the "
            "multi-database template does), where no batch can be committed",
            where=task.label,
            state="No row was changed",
            next="Run it with: flask db upgrade (or flask_datamigrate.upgrade())",
        ) from None
    values = configured.settings()
    return Runner(
        AlembicTransactions(context),
        values,
        schema=context.version_table_schema,
        reporter=LogReporter(logging.getLogger(LOGGER), values.log_seconds),
    )


def _work(
    kind: t.Literal["run", "defer", "undo"], context: MigrationContext, task: Task
) -> Work:
    assert context.connection is not None
    return Work(kind, task, context.connection.engine, context.version_table_schema)


def _record(context: MigrationContext, task: Task) -> Record | None:
    connection = context.connection
    assert connection is not None
    store = Store(context.version_table_schema, connection.dialect)
    return store.get(connection, task.name) if store.exists(connection) else None


def _applied_with_version(context: MigrationContext, task: Task, applied: bool) -> None:
    """Note the step in the transaction that writes the version, after it is written.

    Any earlier, and the commit point of another backfill, a block of the user's own
    or DDL on MySQL could commit the note without the version: the next upgrade would
    take the rows for those of an earlier application, and begin anew.
    """

    def note(**step: t.Any) -> None:
        context.on_version_apply_callbacks = tuple(
            other for other in context.on_version_apply_callbacks if other is not note
        )
        connection = context.connection
        assert connection is not None
        store = Store(context.version_table_schema, connection.dialect)
        store.update(connection, task.name, applied=applied)

    # First, since a callback of env.py may refuse the step.
    context.on_version_apply_callbacks = (note, *context.on_version_apply_callbacks)


def _check(context: MigrationContext, backfill: t.Any) -> None:
    if not isinstance(backfill, Backfill):
        raise DefinitionError(
            f"it was given {type(backfill).__name__}",
            where="op.backfill",
            next="Give it a Backfill(...); for plain SQL use op.execute",
        )
    if family(context.dialect) not in _DATABASES:
        raise DefinitionError(
            f"backfills run on PostgreSQL, MySQL, MariaDB and SQLite, not on "
            f"{context.dialect.name}",
            where=f"table {backfill.table.name}",
        )
