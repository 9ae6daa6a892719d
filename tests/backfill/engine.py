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
from flask_datamigrate.backfill.reporting import BackfillReport
from flask_datamigrate.backfill.reporting import Reporter
from flask_datamigrate.backfill.runner import Runner
from flask_datamigrate.backfill.runner import Task
from flask_datamigrate.backfill.store import Range
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
        transactions = OwnTransactions(engine, values.row_lock_timeout)
        try:
            yield Runner(transactions, values, reporter=self.notes, stop=self.stop)
        finally:
            transactions.close()

    def run(self, backfill: Backfill) -> BackfillReport:
        with self.runner() as runner:
            return runner.run(task(backfill))

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
        return t.cast(Record, self._stored("get"))

    def span(self, direction: str = "forward") -> Range:
        """Return the range of the backfill, as another connection sees it."""
        return t.cast(Range, self._stored("range", direction))

    def _stored(self, method: str, *more: str) -> t.Any:
        engine = self.database.engine(poolclass=sa.NullPool)
        with engine.connect() as connection:
            store = Store(None, engine.dialect)
            return getattr(store, method)(connection, REVISION, *more)


def task(backfill: Backfill) -> Task:
    """Return a backfill as that of a revision."""
    return Task(backfill, REVISION, REVISION)


def create(database: Database, *tables: sa.Table) -> None:
    """Create tables as a revision would have."""
    engine = database.engine()
    for table in tables:
        table.create(engine)


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


@contextlib.contextmanager
def at_each_batch(action: t.Callable[[t.Any], None]) -> t.Iterator[None]:
    """Call something with the progress after each batch's commit."""

    def handle(sender: str, progress: t.Any) -> None:
        action(progress)

    with signals.batch_committed.connected_to(handle):
        yield
