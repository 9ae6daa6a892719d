"""One upgrade at a time: the migration lock."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import threading
import time
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from ..backfill import faults
from ..backfill import processes
from ..backfill.connections import begin_immediate
from ..backfill.reporting import Reporter
from ..backfill.reporting import duration
from ..backfill.sightings import Sightings
from ..backfill.tables import clock
from ..backfill.tables import tables
from ..dialects import family
from ..errors import InterruptedRun
from ..errors import LockTimeoutError
from ..settings import Settings

POLL_SECONDS = 0.25
"""How often a waiting upgrade looks. It never waits inside the database: a session
that waits in ``pg_advisory_lock`` holds a snapshot, and CREATE INDEX CONCURRENTLY in
the upgrade it waits for would wait for that, for ever."""


class Held:
    """A lock that is held."""

    def check(self) -> None:
        """Raise :class:`LockTimeoutError` if it was lost."""


@dataclasses.dataclass(frozen=True, slots=True)
class Patience:
    """How long an upgrade waits for another.

    :param seconds: the longest wait.
    :param stop: set from elsewhere to end the wait.
    """

    seconds: float
    reporter: Reporter
    stop: threading.Event

    def wait_for(
        self,
        take: t.Callable[[], bool],
        holder: t.Callable[[], str] = lambda: "another upgrade",
    ) -> None:
        """Try to take a lock until it is taken or the wait is over.

        :param holder: who holds it, for people.
        """
        begun = time.monotonic()
        told = False
        while not take():
            if time.monotonic() - begun >= self.seconds:
                raise LockTimeoutError(
                    f"{holder()} is at work, and did not end within "
                    f"{duration(self.seconds)}",
                    where="migration lock",
                    state="Nothing was changed by this one",
                    next="Wait for it, see flask db data status, or wait longer: "
                    "--wait SECONDS",
                )
            if not told:
                self.reporter.noted(f"{holder()} is at work; waiting for it to end")
                told = True
            if self.stop.wait(POLL_SECONDS):
                raise InterruptedRun(
                    "stopped while waiting for another upgrade",
                    state="Nothing was changed by this one",
                    next="Run the same command again",
                )


@contextlib.contextmanager
def hold(engine: sa.Engine, settings: Settings, patience: Patience) -> t.Iterator[Held]:
    """Hold the migration lock of a database.

    :param patience: how long to wait for whoever holds it.
    :raises LockTimeoutError: when it is still held then.
    """
    kind = family(engine.dialect)
    if kind == "sqlite" and _is_private(engine):
        yield Held()
    elif kind in _SESSION_SQL and settings.lock == "session":
        with _session_lock(engine, settings, patience) as held:
            yield held
    else:
        with _row_lock(engine, settings, patience) as held:
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


def session_key(engine: sa.Engine) -> int | str:
    """Return the lock's name: PostgreSQL has locks by database, MySQL by server."""
    if family(engine.dialect) == "postgresql":
        digest = hashlib.sha256(b"flask-datamigrate").digest()
        return int.from_bytes(digest[:8], "big", signed=True)
    digest = hashlib.sha256(str(engine.url.database).encode()).digest()
    return f"datamigrate:{digest.hex()[:40]}"


