"""Who holds the migration lock right now, without trying to take it."""

from __future__ import annotations

import dataclasses

import sqlalchemy as sa

from ..backfill import processes
from ..backfill.tables import clock
from ..backfill.tables import tables
from ..dialects import family
from .lock import session_key

_SESSIONS = {
    # The two halves of the key: https://www.postgresql.org/docs/15/view-pg-locks.html
    "postgresql": (
        "SELECT 'session ' || l.pid || coalesce(' from ' || a.client_addr, '') || "
        "coalesce(' (' || nullif(a.application_name, '') || ')', '') FROM pg_locks l "
        "LEFT JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' "
        "AND l.granted AND l.objsubid = 1 AND l.database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database()) AND "
        "((CAST(l.classid AS bigint) << 32) | CAST(l.objid AS bigint)) = :key"
    ),
    "mysql": (
        # Who has not the right PROCESS sees the number alone.
        "SELECT CONCAT('session ', u.id, COALESCE(CONCAT(' from ', p.HOST), '')) "
        "FROM (SELECT IS_USED_LOCK(:key) AS id) u "
        "LEFT JOIN information_schema.PROCESSLIST p ON p.ID = u.id "
        "WHERE u.id IS NOT NULL"
    ),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Holder:
    """An upgrade that has the lock, or had it when it died.

    :param who: for people.
    :param alive: whether it still runs, as far as can be known.
    """

    who: str
    alive: bool


def holders(connection: sa.Connection) -> list[Holder]:
    """Return who holds the lock of a database, by its session and by its row."""
    kind = family(connection.dialect)
    found = []
    if kind in _SESSIONS:
        key = {"key": session_key(connection.engine)}
        rows = connection.execute(sa.text(_SESSIONS[kind]), key)
        found += [Holder(who, True) for (who,) in rows]
    table = tables(None).lock
    if sa.inspect(connection).has_table(table.name):
        query = sa.select(table.c.owner, table.c.lease_until, clock(kind))
        for owner, until, now in connection.execute(query):
            alive = until >= now and not processes.is_dead(owner)
            found.append(Holder(processes.describe(owner), alive))
    return found
