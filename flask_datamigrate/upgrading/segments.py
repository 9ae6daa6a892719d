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
import threading
import typing as t

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext

from .. import scripts
from ..backfill.reporting import BackfillReport
from ..backfill.reporting import Reporter
from ..errors import BackfillError
from ..errors import InterruptedRun
from ..errors import SchemaLockError
from ..operations.ddl import locks
from ..operations.segment import Outside
from ..operations.segment import Segment
from ..operations.segment import Suspend
from ..operations.segment import Work
from ..operations.segment import current
from ..settings import Settings
from ..settings import Stage
from ..stages import changes as staged
from . import lock
from . import mishaps
from . import said
from . import so_far
from . import sound
from .gated import Gates
from .places import places
from .report import UpgradeReport
from .statements import Statements

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
    :param through: the last stage of staged changes to apply; ``None`` for any.
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
        through: Stage | None,
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
        read = staged.read if direction == "up" else sound.changes
        self._gates = Gates(self._script, read(self._script), settings, through)
        self._said: set[str] = set()
        self._readings: dict[str, mixing.Reading] = {}
        self._revisions: list[str] = []
        self._reports: list[BackfillReport] = []
        self._registered: list[str] = []
        self._outside: set[str | None] = set()
        """The revisions of which a part ran outside of their transaction."""
        self._attempts: collections.Counter[tuple[str, str, str]] = (
            collections.Counter()
        )

    def run(self) -> UpgradeReport:
        """Bring every database to the target.

        :raises DataMigrateError: with what failed, where, and what to do.
        """
        databases = self._plan()
        idle = all(database.heads and not database.steps for database in databases)
        if not idle or self._half_undone(databases) or self._gates.is_stale(databases):
            patience = lock.Patience(self._wait, self._reporter, self._stop)
            engine = databases[0].engine
            with (
                self._errors(Segment(), databases),
                lock.hold(engine, self._settings, patience) as held,
            ):
                # Another upgrade may have ended while this one waited.
                from . import unfinished

                databases = self._plan()
                with (
                    so_far.told(self._config, self._script, self._direction, databases),
                    self._errors(Segment(), databases),
                ):
                    self._migrate(databases, held)
                found = places(self._config, self._script)
                self._gates.tell(found)
                self._registered = [
                    name
                    for place in found
                    for name in unfinished.waiting(place, self._script)
                ]
        return self._gates.passed(
            UpgradeReport(
                tuple(dict.fromkeys(self._revisions)),
                tuple(self._reports),
                tuple(self._registered),
                self._gates.held,
            )
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
        if self._direction == "up":
            self._gates.hold(databases)
        return databases

    def _half_undone(self, databases: list[Database]) -> list[BackfillError]:
        """Return why an upgrade must not say that all is done, if it must not."""
        if self._direction == "down":
            return []
        from . import unfinished

        with self._errors(Segment(), databases):
            return [
                error
                for database in databases
                for error in unfinished.half_undone(
                    database.engine,
                    database.schema,
                    scripts.ancestors(self._script, database.heads),
                )
            ]

    def _migrate(self, databases: list[Database], held: lock.Held) -> None:
        for error in self._half_undone(databases):
            raise error
        for database in databases:
            for step in database.steps:
                reading = self._reading(step)
                reading.refuse_mixture(self._direction)
                reading.refuse_blanks()
            if self._direction == "down":
                self._refuse_to_undermine(database)
        self._check_stop(begun=False)
        taken = [s.revision.revision for d in databases for s in d.steps]
        self._gates.tell(databases, taken if self._direction == "down" else ())
        first = True
        lacking = locks.Retries(self._settings)
        while first or any(database.steps for database in databases):
            held.check()
            self._check_stop(begun=not first)
            first = False
            self._gates.decide(databases)
            try:
                self._segment(databases)
                lacking = locks.Retries(self._settings)
            except Suspend as suspend:
                self._do(suspend.work)
            except SchemaLockError as error:
                lacking.wait(error, self._stop)
                self._drop_committed(databases)

    def _refuse_to_undermine(self, database: Database) -> None:
        """Refuse to take back what a half-done backfill stands on."""
        from . import unfinished

        taken = {step.revision.revision for step in database.steps}
        known = {script.revision for script in self._script.walk_revisions()}
        for begun in unfinished.begun(database.engine, database.schema):
            revision = begun.record.revision
            if revision not in known:
                # Its file is gone, and nothing can go on with it.
                continue
            below = scripts.ancestors(self._script, (revision,)) & taken
            if below:
                raise unfinished.undermined(begun, sorted(below))

    def _check_stop(self, *, begun: bool) -> None:
        if not self._stop.is_set():
            return
        if not begun:
            raise InterruptedRun(
                "stopped before the first revision",
                state="Nothing was changed",
                next="Run the same command again",
            )
        raise InterruptedRun(
            "stopped between two revisions, everything before is saved",
            next="Run the same command again to go on from there",
        )

    def _segment(self, databases: list[Database]) -> None:
        """Let Alembic take steps: schema as far as it goes, or one data migration."""
        schema = any(
            d.steps and not self._is_data(d.steps[0])
            for d in databases
            if not self._gates.is_stopped(d)
        )
        waiting = iter(databases)
        taken: list[tuple[Database, int]] = []
        passed: list[str] = []
        segment = Segment(deferred=self._deferred, at_once=self._gates.at_once)

        statements = Statements(self._settings, segment, self._direction)

        def steps(heads: t.Any, context: MigrationContext) -> t.Iterator[RevisionStep]:
            database = next(waiting)
            count = 0
            statements.watch(context)
            for step in self._next_steps(database, schema):
                segment.revision = step.revision.revision
                segment.staged = "change" in vars(step.revision.module)
                if self._direction == "up":
                    segment.contract = self._gates.contract_of(segment.revision)
                segment.kept = segment.revision in self._outside
                statements.stepped()
                yield step
                passed.append(step.revision.revision)
                count += 1
            taken.append((database, count))

        token = current.set(segment)
        try:
            with self._errors(segment, databases), statements:
                self._run_env(steps)
        except SchemaLockError as error:
            # What it committed of the revision would be run a second time.
            error.again = error.again and not statements.committed
            raise
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
        found = places(self._config, self._script)
        for database, place in zip(databases, found, strict=True):
            applied = scripts.ancestors(self._script, place.heads)
            while database.steps:
                revision = database.steps[0].revision.revision
                if (revision in applied) is not (self._direction == "up"):
                    break
                self._revisions.append(revision)
                del database.steps[0]

    def _next_steps(self, database: Database, schema: bool) -> list[RevisionStep]:
        if not schema:
            first = [] if self._gates.is_stopped(database) else database.steps[:1]
            return [step for step in first if self._is_data(step)]
        steps = []
        for step in database.steps:
            if self._is_data(step) or self._gates.stops(step):
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

    def _do(self, work: Work | Outside) -> None:
        """Do what a revision needs before it can be stepped over."""
        if isinstance(work, Outside):
            self._count(work.engine, "ddl", work.label)
            work.do()
            self._outside.add(work.revision)
            return
        self._count(work.engine, work.kind, work.task.label)
        # The engine is imported by those who have work for it: most upgrades of a
        # container that starts have none.
        from . import work as engine

        report = engine.do(work, self._settings, self._reporter, self._stop)
        if report is not None:
            self._reports.append(report)

    def _count(self, engine: sa.Engine, kind: str, label: str) -> None:
        attempt = (str(engine.url), kind, label)
        self._attempts[attempt] += 1
        if self._attempts[attempt] > _MOST_ATTEMPTS:
            raise BackfillError(
                "it was done, and the revision asks for it again",
                where=label,
                next="See flask db data status",
            )

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
            said.once(self._said),
        ):
            self._script.run_env()

    def _errors(
        self, segment: Segment, databases: list[Database]
    ) -> contextlib.AbstractContextManager[None]:
        return mishaps.explained(self._script.dir, self._direction, segment, databases)