class _SessionHeld(Held):
    """A lock of a session, which a server or a firewall would cut when it is idle."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._in_use = threading.Lock()
        self._cut: exc.DBAPIError | None = None

    def check(self) -> None:
        self.ping()
        if self._cut is not None:
            why = "the connection that held the lock was cut"
            raise _lost(why) from self._cut

    def ping(self) -> None:
        """Use the connection; once it is cut, the lock stays lost."""
        with self._in_use:
            if self._cut is None:
                try:
                    self._connection.execute(sa.select(sa.literal(1)))
                except exc.DBAPIError as error:
                    self._cut = error


@contextlib.contextmanager
def _session_lock(
    engine: sa.Engine, settings: Settings, patience: Patience
) -> t.Iterator[Held]:
    take, give = (sa.text(sql) for sql in _SESSION_SQL[family(engine.dialect)])
    key = {"key": session_key(engine)}
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    # A session lock would outlive its use in the pool.
    connection.detach()
    try:
        patience.wait_for(lambda: bool(connection.execute(take, key).scalar()))
        held = _SessionHeld(connection)
        with _repeated(held.ping, settings.lease_seconds / 3):
            yield held
        with contextlib.suppress(exc.SQLAlchemyError):
            connection.execute(give, key)
    finally:
        with contextlib.suppress(exc.SQLAlchemyError):
            connection.close()


@contextlib.contextmanager
def _repeated(action: t.Callable[[], None], seconds: float) -> t.Iterator[None]:
    """Do something every so many seconds, in a thread, while the block lasts."""
    done = threading.Event()

    def repeat() -> None:
        while not done.wait(seconds):
            action()

    thread = threading.Thread(target=repeat, name="datamigrate-lock", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


# The lock of a row: for SQLite, and behind a pooler. Its lease is renewed by a thread.


_TRIED_AGAIN = (faults.Fault.LOCKED, faults.Fault.DEADLOCK)


class _RowHeld(Held):
    def __init__(self, engine: sa.Engine, lease: float) -> None:
        self.owner = processes.name_tag()
        self.holder = self.owner
        self.busy = False
        """Whether the database was locked, and the holder therefore not known."""
        self._engine = engine
        self._lease = lease
        self._table = tables(None).lock
        self._now = clock(family(engine.dialect))
        self._sightings = Sightings()
        self._lost = False

    def take(self) -> bool:
        self.busy = False
        try:
            with self._begin(POLL_SECONDS) as connection:
                known = sa.inspect(connection).has_table(self._table.name)
            if not known:
                self._create()
            with self._begin(POLL_SECONDS) as connection:
                return self._take(connection)
        except exc.IntegrityError:
            return False
        except exc.DBAPIError as error:
            if faults.classify(error) not in _TRIED_AGAIN:
                raise
            self.busy = True
            return False

    def give(self) -> None:
        with contextlib.suppress(exc.DBAPIError), self._begin() as connection:
            connection.execute(
                self._table.delete().where(self._table.c.owner == self.owner)
            )

    def check(self) -> None:
        if self._lost:
            raise _lost("this upgrade did not report for too long")

    @contextlib.contextmanager
    def _begin(self, patience: float | None = None) -> t.Iterator[sa.Connection]:
        """Begin a transaction that writes.

        :param patience: the seconds SQLite waits for whoever writes; by default as
            long as the app's connections do, which may be longer than the upgrade is
            to wait at all.
        """
        with self._engine.connect() as connection:
            if family(connection.dialect) != "sqlite":
                with connection.begin():
                    yield connection
                return
            with _busy_timeout(connection, patience), connection.begin():
                begin_immediate(connection)
                yield connection

    def _create(self) -> None:
        try:
            with self._begin(POLL_SECONDS) as connection:
                self._table.create(connection, checkfirst=True)
        except exc.DBAPIError as error:
            if faults.classify(error) in _TRIED_AGAIN:
                raise
            # Another process may have been quicker.
            with self._begin(POLL_SECONDS) as connection:
                if not sa.inspect(connection).has_table(self._table.name):
                    raise

    def _take(self, connection: sa.Connection) -> bool:
        table = self._table
        row = connection.execute(sa.select(table)).first()
        values = {
            "owner": self.owner,
            "lease_until": self._now + self._lease,
            "lease_seconds": self._lease,
        }
        if row is None:
            connection.execute(table.insert().values(name="upgrade", **values))
            return True
        self.holder = row.owner
        free = table.c.lease_until < self._now
        still = self._sightings.is_still(
            row.owner, 0, row.lease_until, row.lease_seconds
        )
        if still or processes.is_dead(row.owner):
            as_seen = (
                table.c.owner == row.owner,
                table.c.lease_until == row.lease_until,
            )
            free = sa.or_(free, sa.and_(*as_seen))
        result = connection.execute(table.update().where(free).values(values))
        return bool(result.rowcount)

    def renew(self) -> None:
        statement = (
            self._table.update()
            .where(self._table.c.owner == self.owner)
            .values(lease_until=self._now + self._lease)
        )
        # A long schema change of our own may hold the database meanwhile.
        with contextlib.suppress(exc.DBAPIError), self._begin() as connection:
            self._lost = not connection.execute(statement).rowcount


@contextlib.contextmanager
def _busy_timeout(connection: sa.Connection, seconds: float | None) -> t.Iterator[None]:
    """Let SQLite wait for a lock so long, and then as it did before."""
    if seconds is None:
        yield
        return
    # A PRAGMA begins no transaction, and the pool keeps what it sets.
    before = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    _set_busy_timeout(connection, round(seconds * 1000))
    try:
        yield
    finally:
        _set_busy_timeout(connection, before)


def _set_busy_timeout(connection: sa.Connection, milliseconds: int) -> None:
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {milliseconds}")
    connection.commit()


@contextlib.contextmanager
def _row_lock(
    engine: sa.Engine, settings: Settings, patience: Patience
) -> t.Iterator[Held]:
    held = _RowHeld(engine, settings.lease_seconds)

    def holder() -> str:
        if held.busy:
            return "another process that writes to the database"
        return f"another upgrade ({processes.describe(held.holder)})"

    patience.wait_for(held.take, holder)
    try:
        with _repeated(held.renew, settings.lease_seconds / 3):
            yield held
    finally:
        held.give()


def _lost(why: str) -> LockTimeoutError:
    return LockTimeoutError(
        f"the migration lock was lost ({why}), and another upgrade may have begun",
        where="migration lock",
        state="What was committed is saved",
        next="Run the same command again",
    )
