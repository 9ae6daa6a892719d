"""All that a database has, to be compared with what it has later."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from tests.databases import Database

_TRIGGERS = {
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
    "mysql": "SELECT trigger_name FROM information_schema.triggers "
    "WHERE trigger_schema = database() ORDER BY 1",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY 1",
}


def snapshot(database: Database) -> dict[str, t.Any]:
    """Return the tables, their rows and the triggers.

    The order of the columns is left out: a column that comes back comes last on
    PostgreSQL and SQLite.
    """
    engine = database.engine(poolclass=sa.NullPool)
    inspector = sa.inspect(engine)
    tables = {
        name: _table(inspector, database, name)
        for name in inspector.get_table_names()
        if name != "alembic_version" and not name.startswith("datamigrate_")
    }
    return {"tables": tables, "triggers": database.rows(_TRIGGERS[database.name])}


def _table(inspector: sa.Inspector, database: Database, name: str) -> dict[str, t.Any]:
    table = sa.Table(name, sa.MetaData(), autoload_with=inspector)
    names = sorted(table.c.keys())
    query = sa.select(*(table.c[column] for column in names))
    return {
        "columns": {
            column["name"]: (
                repr(column["type"]),
                column["nullable"],
                column["default"],
            )
            for column in inspector.get_columns(name)
        },
        "key": inspector.get_pk_constraint(name)["constrained_columns"],
        "foreign keys": inspector.get_foreign_keys(name),
        "unique": inspector.get_unique_constraints(name),
        "checks": inspector.get_check_constraints(name),
        "indexes": inspector.get_indexes(name),
        "names": names,
        "rows": database.rows(query.order_by(*table.primary_key)),
    }
