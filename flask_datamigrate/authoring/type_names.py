"""The types a database has and SQLAlchemy has not, by the database's own name."""

from __future__ import annotations

import re
import typing as t

import sqlalchemy as sa

from ..dialects import family
from ..dialects import is_mariadb

_NAMES = {
    "postgresql": """
        SELECT a.attname, format_type(a.atttypid, a.atttypmod)
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relname = :name
          AND CASE WHEN CAST(:schema AS TEXT) IS NULL THEN pg_table_is_visible(c.oid)
                   ELSE n.nspname = :schema END
          AND a.attnum > 0 AND NOT a.attisdropped
    """,
    "mysql": """
        SELECT column_name, column_type FROM information_schema.columns
        WHERE table_name = :name AND table_schema = COALESCE(:schema, DATABASE())
    """,
    "sqlite": """
        SELECT name, type FROM pragma_table_xinfo(:name, COALESCE(:schema, 'main'))
    """,
}

_JSON_CHECKS = """
    SELECT check_clause FROM information_schema.check_constraints
    WHERE table_name = :name AND constraint_schema = COALESCE(:schema, DATABASE())
"""
_JSON_CHECK = re.compile(r"^\(*json_valid\(`(.+)`\)\)*$", re.IGNORECASE)


def unknown(
    connection: sa.Connection,
    name: str,
    schema: str | None,
    columns: t.Iterable[t.Any],
) -> dict[str, str]:
    """Name the columns whose type has no name in SQLAlchemy, with its name there.

    :param connection: a connection to the database.
    :param name: the table's name.
    :param schema: its schema, ``None`` for the default one.
    :param columns: the columns as they were reflected.
    """
    dialect = connection.dialect
    doubtful = {
        column["name"] for column in columns if _doubtful(dialect, column["type"])
    }
    if not doubtful:
        return {}
    query = _NAMES.get(family(dialect))
    if query is None:
        return dict.fromkeys(doubtful, "a type of this database")
    rows = connection.execute(sa.text(query), {"name": name, "schema": schema})
    return {
        column: (declared or "no type").replace("\n", " ")
        for column, declared in rows
        if column in doubtful and not _known_to_sqlite(dialect, declared)
    }


def json_columns(
    connection: sa.Connection, name: str, schema: str | None
) -> frozenset[str]:
    """Name the columns that MariaDB made of JSON: LONGTEXT with a check.

    :param connection: a connection to the database.
    :param name: the table's name.
    :param schema: its schema, ``None`` for the default one.
    """
    if not is_mariadb(connection.dialect):
        return frozenset()
    clauses = connection.scalars(
        sa.text(_JSON_CHECKS), {"name": name, "schema": schema}
    )
    matches = map(_JSON_CHECK.match, clauses)
    return frozenset(match.group(1) for match in matches if match)


def _doubtful(dialect: sa.Dialect, type_: t.Any) -> bool:
    # SQLite takes any word for a type. SQLAlchemy reads one it does not know as
    # NUMERIC, and would then turn texts into numbers.
    return isinstance(type_, sa.types.NullType) or (
        dialect.name == "sqlite" and isinstance(type_, sa.NUMERIC)
    )


def _known_to_sqlite(dialect: sa.Dialect, declared: str) -> bool:
    if dialect.name != "sqlite":
        return False
    word = re.match(r"[\w ]*", declared or "")
    names = t.cast("dict[str, t.Any]", getattr(dialect, "ischema_names", {}))
    return word is not None and word.group().strip().upper() in names
