"""The segmented upgrade: Alembic for schema, the engine for rows, in turn.

Alembic stops in front of a data migration. It then steps onto it alone; when the
revision's ``op.backfill`` finds work to do, the step is left, the engine does the
work on its own connections with no transaction of Alembic's open, and the step is
taken again. This is sound on every database and with any ``env.py``.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import logging
import threading
import typing as t

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.util import CommandError
from sqlalchemy import exc

from .. import scripts
from ..backfill import faults
from ..backfill.reporting import BackfillReport
from ..backfill.reporting import Reporter
from ..errors import BackfillError
from ..errors import DataMigrateError
from ..errors import DefinitionError
from ..errors import InterruptedRun
from ..operations.segment import Segment
from ..operations.segment import Suspend
from ..operations.segment import Work
from ..operations.segment import current
from ..settings import Settings
from . import lock
from .report import UpgradeReport

if t.TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from alembic.runtime.migration import RevisionStep

    from . import mixing

Direction = t.Literal["up", "down"]

_MOST_ATTEMPTS = 2
"""How often one piece of work is done for one step; a second time is already odd."""


@dataclasses.dataclass(slots=True)
class Database:
    """One database that ``env.py`` migrates, and the steps it still has to take.

    :param schema: the schema of its ``alembic_version``.
    """

    engine: sa.Engine
    schema: str | None
    transactional_ddl: bool
    heads: tuple[str, ...]
    steps: list[RevisionStep]


class Migration:
    """One upgrade or downgrade.

    :param config: as ``DataMigrate.get_config`` returns it.
    :param revision: the target, in any form Alembic takes.
    :param wait: seconds to wait for the migration lock.
    :param deferred: whether backfills that do not say are only registered.
    """

    def __init__(
        self,
        config: Config,
        direction: Direction,
        revision: str,
        *,
        tag: str | None,
        settings: Settings,
        wait: float,
        deferred: bool,
        reporter: Reporter,
        stop: threading.Event,
    ) -> None:
        self._config = config
        self._direction = direction
        self._target = revision
        self._tag = tag
        self._settings = settings
        self._wait = wait
        self._deferred = deferred
        self._reporter = reporter
        self._stop = stop
        self._script = scripts.directory(config)
        self._said: set[str] = set()
        self._readings: dict[str, mixing.Reading] = {}
        self._revisions: list[str] = []
        self._reports: list[BackfillReport] = []
        self._registered: list[str] = []
        self._attempts: collections.Counter[tuple[str, str, str]] = (
            collections.Counter()
        )

    def run(self) -> UpgradeReport:
        """Bring every database to the target.

        :raises DataMigrateError: with what failed, where, and what to do.
        """
        databases = self._plan()
        if not all(database.heads and not database.steps for database in databases):
            patience = lock.Patience(self._wait, self._reporter, self._stop)
            engine = databases[0].engine
            with (
                self._errors(Segment(), databases),
                lock.hold(engine, self._settings, patience) as held,
            ):
                # Another upgrade may have ended while this one waited.
                from . import unfinished

                databases = self._plan()
                self._migrate(databases, held)
                self._registered = [
                    name
                    for database in databases
                    for name in unfinished.waiting(database.engine, database.schema)
                ]
        return UpgradeReport(
            tuple(dict.fromkeys(self._revisions)),
            tuple(self._reports),
            tuple(self._registered),
        )

    def _plan(self) -> list[Database]:
        """Ask each database where it is, and Alembic which steps that leaves."""
        databases: list[Database] = []

        def look(heads: tuple[str, ...], context: MigrationContext) -> list[t.Any]:
            assert context.connection is not None
            revs = (
                self._script._upgrade_revs
                if self._direction == "up"
                else self._script._downgrade_revs
            )
            databases.append(
                Database(
                    context.connection.engine,
                    context.version_table_schema,
                    context.impl.transactional_ddl,
                    tuple(heads),
                    list(revs(self._target, t.cast(str, heads))),
                )
            )
            return []

        with self._errors(Segment(), databases):
            self._run_env(look, dont_mutate=True)
        return databases

    def _migrate(self, databases: list[Database], held: lock.Held) -> None:
        for database in databases:
            for step in database.steps:
                self._reading(step).refuse_mixture(self._direction)
            if self._direction == "down":
                self._refuse_to_undermine(database)
        first = True
        while first or any(database.steps for database in databases):
            held.check()
            self._check_stop()
            first = False
            try:
                self._segment(databases)
            except Suspend as suspend:
                self._do(suspend.work)

    def _refuse_to_undermine(self, database: Database) -> None:
        """Refuse to take back what a half-done backfill stands on."""
        from . import unfinished

        taken = {step.revision.revision for step in database.steps}
        known = {script.revision for script in self._script.walk_revisions()}
        for record in unfinished.begun(database.engine, database.schema):
            if record.revision not in known:
                # Its file is gone, and nothing can go on with it.
                continue
            below = scripts.ancestors(self._script, (record.revision,)) & taken
            if below:
                raise unfinished.undermined(record, sorted(below))

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise InterruptedRun(
                "stopped between two revisions, everything before is saved",
                next="Run the same command again to go on from there",
            )

    def _segment(self, databases: list[Database]) -> None:
        """Let Alembic take steps: schema as far as it goes, or one data migration."""
        schema = any(d.steps and not self._is_data(d.steps[0]) for d in databases)
        waiting = iter(databases)
        taken: list[tuple[Database, int]] = []
        passed: list[str] = []
        segment = Segment(deferred=self._deferred)

        def steps(heads: t.Any, context: MigrationContext) -> t.Iterator[RevisionStep]:
            database = next(waiting)
            count = 0
            for step in self._next_steps(database, schema):
                segment.revision = step.revision.revision
                segment.stepped.clear()
                yield step
                passed.append(step.revision.revision)
                count += 1
            taken.append((database, count))

        token = current.set(segment)
        try:
            with self._errors(segment, databases):
                self._run_env(steps)
        except Suspend:
            revision = segment.revision
            if not schema or revision is None:
                raise
            # Its file did not show it; from now on it is stepped alone, when the
            # schema in front of it is committed.
            self._readings[revision] = dataclasses.replace(
                self._readings[revision], data=True
            )
            self._drop_committed(databases)
            return
        finally:
            current.reset(token)
        for database, count in taken:
            del database.steps[:count]
        self._revisions += passed

    def _drop_committed(self, databases: list[Database]) -> None:
        """Drop the steps that were committed before a segment was left.

        That is none where Alembic runs all of a segment in one transaction, and each
        one that was passed where it commits every revision by itself.
        """
        found: list[tuple[str, ...]] = []

        def look(heads: tuple[str, ...], context: MigrationContext) -> list[t.Any]:
            found.append(tuple(heads))
            return []

        self._run_env(look, dont_mutate=True)
        for database, heads in zip(databases, found, strict=True):
            applied = scripts.ancestors(self._script, heads)
            while database.steps:
                revision = database.steps[0].revision.revision
                if (revision in applied) is not (self._direction == "up"):
                    break
                self._revisions.append(revision)
                del database.steps[0]

    def _next_steps(self, database: Database, schema: bool) -> list[RevisionStep]:
        if not schema:
            return [step for step in database.steps[:1] if self._is_data(step)]
        steps = []
        for step in database.steps:
            if self._is_data(step):
                break
            steps.append(step)
        return steps

    def _is_data(self, step: RevisionStep) -> bool:
        return self._reading(step).data

    def _reading(self, step: RevisionStep) -> mixing.Reading:
        revision = step.revision.revision
        if revision not in self._readings:
            from . import mixing

            self._readings[revision] = mixing.read(step.revision)
        return self._readings[revision]

    def _do(self, work: Work) -> None:
        """Do what a revision needs before it can be stepped over."""
        task = work.task
        attempt = (str(work.engine.url), work.kind, task.name)
        self._attempts[attempt] += 1
        if self._attempts[attempt] > _MOST_ATTEMPTS:
            raise BackfillError(
                "it was done, and the revision asks for it again",
                where=task.label,
                next="See flask db data status",
            )
        # The engine is imported by those who have work for it: most upgrades of a
        # container that starts have none.
        from . import work as engine

        report = engine.do(work, self._settings, self._reporter, self._stop)
        if report is not None:
            self._reports.append(report)

    def _run_env(self, fn: t.Callable[..., t.Any], **options: t.Any) -> None:
        with (
            EnvironmentContext(
                self._config,
                self._script,
                fn=fn,
                as_sql=False,
                starting_rev=None,
                destination_rev=self._target,
                tag=self._tag,
                **options,
            ),
            _said_once(self._said),
        ):
            self._script.run_env()

    @contextlib.contextmanager
    def _errors(self, segment: Segment, databases: list[Database]) -> t.Iterator[None]:
        """Turn what the database refuses in a revision into one clear error."""
        try:
            yield
        except exc.DBAPIError as error:
            where, state = "flask db upgrade", ""
            if self._direction == "down":
                where = "flask db downgrade"
            if segment.revision is not None:
                where = f"revision {segment.revision}"
                state = _state(databases)
            statement = " ".join((error.statement or "").split())
            advice = f"{faults.classify(error).advice}: run the same command again"
            explained = faults.explain(error, where=where, state=state, next=advice)
            if statement:
                raise DataMigrateError(
                    f"{explained.what}, in: {statement[:300]}",
                    where=where,
                    state=state,
                    next=explained.next,
                ) from error
            raise explained from error
        except DefinitionError as error:
            raise scripts.located(error, self._script.dir) from error
        except CommandError as error:
            raise scripts.advised(error) from error
        except Exception as error:
            state = "" if segment.revision is None else _state(databases)
            raise scripts.explain(
                error, self._script.dir, revision=segment.revision, state=state
            ) from error


def _state(databases: list[Database]) -> str:
    if all(database.transactional_ddl for database in databases):
        return _ROLLED_BACK
    return _NOT_ROLLED_BACK


_ROLLED_BACK = "The revision was rolled back"
_NOT_ROLLED_BACK = (
    "This database does not roll DDL back, so the schema changes above the failed one "
    "in the revision stay"
)


@contextlib.contextmanager
def _said_once(said: set[str]) -> t.Iterator[None]:
    """Let Alembic say a thing once for each upgrade, not for each segment.

    :param said: what it has said so far.
    """
    # The second is that of the multi-database env.py.
    loggers = [
        logging.getLogger(name) for name in ("alembic.runtime.migration", "alembic.env")
    ]

    def wanted(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        new = text not in said
        said.add(text)
        return new

    for logger in loggers:
        logger.addFilter(wanted)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(wanted)
