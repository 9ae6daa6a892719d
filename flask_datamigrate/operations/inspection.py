"""What the database has, for migrations that depend on it."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ..errors import OfflineError
from .ddl import sqlite_constraints
from .ddl import sqlite_text

if t.TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext


def has(
    context: MigrationContext,
    what: str,
    table: str,
    name: str | None,
    schema: str | None,
) -> bool:
    """Tell whether the database has something.

    :param what: ``table``, ``column``, ``index`` or ``constraint``.
    :raises OfflineError: in ``--sql`` mode, where there is no database to ask.
    """
    if context.as_sql:
        raise OfflineError(
            f"op.has_{what} asks the database, and --sql has none",
            where=f"table {table}",
            state="The script written so far is incomplete",
            next="Run the upgrade without --sql, or put the condition into the SQL",
        )
    assert context.connection is not None
    inspector = sa.inspect(context.connection)
    if not inspector.has_table(table, schema=schema):
        return False
    return what == "table" or name in _NAMES[what](inspector, table, schema)


def _columns(inspector: sa.Inspector, table: str, schema: str | None) -> set[t.Any]:
    return {column["name"] for column in inspector.get_columns(table, schema)}


def _indexes(inspector: sa.Inspector, table: str, schema: str | None) -> set[t.Any]:
    return {index["name"] for index in inspector.get_indexes(table, schema)}


def _constraints(inspector: sa.Inspector, table: str, schema: str | None) -> set[t.Any]:
    names: set[t.Any] = {inspector.get_pk_constraint(table, schema).get("name")}
    for found in (
        inspector.get_foreign_keys(table, schema),
        inspector.get_unique_constraints(table, schema),
        inspector.get_check_constraints(table, schema),
    ):
        names |= {constraint["name"] for constraint in found}
    if inspector.dialect.name == "sqlite":
        assert isinstance(inspector.bind, sa.Connection)
        sql = sqlite_text.read(inspector.bind, table, schema)
        names |= sqlite_constraints.names(sql)
    return names


_NAMES: dict[str, t.Callable[[sa.Inspector, str, str | None], set[t.Any]]] = {
    "column": _columns,
    "index": _indexes,
    "constraint": _constraints,
}
