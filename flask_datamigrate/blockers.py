"""Who holds the lock that a change of a table waits for."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from .backfill.reporting import duration
from .dialects import family


@dataclasses.dataclass(frozen=True, slots=True)
class Blocker:
    """A session that is in the way.

    :param pid: its process or thread id on the server.
    :param state: what it does, in the server's words.
    :param seconds: how long its transaction is open.
    :param query: its current or last statement; a session may not tell it.
    """

    pid: int
    state: str
    seconds: float
    query: str

    def __str__(self) -> str:
        query = " ".join(self.query.split())[:200]
        return (
            f"pid {self.pid} ({self.state}, transaction open for "
            f"{duration(self.seconds)}): {query or 'no statement known'}"
        )


_PID = {
    "postgresql": "SELECT pg_backend_pid()",
    "mysql": "SELECT CONNECTION_ID()",
}

# MariaDB's plugin metadata_lock_info, and the performance schema (MySQL 8; off in
# MariaDB by default), know who holds a metadata lock. Where neither is on, all
# transactions that were open before ours began to wait are named.
_BLOCKERS = {
    "postgresql": (
        "SELECT pid, coalesce(state, backend_type), "
        "coalesce(extract(epoch FROM clock_timestamp() - xact_start), 0), query "
        "FROM pg_stat_activity WHERE pid = ANY(pg_blocking_pids(:pid)) ORDER BY 3 DESC",
    ),
    "mysql": (
        "SELECT p.id, p.command, greatest(p.time, coalesce(timestampdiff(SECOND, "
        "x.trx_started, now()), 0)) AS seconds, coalesce(p.info, '') "
        "FROM information_schema.metadata_lock_info l "
        "JOIN information_schema.processlist p ON p.id = l.thread_id "
        "LEFT JOIN information_schema.innodb_trx x ON x.trx_mysql_thread_id = p.id "
        "WHERE p.id <> :pid AND l.table_schema = (SELECT db FROM "
        "information_schema.processlist WHERE id = :pid) "
        "GROUP BY p.id ORDER BY seconds DESC",
        "SELECT p.id, p.command, p.time, coalesce(p.info, '') "
        "FROM performance_schema.metadata_locks l "
        "JOIN performance_schema.threads th ON th.thread_id = l.owner_thread_id "
        "JOIN information_schema.processlist p ON p.id = th.processlist_id "
        "JOIN performance_schema.metadata_locks w ON w.lock_status = 'PENDING' "
        "AND w.object_schema = l.object_schema AND w.object_name = l.object_name "
        "JOIN performance_schema.threads wt ON wt.thread_id = w.owner_thread_id "
        "AND wt.processlist_id = :pid "
        "WHERE l.lock_status = 'GRANTED' AND p.id <> :pid "
        "GROUP BY p.id, p.command, p.time, p.info",
        "SELECT p.id, p.command, greatest(p.time, coalesce(timestampdiff(SECOND, "
        "x.trx_started, now()), 0)) AS seconds, coalesce(p.info, x.trx_query, '') "
        "FROM information_schema.innodb_trx x "
        "JOIN information_schema.processlist p ON p.id = x.trx_mysql_thread_id "
        "WHERE p.id <> :pid AND EXISTS (SELECT 1 FROM information_schema.processlist "
        "WHERE id = :pid AND state LIKE 'Waiting for%') ORDER BY seconds DESC",
    ),
}


def named(blockers: t.Sequence[Blocker | str]) -> str:
    """Say who holds a lock."""
    if not blockers:
        return "The database does not say who holds it"
    return f"It is held by {'; '.join(map(str, blockers[:3]))}"


class Watch:
    """Looks, from a connection of its own, who is in the way of another one.

    It has to be done while the other one waits: afterwards nobody is in the way.

    :param connection: the one that waits.
    :param interval: seconds between two looks.
    """

    def __init__(self, connection: sa.Connection, interval: float) -> None:
        self._kind = family(connection.dialect)
        self._engine = connection.engine
        self._interval = interval
        self._pid: int | None = None
        if self._kind in _PID:
            self._pid = connection.exec_driver_sql(_PID[self._kind]).scalar()
        self._done = threading.Event()
        self._found: list[Blocker] = []

    @property
    def found(self) -> list[Blocker]:
        """Who was in the way when somebody last was."""
        return self._found

    def __enter__(self) -> Watch:
        if self._pid is not None:
            self._thread = threading.Thread(
                target=self._look, name="datamigrate-blockers", daemon=True
            )
            self._thread.start()
        return self

    def __exit__(self, *exception: t.Any) -> None:
        self._done.set()
        if self._pid is not None:
            self._thread.join()

    def _look(self) -> None:
        if self._done.wait(self._interval):
            return
        with (
            contextlib.suppress(exc.SQLAlchemyError),
            self._engine.connect() as connection,
        ):
            while True:
                for sql in _BLOCKERS[self._kind]:
                    rows: list[Blocker] = []
                    # A table that this server does not have is another one's.
                    with (
                        contextlib.suppress(exc.DBAPIError),
                        connection.begin(),
                    ):
                        found = connection.execute(sa.text(sql), {"pid": self._pid})
                        rows = [Blocker(*row) for row in found]
                    if rows:
                        self._found = rows
                        break
                if self._done.wait(self._interval):
                    return
