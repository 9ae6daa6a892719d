"""Every backfill of an app: those its databases know and those still to come."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app

from .. import scripts
from ..backfill.connections import family
from ..backfill.keys import describe
from ..backfill.processes import describe as describe_process
from ..backfill.processes import is_dead
from ..backfill.progress import fraction
from ..backfill.runner import Task
from ..backfill.states import State
from ..backfill.store import BACK
from ..backfill.store import FORWARD
from ..backfill.store import Range
from ..backfill.store import Record
from ..backfill.store import Store
from ..backfill.tables import clock
from ..operations import naming


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One backfill on one database.

    :param bind: the bind key of the database; ``None`` for the default one, and for
        a backfill that no database knows yet.
    :param record: its row; ``None`` when it was never begun.
    :param span: the range it walks; ``None`` when it was never begun.
    :param runner: the live process that runs it, for people.
    :param task: its definition; ``None`` when its file is gone.
    """

    name: str
    bind: str | None
    record: Record | None
    span: Range | None
    runner: str | None
    task: Task | None

    @property
    def state(self) -> State:
        """Its state; a run that no live process is at is shown as paused."""
        if self.record is None:
            return State.PENDING
        if self.record.state in (State.RUNNING, State.VERIFYING) and not self.runner:
            return State.PAUSED
        return self.record.state

    def as_json(self) -> dict[str, t.Any]:
        """Return what ``flask db data status --json`` prints of it."""
        record, span = self.record, self.span
        position = None
        if span is not None and span.position is not None and self.task is not None:
            position = describe(self.task.backfill.key, span.position)
        return {
            "name": self.name,
            "bind": self.bind,
            "revision": record.revision if record else self._revision,
            "kind": record.kind if record else self._kind,
            "table": record.table_name if record else self._table,
            "state": self.state.value,
            "applied": bool(record and record.applied),
            "deferred": bool(record and record.deferred),
            "rows_before": record.rows_before if record else None,
            "rows_before_exact": bool(record and record.rows_before_exact),
            "rows_changed": span.changed if span else 0,
            "rows_skipped": span.skipped if span else 0,
            "rows_left": record.rows_left if record else None,
            "conflicts": record.conflicts if record else 0,
            "batches": span.batches if span else 0,
            "batch_size": span.batch_size if span else None,
            "seconds": round(span.seconds, 3) if span else 0.0,
            "fraction": self.fraction,
            "position": position,
            "runner": self.runner,
            "started_at": record.started_at if record else None,
            "ended_at": record.ended_at if record else None,
            "error": record.error if record else None,
        }

    @property
    def fraction(self) -> float | None:
        """How far it is, 0 to 1; ``None`` when that is not known."""
        if self.state in (State.FINISHED, State.UNDONE):
            return 1.0
        rows = self.record.rows_before if self.record else None
        return fraction(self.span, rows) if self.span else None

    @property
    def _revision(self) -> str | None:
        return self.task.revision if self.task else None

    @property
    def _kind(self) -> str | None:
        return self.task.backfill.job.kind if self.task else None

    @property
    def _table(self) -> str | None:
        return self.task.backfill.table.fullname if self.task else None


def script_directory(directory: str | None) -> ScriptDirectory:
    """Return the migration scripts of the current app."""
    migrate = current_app.extensions["migrate"].migrate
    return scripts.directory(migrate.get_config(directory))


def applied(engine: sa.Engine, tree: ScriptDirectory) -> set[str]:
    """Return the revisions that are applied on a database."""
    arguments = current_app.extensions["migrate"].configure_args
    names = ("version_table", "version_table_schema")
    options = {name: arguments[name] for name in names if name in arguments}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        return scripts.ancestors(tree, context.get_current_heads())


def engines() -> dict[str | None, sa.Engine]:
    """Return the databases of the current app by bind key."""
    found: dict[str | None, sa.Engine] = current_app.extensions["migrate"].db.engines
    return dict(found)


def state_schema() -> str | None:
    """Return the schema the app keeps ``alembic_version`` and the state tables in."""
    arguments = current_app.extensions["migrate"].configure_args
    return t.cast("str | None", arguments.get("version_table_schema"))


def entries(directory: str | None) -> list[Entry]:
    """Return every backfill, those begun first, then those still to come."""
    tree = script_directory(directory)
    tasks: dict[str, Task] = {}
    with scripts.errors_in(tree.dir):
        for script in reversed(list(tree.walk_revisions())):
            tasks.update({task.name: task for task in naming.backfills_of(script)})
    known: list[Entry] = []
    for bind, engine in engines().items():
        known += _known(bind, engine, tasks)
    begun = {entry.name for entry in known}
    coming = [
        Entry(name, None, None, None, None, task)
        for name, task in tasks.items()
        if name not in begun
    ]
    return known + coming


def _known(
    bind: str | None, engine: sa.Engine, tasks: t.Mapping[str, Task]
) -> t.Iterator[Entry]:
    store = Store(state_schema(), engine.dialect)
    with contextlib.closing(engine.connect()) as connection:
        if not store.exists(connection):
            return
        now = connection.execute(sa.select(clock(family(engine.dialect)))).scalar_one()
        for record in store.all(connection):
            direction = (
                BACK if record.state in (State.UNDOING, State.UNDONE) else FORWARD
            )
            span = store.range(connection, record.name, direction)
            runner = None
            if span is not None and span.owner is not None:
                live = (span.lease_until or 0) >= now and not is_dead(span.owner)
                runner = describe_process(span.owner) if live else None
            yield Entry(record.name, bind, record, span, runner, tasks.get(record.name))
