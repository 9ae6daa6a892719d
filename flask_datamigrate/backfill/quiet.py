"""How the engine keeps a sync from writing back what a backfill fills in.

The triggers of ``op.create_sync`` have the old columns follow the new. A backfill, or
its undo, fills the new from the old, and must not change the old by that: its session
says so, and the triggers ask. SQLite has no setting of a session; but it has one writer
at a time, so a row that is there for the length of a transaction is as good.

What computes the old columns from the new ones keeps the triggers quiet both ways: the
new columns are right already, and would follow.
"""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa

from ..dialects import family

TABLE = "datamigrate_sync"
"""The table on SQLite with a row for who keeps the triggers quiet."""

CREATE = "CREATE TABLE IF NOT EXISTS {flags} (who VARCHAR(20) PRIMARY KEY)"

LOUD = {
    "postgresql": "coalesce(current_setting('datamigrate.sync', true), '') "
    "NOT IN ('off', 'both off')",
    "mysql": "@datamigrate_sync_off IS NULL",
    "sqlite": f"NOT EXISTS (SELECT 1 FROM {TABLE})",
}
"""The condition on which the old columns follow."""

FORWARD = {
    "postgresql": "coalesce(current_setting('datamigrate.sync', true), '') "
    "<> 'both off'",
    "mysql": "coalesce(@datamigrate_sync_off, 1) = 1",
    "sqlite": f"NOT EXISTS (SELECT 1 FROM {TABLE} WHERE who = 'trigger')",
}
"""The condition on which the new columns follow; on SQLite no other trigger runs."""

SESSION = {
    "postgresql": "SET datamigrate.sync = 'off'",
    "mysql": "SET @datamigrate_sync_off = 1",
}
"""What keeps a whole session quiet."""

_BEGIN = {
    "postgresql": "SET LOCAL datamigrate.sync = 'off'",
    "mysql": "SET @datamigrate_sync_off = 1",
    "sqlite": f"INSERT OR REPLACE INTO {TABLE} (who) VALUES ('engine')",
}
_END = {
    "postgresql": "SET LOCAL datamigrate.sync = 'on'",
    "mysql": "SET @datamigrate_sync_off = NULL",
    "sqlite": f"DELETE FROM {TABLE} WHERE who = 'engine'",
}
_BEGIN_BOTH = {
    "postgresql": "SET LOCAL datamigrate.sync = 'both off'",
    "mysql": "SET @datamigrate_sync_off = 2",
    "sqlite": f"INSERT OR REPLACE INTO {TABLE} (who) VALUES ('trigger')",
}
_END_BOTH = {**_END, "sqlite": f"DELETE FROM {TABLE} WHERE who = 'trigger'"}


def part(connection: sa.Connection) -> contextlib.AbstractContextManager[None]:
    """Keep the triggers quiet for a part of a transaction; an error takes it back."""
    return _between(connection, _BEGIN, _END)


def both_ways(connection: sa.Connection) -> contextlib.AbstractContextManager[None]:
    """Have neither side follow, likewise."""
    return _between(connection, _BEGIN_BOTH, _END_BOTH)


def script(kind: str) -> tuple[str, str]:
    """Return what begins and ends that in a script, where nothing else is in between.

    :param kind: which database it is for.
    """
    begin, end = _BEGIN_BOTH[kind], _END_BOTH[kind]
    return begin.replace("SET LOCAL", "SET"), end.replace("SET LOCAL", "SET")


@contextlib.contextmanager
def _between(
    connection: sa.Connection, begin: t.Mapping[str, str], end: t.Mapping[str, str]
) -> t.Iterator[None]:
    kind = family(connection.dialect)
    if kind not in begin or not is_asked(connection):
        yield
        return
    connection.exec_driver_sql(begin[kind])
    try:
        yield
    except BaseException:
        if kind == "mysql" and not connection.invalidated:
            # A variable outlives the transaction that is rolled back.
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                connection.exec_driver_sql(end[kind])
        raise
    connection.exec_driver_sql(end[kind])


def is_asked(connection: sa.Connection) -> bool:
    """Tell whether a trigger may ask; on SQLite it needs its table."""
    if family(connection.dialect) != "sqlite":
        return True
    found = connection.exec_driver_sql(
        f"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '{TABLE}'"
    )
    return found.first() is not None
