"""The engine driven in this process, on a test's database."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import typing as t

import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import settings
from flask_datamigrate.backfill import signals
from flask_datamigrate.backfill.connections import OwnTransactions
from flask_datamigrate.backfill.ranges import Range
from flask_datamigrate.backfill.reporting import BackfillReport
from flask_datamigrate.backfill.reporting import Reporter
from flask_datamigrate.backfill.runner import Runner
from flask_datamigrate.backfill.runner import Task
from flask_datamigrate.backfill.store import Record
from flask_datamigrate.backfill.store import Store
from tests.databases.database import Database

REVISION = "1f2e3d4c"


class Notes(Reporter):
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def noted(self, text: str) -> None:
        self.lines.append(text)


@dataclasses.dataclass
class Engine:
    """Runs backfills on one database.

    :param driver: another driver than the database's own.
    :param config: ``DATAMIGRATE_*`` keys without their prefix.
    """

    database: Database
    driver: str | None = None
    config: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    notes: Notes = dataclasses.field(default_factory=Notes)
    stop: threading.Event = dataclasses.field(default_factory=threading.Event)
    sa_engine: sa.Engine | None = None

    @contextlib.contextmanager
    def runner(self) -> t.Iterator[Runner]:
        # However slow the machine is, the batches are of the size a test asks for.
        config = {"target_seconds": 60, **self.config}
        values = settings.read(
            {f"DATAMIGRATE_{key.upper()}": value for key, value in config.items()}
        )
        engine = self.sa_engine
        if engine is None:
            engine = self.database.engine(driver=self.driver, poolclass=sa.NullPool)
        transactions = OwnTransactions(
            engine,
            values.row_lock_timeout,
            pooled=values.lock == "row",
            statement_timeout=values.statement_timeout,
        )
        try:
            yield Runner(transactions, values, reporter=self.notes, stop=self.stop)
        finally:
            transactions.close()

    def run(self, backfill: Backfill, workers: int | None = None) -> BackfillReport:
        with self.runner() as runner:
            return runner.run(task(backfill), workers)

    def undo(self, backfill: Backfill) -> BackfillReport:
        with self.runner() as runner:
            return runner.undo(task(backfill))

    def accept(self, backfill: Backfill) -> Record:
        with self.runner() as runner:
            return runner.accept(task(backfill))

    def applied(self) -> None:
        """Note that the revision was stepped over, as the upgrade does."""
        self.database.execute("UPDATE datamigrate_backfills SET applied = true")

    def record(self) -> Record:
        """Return the state of the backfill, as another connection sees it."""
        with self._stored() as (connection, store):
            record = store.get(connection, REVISION)
            assert record is not None
            return record

    def span(self, direction: str = "forward") -> Range:
        """Return the first range of the backfill, as another connection sees it."""
        return self.ranges(direction)[0]

    def ranges(self, direction: str = "forward") -> list[Range]:
        """Return the ranges of the backfill, as another connection sees them."""
        with self._stored() as (connection, store):
            return store.ranges.all(connection, REVISION, direction)

    @contextlib.contextmanager
    def _stored(self) -> t.Iterator[tuple[sa.Connection, Store]]:
        engine = self.database.engine(poolclass=sa.NullPool)
        with engine.connect() as connection:
            yield connection, Store(None, engine.dialect)


def task(backfill: Backfill) -> Task:
    """Return a backfill as that of a revision."""
    return Task(backfill, REVISION, REVISION)


def create(database: Database, *tables: sa.Table) -> None:
    """Create tables as a revision would have."""
    engine = database.engine()
    for table in tables:
        table.create(engine)


def with_foreign_keys(database: Database) -> sa.Engine:
    """Return an engine on which SQLite minds foreign keys as the others do."""
    engine = database.engine(poolclass=sa.NullPool)
    if database.name == "sqlite":

        @sa.event.listens_for(engine, "connect")
        def connected(raw: t.Any, record: t.Any) -> None:
            raw.execute("PRAGMA foreign_keys = ON")

    return engine


def fill(
    database: Database, table: sa.Table, rows: t.Sequence[t.Mapping[str, t.Any]]
) -> None:
    """Insert rows."""
    if rows:
        with database.engine().begin() as connection:
            connection.execute(sa.insert(table), list(rows))


def contents(
    database: Database, table: sa.Table, *columns: str
) -> list[tuple[t.Any, ...]]:
    """Return a table's rows in key order."""
    chosen = [table.c[name] for name in columns] or list(table.c)
    keys = list(table.primary_key.columns) or list(table.c)[:1]
    return database.rows(sa.select(*chosen).order_by(*keys))


WAITING = {
    "postgresql": "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) "
    "WHERE NOT granted AND datname = current_database()",
    # Not innodb_trx: it shows an old picture to those who look again within 0.1 s.
    "mysql": "SELECT count(*) FROM information_schema.processlist "
    "WHERE db = DATABASE() AND id <> connection_id() "
    "AND command = 'Query' AND time_ms > 100",
}


def somebody_waits(database: Database) -> bool:
    """Say whether another connection to the test's database waits for a lock."""
    return bool(database.scalar(WAITING[database.name]))


@contextlib.contextmanager
def at_each_batch(action: t.Callable[[t.Any], None]) -> t.Iterator[None]:
    """Call something with the progress after each batch's commit."""

    def handle(sender: str, progress: t.Any) -> None:
        action(progress)

    with signals.batch_committed.connected_to(handle):
        yield
