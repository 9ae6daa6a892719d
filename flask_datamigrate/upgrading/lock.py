"""One upgrade at a time: the migration lock."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from ..backfill import faults
from ..backfill import processes
from ..backfill.connections import begin_immediate
from ..backfill.connections import family
from ..backfill.reporting import Reporter
from ..backfill.reporting import duration
from ..backfill.tables import clock
from ..backfill.tables import tables
from ..errors import LockTimeoutError
from ..settings import Settings

POLL_SECONDS = 0.25
"""How often a waiting upgrade looks. It never waits inside the database: a session
that waits in ``pg_advisory_lock`` holds a snapshot, and CREATE INDEX CONCURRENTLY in
the upgrade it waits for would wait for that, for ever."""


class Held:
    """A lock that is held."""

    def check(self) -> None:
        """Raise if it was lost."""


@contextlib.contextmanager
def hold(
    engine: sa.Engine, settings: Settings, wait: float, reporter: Reporter
) -> t.Iterator[Held]:
    """Hold the migration lock of a database.

    :param wait: seconds to wait for whoever holds it.
    :raises LockTimeoutError: when it is still held then.
    """
    kind = family(engine.dialect)
    if kind == "sqlite" and _is_private(engine):
        yield Held()
    elif kind in _SESSION_SQL and settings.lock == "session":
        with _session_lock(engine, wait, reporter) as held:
            yield held
    else:
        with _row_lock(engine, settings, wait, reporter) as held:
            yield held


def _is_private(engine: sa.Engine) -> bool:
    """Tell whether an SQLite database is in memory, where no other process can be."""
    database = engine.url.database
    return database in (None, "", ":memory:") or "mode=memory" in str(engine.url)


# The lock of a session: gone with the connection, however its process ends.

_SESSION_SQL = {
    "postgresql": (
        "SELECT pg_try_advisory_lock(:key)",
        "SELECT pg_advisory_unlock(:key)",
    ),
    "mysql": ("SELECT GET_LOCK(:key, 0)", "SELECT RELEASE_LOCK(:key)"),
}


def _session_key(engine: sa.Engine) -> int | str:
    """Return the lock's name: PostgreSQL has locks by database, MySQL by server."""
    if family(engine.dialect) == "postgresql":
        digest = hashlib.sha256(b"flask-datamigrate").digest()
        return int.from_bytes(digest[:8], "big", signed=True)
    digest = hashlib.sha256(str(engine.url.database).encode()).digest()
    return f"datamigrate:{digest.hex()[:40]}"


@contextlib.contextmanager
def _session_lock(
    engine: sa.Engine, wait: float, reporter: Reporter
) -> t.Iterator[Held]:
    take, give = (sa.text(sql) for sql in _SESSION_SQL[family(engine.dialect)])
    key = {"key": _session_key(engine)}
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    # A session lock would outlive its use in the pool.
    connection.detach()
    try:
        _wait_until(
            lambda: bool(connection.execute(take, key).scalar()), wait, reporter
        )
        yield Held()
        with contextlib.suppress(exc.DBAPIError):
            connection.execute(give, key)
    finally:
        with contextlib.suppress(exc.DBAPIError):
            connection.close()


# The lock of a row: for SQLite, and behind a pooler. Its lease is renewed by a thread.


class _RowHeld(Held):
    def __init__(self, engine: sa.Engine, lease: float) -> None:
        self.owner = processes.name_tag()
        self.holder = ""
        self._engine = engine
        self._lease = lease
        self._table = tables(None).lock
        self._now = clock(family(engine.dialect))
        self._lost = False
        self._done = threading.Event()
        self._thread = threading.Thread(
            target=self._renew, name="datamigrate-lock", daemon=True
        )

    def take(self) -> bool:
        try:
            with self._begin() as connection:
                return self._take(connection)
        except exc.IntegrityError:
            return False
        except exc.OperationalError as error:
            if faults.classify(error) is not faults.Fault.LOCKED:
                raise
            return False

    def start(self) -> None:
        self._thread.start()

    def give(self) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()
        with contextlib.suppress(exc.DBAPIError), self._begin() as connection:
            connection.execute(
                self._table.delete().where(self._table.c.owner == self.owner)
            )

    def check(self) -> None:
        if self._lost:
            raise LockTimeoutError(
                "this upgrade did not report for too long, and another has begun",
                state="What was committed is saved",
                next="Run flask db upgrade again",
            )

    @contextlib.contextmanager
    def _begin(self) -> t.Iterator[sa.Connection]:
        with self._engine.connect() as connection, connection.begin():
            if family(connection.dialect) == "sqlite":
                begin_immediate(connection)
            yield connection

    def _take(self, connection: sa.Connection) -> bool:
        table = self._table
        table.create(connection, checkfirst=True)
        row = connection.execute(sa.select(table.c.owner)).first()
        values = {"owner": self.owner, "lease_until": self._now + self._lease}
        if row is None:
            connection.execute(table.insert().values(name="upgrade", **values))
            return True
        self.holder = row.owner
        free = table.c.lease_until < self._now
        if processes.is_dead(row.owner):
            free = sa.or_(free, table.c.owner == row.owner)
        result = connection.execute(table.update().where(free).values(values))
        return bool(result.rowcount)

    def _renew(self) -> None:
        table = self._table
        statement = (
            table.update()
            .where(table.c.owner == self.owner)
            .values(lease_until=self._now + self._lease)
        )
        while not self._done.wait(self._lease / 3):
            # A long schema change of our own may hold the database meanwhile.
            with contextlib.suppress(exc.DBAPIError), self._begin() as connection:
                self._lost = not connection.execute(statement).rowcount


@contextlib.contextmanager
def _row_lock(
    engine: sa.Engine, settings: Settings, wait: float, reporter: Reporter
) -> t.Iterator[Held]:
    held = _RowHeld(engine, settings.lease_seconds)
    _wait_until(
        held.take,
        wait,
        reporter,
        lambda: held.holder and processes.describe(held.holder),
    )
    held.start()
    try:
        yield held
    finally:
        held.give()


def _wait_until(
    take: t.Callable[[], bool],
    wait: float,
    reporter: Reporter,
    holder: t.Callable[[], str] = lambda: "",
) -> None:
    """Try to take a lock until it is taken or the wait is over."""
    begun = time.monotonic()
    told = False
    while not take():
        by = f" ({holder()})" if holder() else ""
        if time.monotonic() - begun >= wait:
            raise LockTimeoutError(
                f"another upgrade{by} is running, and did not end within "
                f"{duration(wait)}",
                where="flask db upgrade",
                state="Nothing was changed by this one",
                next="Wait for it, see flask db data status, or wait longer: "
                "flask db upgrade --wait SECONDS",
            )
        if not told:
            reporter.noted(f"another upgrade{by} is running; waiting for it to end")
            told = True
        time.sleep(POLL_SECONDS)
