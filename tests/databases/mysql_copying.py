"""All that is in one database of a MySQL server, put into another one there."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from .database import Database


def copy(source: Database, target: Database) -> None:
    """Copy tables, rows and triggers.

    :param target: an empty database on the same server.
    """
    name = sa.make_url(source.url).database
    engine = target.engine(poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection = connection.execution_options(no_parameters=True)

        def run(sql: str) -> list[t.Any]:
            result = connection.exec_driver_sql(sql)
            return list(result) if result.returns_rows else []

        # The tables come in any order.
        run("SET foreign_key_checks = 0")
        for (table,) in run(TABLES.format(name=name)):
            ((_, created),) = run(f"SHOW CREATE TABLE `{name}`.`{table}`")
            run(created)
            found = run(COLUMNS.format(name=name, table=table))
            columns = ", ".join(f"`{column}`" for (column,) in found)
            run(
                f"INSERT INTO `{table}` ({columns}) "
                f"SELECT {columns} FROM `{name}`.`{table}`"
            )
        for (trigger,) in run(TRIGGERS.format(name=name)):
            ((_, _, created, *_),) = run(f"SHOW CREATE TRIGGER `{name}`.`{trigger}`")
            run(created)


TABLES = """
SELECT table_name FROM information_schema.tables
WHERE table_schema = '{name}' AND table_type = 'BASE TABLE'
"""

# What is computed from others is computed again.
COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_schema = '{name}' AND table_name = '{table}'
AND extra NOT LIKE '%GENERATED%' ORDER BY ordinal_position
"""

TRIGGERS = """
SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = '{name}'
"""
