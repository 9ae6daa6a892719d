"""A statement waits briefly for its lock, gives way, and tries again later.

Whoever comes after a schema change in the queue for a lock waits as long as it does:
an ALTER TABLE behind one long transaction stops a table. So the wait is short, and
between two tries traffic flows.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import random
import threading
import time
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from ...backfill import faults
from ...backfill.reporting import duration
from ...blockers import Blocker
from ...blockers import Watch
from ...blockers import named
from ...dialects import family
from ...errors import SchemaLockError
from ...settings import Settings
from ..log import LOGGER

_logger = logging.getLogger(LOGGER)

_LONGEST_PAUSE = 20.0

# How a session says how long it waits for a lock, and how it is told.
_TIMEOUT = {
    "postgresql": (
        "SELECT current_setting('lock_timeout')",
        "SELECT set_config('lock_timeout', '{value}', false)",
    ),
    "mysql": (
        "SELECT @@SESSION.lock_wait_timeout",
        "SET SESSION lock_wait_timeout = {value}",
    ),
    "sqlite": ("PRAGMA busy_timeout", "PRAGMA busy_timeout = {value}"),
}
_RETRIED = (faults.Fault.LOCKED, faults.Fault.DEADLOCK)


@dataclasses.dataclass(frozen=True, slots=True)
class Patience:
    """How long a schema change waits.

    :param timeout: seconds to wait in the queue for a lock.
    :param retry: seconds until it is given up.
    """

    timeout: float
    retry: float

    @classmethod
    def of(cls, settings: Settings) -> Patience:
        return cls(settings.ddl_lock_timeout, settings.ddl_retry_seconds)

    def pauses(self) -> t.Iterator[float]:
        """Return the seconds to pause after each try, until it is time to give up.

        They double from the timeout on, each times a random half to one and a half, so
        that two that met do not meet again.
        """
        end = time.monotonic() + self.retry
        pause = self.timeout
        while time.monotonic() < end:
            left = end - time.monotonic()
            yield max(0.0, min(pause * random.uniform(0.5, 1.5), left))
            pause = min(pause * 2, _LONGEST_PAUSE)


@contextlib.contextmanager
def limited(connection: sa.Connection, seconds: float) -> t.Iterator[None]:
    """Let a session wait for locks no longer than that, for the time of a block.

    :param seconds: MySQL and MariaDB count whole ones.
    """
    kind = family(connection.dialect)
    ask, tell = _TIMEOUT[kind]
    before = connection.exec_driver_sql(ask).scalar()
    seconds = counted(connection, seconds)
    value = {
        "postgresql": f"{seconds * 1000:.0f}ms",
        "mysql": f"{seconds:.0f}",
        "sqlite": f"{seconds * 1000:.0f}",
    }[kind]
    connection.exec_driver_sql(tell.format(value=value))
    try:
        yield
    finally:
        # Inside of a transaction that failed, PostgreSQL takes nothing; the rollback
        # brings the setting back.
        with contextlib.suppress(exc.DBAPIError):
            connection.exec_driver_sql(tell.format(value=before))


def commits_itself(connection: sa.Connection) -> bool:
    """Tell whether a schema change is a transaction of its own.

    Then it can be tried again by itself, and stays whatever fails behind it.
    """
    kind = family(connection.dialect)
    if kind == "postgresql":
        options = connection.get_execution_options()
        return options.get("isolation_level") == "AUTOCOMMIT"
    if kind == "sqlite":
        raw = connection.connection.dbapi_connection
        return not getattr(raw, "in_transaction", True)
    # The server has committed what was before it.
    return True


def counted(connection: sa.Connection, seconds: float) -> float:
    """Return how long a session waits when it is told to wait so many seconds."""
    if family(connection.dialect) == "mysql":
        return max(1.0, round(seconds))
    return max(0.001, round(seconds, 3))


def patiently(
    connection: sa.Connection,
    call: t.Callable[[], None],
    patience: Patience,
    *,
    where: str,
    state: str,
    again: bool = True,
) -> None:
    """Call what takes a lock, and call it again while it does not get the lock.

    :param call: one statement; it changes nothing when it fails.
    :param where: what it is called in errors.
    :param state: what is true of the database when it is given up.
    :param again: whether it can be called again here; inside of a transaction of
        PostgreSQL it cannot, and the locks that one has should not be kept either.
    :raises SchemaLockError: naming who holds the lock.
    """
    begun = time.monotonic()
    pauses = patience.pauses() if again else iter(())
    tries = 0
    while True:
        tries += 1
        try:
            with (
                limited(connection, patience.timeout),
                Watch(connection, min(patience.timeout / 2, 5.0)) as watch,
            ):
                call()
            return
        except exc.DBAPIError as error:
            if faults.classify(error) not in _RETRIED:
                raise
            pause = next(pauses, None)
            if pause is None:
                raise given_up(
                    watch.found,
                    where=where,
                    state=state,
                    tries=tries,
                    seconds=time.monotonic() - begun,
                    again=not again,
                ) from error
        _logger.info(
            "%s: no lock within %s; trying again in %s. %s",
            where,
            duration(counted(connection, patience.timeout)),
            duration(pause),
            named(watch.found),
        )
        time.sleep(pause)


class Retries:
    """How often a whole transaction was tried again for one lock."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._begun = time.monotonic()
        self._pauses: t.Iterator[float] | None = None
        self._tries = 0

    def wait(self, error: SchemaLockError, stop: threading.Event) -> None:
        """Pause before the next try.

        :param stop: ends the pause when it is set.
        :raises SchemaLockError: when it cannot be tried again, or was too long.
        """
        if not error.again:
            raise error
        if self._pauses is None:
            self._begun = time.monotonic()
            self._pauses = Patience.of(self._settings).pauses()
        self._tries += 1
        pause = next(self._pauses, None)
        if pause is None:
            raise given_up(
                error.blockers,
                where=error.where,
                state=error.state,
                tries=self._tries,
                seconds=time.monotonic() - self._begun,
            ) from error
        _logger.info(
            "%s: no lock; rolled back, and trying again in %s. %s",
            error.where,
            duration(pause),
            named(error.blockers),
        )
        stop.wait(pause)


def given_up(
    blockers: t.Sequence[Blocker | str],
    *,
    where: str,
    state: str,
    tries: int,
    seconds: float,
    again: bool = False,
) -> SchemaLockError:
    """Return the error of a schema change that did not get its lock.

    :param again: whether it can be tried again from the start of its transaction.
    """
    often = "once" if tries == 1 else f"{tries} times in {duration(seconds)}"
    error = SchemaLockError(
        f"it did not get its lock (tried {often}, DATAMIGRATE_DDL_LOCK_TIMEOUT and "
        f"DATAMIGRATE_DDL_RETRY_SECONDS). {named(blockers)}",
        where=where,
        state=state,
        next="Let that session end, or end it, and run the same command again",
    )
    error.blockers = tuple(map(str, blockers))
    error.again = again
    return error
