"""A PostgreSQL database made empty again, which is cheaper than a new one."""

from __future__ import annotations

import time
import typing as t

import sqlalchemy as sa

LEAVE_SECONDS = 0.5

# A connection that was closed is still there for a moment.
OTHERS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""

DROP_SCHEMAS = """
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT nspname FROM pg_namespace
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
    LOOP
        EXECUTE 'DROP SCHEMA ' || quote_ident(name) || ' CASCADE';
    END LOOP;
    CREATE SCHEMA public;
    GRANT USAGE ON SCHEMA public TO PUBLIC;
END
$$
"""

# What lives in no schema, and so is not dropped with one.
NOTHING_LEFT = """
SELECT NOT EXISTS (SELECT FROM pg_extension WHERE extname <> 'plpgsql')
AND NOT EXISTS (SELECT FROM pg_event_trigger)
AND NOT EXISTS (SELECT FROM pg_publication)
AND NOT EXISTS (SELECT FROM pg_foreign_data_wrapper)
AND NOT EXISTS (SELECT FROM pg_largeobject_metadata)
AND NOT EXISTS (SELECT FROM pg_default_acl)
AND NOT EXISTS (SELECT FROM pg_prepared_xacts WHERE database = current_database())
"""

SETTINGS = """
SELECT unnest(setconfig) FROM pg_db_role_setting
JOIN pg_database ON pg_database.oid = setdatabase
WHERE datname = current_database()
"""


def emptied(url: sa.URL, settings: t.Mapping[str, str]) -> bool:
    """Make a database as it was when it was new, and tell whether that went well.

    :param url: the database, and an account that owns all in it.
    :param settings: what was set in it when it was new.
    """
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            if not _alone(connection):
                return False
            connection.exec_driver_sql(DROP_SCHEMAS)
            if not connection.exec_driver_sql(NOTHING_LEFT).scalar():
                return False
            found = connection.exec_driver_sql(SETTINGS).scalars()
            return sorted(found) == sorted(f"{k}={v}" for k, v in settings.items())
    except sa.exc.DBAPIError:
        # Whatever stands in the way, it is gone with the database.
        return False


def _alone(connection: sa.Connection) -> bool:
    deadline = time.monotonic() + LEAVE_SECONDS
    while connection.exec_driver_sql(OTHERS).scalar():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True
