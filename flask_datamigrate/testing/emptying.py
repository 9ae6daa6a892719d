"""Empties a database again: everything in it that was not there before."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import exc

from ..dialects import family
from ..errors import DatabaseError

Things = tuple[tuple[str, str], ...]
"""What stands in a database: kind and quoted name of each."""

_OBJECTS = {
    # What an extension brought is its own: it comes and goes with it.
    "postgresql": """
SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
         WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
       format('%I.%I', current_schema(), relname)
FROM pg_class c
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r','p','v','m','S')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
UNION ALL
SELECT 'TYPE', format('%I.%I', current_schema(), typname)
FROM pg_type y
WHERE typnamespace = current_schema()::regnamespace AND typtype IN ('e', 'd')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = y.oid AND d.deptype = 'e')
UNION ALL
SELECT 'ROUTINE', oid::regprocedure::text
FROM pg_proc p
WHERE pronamespace = current_schema()::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
""",
    "mysql": """
SELECT CASE table_type WHEN 'VIEW' THEN 'VIEW' WHEN 'SEQUENCE' THEN 'SEQUENCE'
         ELSE 'TABLE' END,
       concat('`', replace(table_name, '`', '``'), '`')
FROM information_schema.tables WHERE table_schema = DATABASE()
UNION ALL
SELECT routine_type, concat('`', replace(routine_name, '`', '``'), '`')
FROM information_schema.routines WHERE routine_schema = DATABASE()
""",
    # The tables that serve a virtual table go with it.
    "sqlite": """
SELECT upper(type), '"' || replace(name, '"', '""') || '"'
FROM sqlite_master
WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite^_%' ESCAPE '^'
ORDER BY sql NOT LIKE 'CREATE VIRTUAL%'
""",
}

_BEFORE = {
    "postgresql": "SET LOCAL lock_timeout = '10s'",
    "mysql": "SET SESSION foreign_key_checks = 0, SESSION lock_wait_timeout = 10",
    "sqlite": "PRAGMA foreign_keys = OFF",
}

_DROP = {
    "postgresql": "DROP {kind} IF EXISTS {name} CASCADE",
    "mysql": "DROP {kind} IF EXISTS {name}",
    "sqlite": "DROP {kind} IF EXISTS {name}",
}


def things(connection: sa.Connection) -> Things:
    """List the tables, views, types and functions of a database's own schema."""
    query = _OBJECTS[family(connection.dialect)]
    verbatim = connection.execution_options(no_parameters=True)
    rows = verbatim.exec_driver_sql(query)
    return tuple((kind, name) for kind, name in rows)


def empty(engine: sa.Engine, but: Things) -> None:
    """Drop what stands in a database.

    :param but: what stays.
    :raises DatabaseError: when somebody else holds a table for ten seconds.
    """
    name = family(engine.dialect)
    # Sessions of the pool may have a table open.
    engine.dispose()
    try:
        with engine.begin() as connection:
            verbatim = connection.execution_options(no_parameters=True)
            verbatim.exec_driver_sql(_BEFORE[name])
            for kind, thing in things(connection):
                if (kind, thing) not in but:
                    statement = _DROP[name].format(kind=kind, name=thing)
                    verbatim.exec_driver_sql(statement)
    except exc.OperationalError as error:
        raise DatabaseError(
            f"it could not be emptied after the test: {error.orig}",
            where=f"database {engine.url.database}",
            state="What the test made in it is still there",
            next="Close each session and connection the test opened "
            "(db.session.remove())",
        ) from error
    finally:
        # What was set for the session must not reach the next test.
        engine.dispose()
