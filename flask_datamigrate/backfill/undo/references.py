"""The foreign keys of other tables that refer to a table."""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

import sqlalchemy as sa

from ...dialects import family
from .copies import named

LOSING = frozenset({"CASCADE", "SET NULL", "SET DEFAULT"})
"""What a delete does to the rows that refer to a row, where it is not refused."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reference:
    """One foreign key to a table.

    :param schema: of the table that refers.
    :param columns: those of the table that refers, and what they refer to.
    :param action: what is done to its rows: ``CASCADE``, ``SET NULL`` and so on.
    :param own: whether the table refers to itself.
    """

    schema: str | None
    table: str
    columns: tuple[tuple[str, str], ...]
    action: str
    own: bool

    def exists(self, table: sa.Table) -> sa.ColumnElement[bool]:
        """Return the condition that a row of the table is referred to."""
        names = [name for name, _ in self.columns]
        child = sa.table(self.table, *map(sa.column, names), schema=self.schema)
        child_rows = child.alias("dm_child")
        same = (child_rows.c[name] == named(table, to) for name, to in self.columns)
        return sa.exists().where(*same).correlate(table)


_ACTION = "CASE c.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' "
_FIND = {
    "postgresql": (
        "SELECT c.conname, n.nspname, r.relname, a.attname, f.attname, "
        f"{_ACTION} WHEN 'd' THEN 'SET DEFAULT' ELSE 'NO ACTION' END, "
        "c.conrelid = c.confrelid FROM pg_constraint c "
        "JOIN pg_class r ON r.oid = c.conrelid "
        "JOIN pg_namespace n ON n.oid = r.relnamespace "
        "CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY "
        "AS k (here, there, place) "
        "JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.here "
        "JOIN pg_attribute f ON f.attrelid = c.confrelid AND f.attnum = k.there "
        "WHERE c.contype = 'f' AND c.conparentid = 0 "
        "AND c.confrelid = CAST(concat_ws('.', quote_ident(CAST(:schema AS text)), "
        "quote_ident(CAST(:name AS text))) AS regclass) "
        "ORDER BY n.nspname, r.relname, c.conname, k.place"
    ),
    "mysql": (
        "SELECT k.constraint_name, k.table_schema, k.table_name, k.column_name, "
        "k.referenced_column_name, r.delete_rule, "
        "k.table_schema = k.referenced_table_schema "
        "AND k.table_name = k.referenced_table_name "
        "FROM information_schema.key_column_usage k "
        "JOIN information_schema.referential_constraints r "
        "ON r.constraint_schema = k.constraint_schema "
        "AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name "
        "WHERE k.referenced_table_schema = COALESCE(:schema, DATABASE()) "
        "AND k.referenced_table_name = :name "
        "ORDER BY k.table_schema, k.table_name, k.constraint_name, k.ordinal_position"
    ),
}


def find(connection: sa.Connection, table: sa.Table) -> list[Reference]:
    """Return the foreign keys to a table that the database minds."""
    kind = family(connection.dialect)
    if kind == "sqlite":
        return list(_find_on_sqlite(connection, table))
    values = {"schema": table.schema, "name": table.name}
    rows = connection.execute(sa.text(_FIND[kind]), values).all()
    return [
        Reference(
            schema,
            name,
            tuple((row[3], row[4]) for row in group),
            group[0][5],
            bool(group[0][6]),
        )
        for (_, schema, name), group in (
            (of, list(found))
            for of, found in itertools.groupby(rows, key=lambda row: tuple(row[:3]))
        )
    ]


def _find_on_sqlite(
    connection: sa.Connection, table: sa.Table
) -> t.Iterator[Reference]:
    if not connection.exec_driver_sql("PRAGMA foreign_keys").scalar():
        return
    inspector = sa.inspect(connection)
    for name in inspector.get_table_names(table.schema):
        for key in inspector.get_foreign_keys(name, table.schema):
            if key["referred_table"].lower() != table.name.lower():
                continue
            yield Reference(
                table.schema,
                name,
                tuple(
                    zip(
                        key["constrained_columns"], key["referred_columns"], strict=True
                    )
                ),
                key["options"].get("ondelete", "NO ACTION").upper(),
                name.lower() == table.name.lower(),
            )
