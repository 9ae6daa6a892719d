"""What a database holds at one moment, in a form that two moments can be compared."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa

from ..tablenames import OWN_TABLES

Rows = list[dict[str, t.Any]]

_VERSION = "alembic_version"


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """The tables of the app at one moment; Alembic's table and our own are left out.

    The order of columns is left out too: one that was dropped and came back stands
    last on some databases.

    :param schema: a description of each table, by name.
    :param rows: the rows of each table in the order of its key, by name.
    """

    schema: dict[str, tuple[str, ...]]
    rows: dict[str, Rows]

    def schema_only(self) -> Snapshot:
        """Return the same without the rows."""
        return Snapshot(self.schema, {})

    def difference(self, other: Snapshot) -> str:
        """Say what is different in another one; nothing where they are equal."""
        lines = []
        for name in sorted({*self.schema, *other.schema}):
            lines += _changes(name, self.schema, other.schema)
        for name in sorted({*self.rows, *other.rows}):
            lines += _changes(name, _texts(self.rows), _texts(other.rows))
        return "\n".join(dict.fromkeys(lines))


def take(engine: sa.Engine) -> Snapshot:
    """Return what the tables of the app are, and hold."""
    inspector = sa.inspect(engine)
    names = [
        name
        for name in inspector.get_table_names()
        if name != _VERSION and not name.startswith(OWN_TABLES)
    ]
    with engine.connect() as connection:
        return Snapshot(
            {name: _described(inspector, name) for name in names},
            {name: rows(connection, table(connection, name)) for name in names},
        )


def table(connection: sa.Connection, name: str) -> sa.Table:
    """Return a table as it stands.

    :raises sqlalchemy.exc.NoSuchTableError: when there is none.
    """
    return sa.Table(name, sa.MetaData(), autoload_with=connection, resolve_fks=False)


def rows(connection: sa.Connection, table: sa.Table) -> Rows:
    """Return the rows of a table in the order of its key, else of all its columns."""
    order = tuple(table.primary_key.columns)
    found = connection.execute(sa.select(table).order_by(*order)).mappings()
    listed = [dict(row) for row in found]
    return listed if order else sorted(listed, key=repr)


def _described(inspector: sa.Inspector, name: str) -> tuple[str, ...]:
    lines = [
        f"column {c['name']} {c['type']!s}"
        f"{'' if c['nullable'] else ' NOT NULL'} default {c.get('default')}"
        for c in inspector.get_columns(name)
    ]
    key = inspector.get_pk_constraint(name)["constrained_columns"]
    lines.append(f"primary key {', '.join(key)}")
    lines += [
        f"foreign key {k['name']} {', '.join(k['constrained_columns'])} to "
        f"{k['referred_table']} {', '.join(k['referred_columns'])}"
        for k in inspector.get_foreign_keys(name)
    ]
    lines += [
        f"{'unique ' if i['unique'] else ''}index {i['name']} "
        f"{', '.join(str(column) for column in i['column_names'])}"
        for i in inspector.get_indexes(name)
    ]
    lines += [
        f"unique {u['name']} {', '.join(u['column_names'])}"
        for u in inspector.get_unique_constraints(name)
    ]
    lines += [
        f"check {c['name']} {c['sqltext']}"
        for c in inspector.get_check_constraints(name)
    ]
    return tuple(sorted(lines))


def _texts(found: t.Mapping[str, Rows]) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(f"row {row}" for row in listed) for name, listed in found.items()
    }


def _changes(
    name: str,
    before: t.Mapping[str, tuple[str, ...]],
    after: t.Mapping[str, tuple[str, ...]],
) -> list[str]:
    if name not in before:
        return [f"{name}: a new table"]
    if name not in after:
        return [f"{name}: the table is gone"]
    return [
        *(f"{name}: - {line}" for line in before[name] if line not in after[name]),
        *(f"{name}: + {line}" for line in after[name] if line not in before[name]),
    ]
