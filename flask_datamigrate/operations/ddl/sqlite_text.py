"""The text of a table of SQLite, which is all the schema it has.

The manual allows another text to be put in its place where the rows stay as they
are: https://www.sqlite.org/lang_altertable.html#otheralter
"""

from __future__ import annotations

import sqlalchemy as sa

from ...backfill.connections import begin_immediate
from ...quoting import full_name
from ...quoting import quoted


def read(connection: sa.Connection, table: str, schema: str | None) -> str:
    """Return the CREATE TABLE of a table; "" when there is none."""
    found = connection.execute(
        sa.text(
            f"SELECT sql FROM {_space(connection, schema)}sqlite_master "
            "WHERE type = 'table' AND lower(name) = lower(:table)"
        ),
        {"table": table},
    )
    return str(found.scalar() or "")


def write(connection: sa.Connection, table: str, schema: str | None, sql: str) -> None:
    """Put another CREATE TABLE in the place of a table's, in the transaction.

    :param sql: it has to describe the rows as they are.
    """
    begin_immediate(connection)
    space = _space(connection, schema)
    version: int = connection.exec_driver_sql(
        f"PRAGMA {space}schema_version"
    ).scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    try:
        connection.execute(
            sa.text(
                f"UPDATE {space}sqlite_master SET sql = :sql "
                "WHERE type = 'table' AND lower(name) = lower(:table)"
            ),
            {"sql": sql, "table": table},
        )
        connection.exec_driver_sql(f"PRAGMA {space}schema_version = {version + 1}")
    finally:
        # Reads it anew, so that a text that SQLite cannot read fails here.
        connection.exec_driver_sql("PRAGMA writable_schema = RESET")
    name = full_name(connection.dialect, table, schema)
    connection.execute(sa.text(f"SELECT 1 FROM {name} WHERE 1 = 0"))


def _space(connection: sa.Connection, schema: str | None) -> str:
    return "" if schema is None else f"{quoted(connection.dialect, schema)}."
