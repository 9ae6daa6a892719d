"""What a backfill waits for out of regard for others: hours, load, replicas."""

from __future__ import annotations

import datetime
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from ..dialects import family
from ..errors import ConfigError
from ..windows import Window
from . import faults
from .session import Session

_LOAD = {
    # Sessions at work, but for the one that asks. SQLite has no server to ask.
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
    "AND backend_type = 'client backend' AND pid <> pg_backend_pid()",
    "mysql": "SHOW GLOBAL STATUS LIKE 'Threads_running'",
}

_LAG = {
    # Seconds the slowest replica is behind, asked of the primary, and how many of them
    # do not show it to this user. A base backup is a connection of this kind too.
    "postgresql": "SELECT coalesce(max(extract(epoch FROM replay_lag)), 0), "
    "count(*) FILTER (WHERE state IS NULL) FROM pg_stat_replication "
    "WHERE state IS DISTINCT FROM 'backup'",
}

_BEHIND = {
    # Seconds a replica is behind, asked of itself; NULL, or no row, when it does not
    # replicate. https://www.postgresql.org/docs/15/functions-admin.html
    "postgresql": "SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM pg_stat_wal_receiver) "
    "THEN NULL WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0 "
    "ELSE coalesce(extract(epoch FROM clock_timestamp() "
    "- pg_last_xact_replay_timestamp()), 'Infinity') END "
    'AS "Seconds_Behind_Source"',
    "mysql": "SHOW REPLICA STATUS",
}

# What MySQL calls it, and MariaDB.
_COLUMNS = ("Seconds_Behind_Source", "Seconds_Behind_Master")


class Manner(t.Protocol):
    """Says what to wait for before the next batch."""

    def __call__(self) -> str | None:
        """Return what to wait for, always in the same words; ``None`` to go on."""


def manners(session: Session) -> tuple[Manner, ...]:
    """Return what the app's settings ask for, on this database.

    :raises ConfigError: when that cannot be known here.
    """
    settings, database = session.settings, family(session.transactions.dialect)
    found: list[Manner] = []
    if settings.window is not None:
        found.append(_Hours(Window.parse(settings.window)))
    if settings.max_load is not None and database in _LOAD:
        found.append(_Load(session, _LOAD[database], settings.max_load))
    if settings.max_lag is not None:
        found += [_Replica(url, settings.max_lag) for url in settings.replicas]
        if not settings.replicas and database in _LAG:
            found.append(_Replicas(session, _LAG[database], settings.max_lag))
        elif not settings.replicas and database == "mysql":
            raise ConfigError(
                "DATAMIGRATE_MAX_LAG needs DATAMIGRATE_REPLICAS on MySQL and MariaDB: "
                "a primary does not know how far behind its replicas are",
                where="app.config",
                next="List the URLs of the replicas there",
            )
    return tuple(found)


class _Hours:
    def __init__(self, window: Window) -> None:
        self._window = window

    def __call__(self) -> str | None:
        if self._window.is_open(datetime.datetime.now()):
            return None
        return f"outside the window {self._window.text}"


class _Load:
    def __init__(self, session: Session, query: str, most: int) -> None:
        self._session = session
        self._query = sa.text(query)
        # Where all threads are counted, the one that asks is among them.
        self._most = most + query.startswith("SHOW")
        self._reason = f"more than {most} other sessions are at work"

    def __call__(self) -> str | None:
        with self._session.transactions.reading() as connection:
            row = connection.execute(self._query).one()
        return self._reason if int(row[-1]) > self._most else None


class _Replicas:
    def __init__(self, session: Session, query: str, most: float) -> None:
        self._session = session
        self._query = sa.text(query)
        self._most = most

    def __call__(self) -> str | None:
        with self._session.transactions.reading() as connection:
            behind, hidden = connection.execute(self._query).one()
        if hidden:
            raise ConfigError(
                "DATAMIGRATE_MAX_LAG is set, and this user may not see how far behind "
                "the replicas are",
                where="app.config",
                next="GRANT pg_monitor to the user, or list DATAMIGRATE_REPLICAS",
            )
        return f"a replica is {_far(self._most)}" if behind > self._most else None


class _Replica:
    def __init__(self, url: str, most: float) -> None:
        self._engine = sa.create_engine(url, poolclass=sa.NullPool)
        self._most = most
        parts = self._engine.url
        port = f":{parts.port}" if parts.port else ""
        self._name = f"the replica {parts.host or ''}{port}"
        self._query = sa.text(_BEHIND[family(self._engine.dialect)])

    def __call__(self) -> str | None:
        try:
            with self._engine.connect() as connection:
                row = connection.execute(self._query).mappings().first()
        except exc.DBAPIError as error:
            return f"{self._name}: {faults.classify(error).meaning}"
        behind = next((row[c] for c in _COLUMNS if c in row), None) if row else None
        if behind is None:
            return f"{self._name} does not replicate"
        return f"{self._name} is {_far(self._most)}" if behind > self._most else None


def _far(most: float) -> str:
    return f"more than {most:g} s behind"
