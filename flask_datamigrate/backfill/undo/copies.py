"""Side tables of whole rows, and the table they are of, as the database has it."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ...errors import UndoError
from ...frozen.reflection import Reflection
from ..keys import Key


def side_of(name: str, table: sa.Table, key: Key) -> tuple[sa.Table, Key]:
    """Describe the key columns of a side table of whole rows, and its key."""
    columns = [sa.Column(_name(c), c.type, primary_key=True) for c in key.columns]
    side = sa.Table(name, sa.MetaData(schema=table.schema), *columns)
    return side, Key(tuple(side.c), key.dialect)


def stored(connection: sa.Connection, table: sa.Table) -> list[str]:
    """Name the columns of a table that hold values of their own.

    Of the database's table, and not of a frozen one: a row has them all. What the
    database generates it generates again.
    """
    found = Reflection(connection, table.name, table.schema).columns() or []
    return [column["name"] for column in found if "computed" not in column]


def rows_of(table: sa.Table, names: t.Sequence[str]) -> sa.Select[t.Any]:
    """Return a query of columns that a frozen table may lack."""
    chosen: list[t.Any] = [sa.column(name) for name in names]
    return sa.select(*chosen).select_from(table)


def whole(connection: sa.Connection, table: sa.Table, like: sa.Table) -> sa.Table:
    """Describe a table with all of its columns.

    :param like: a table that declares the types of some of them, which it keeps.
    """
    declared = {column.name.lower(): column.type for column in like.columns}
    found = Reflection(connection, table.name, table.schema).columns() or []
    columns = [
        sa.Column(c["name"], declared.get(c["name"].lower(), c["type"])) for c in found
    ]
    return sa.Table(table.name, sa.MetaData(schema=table.schema), *columns)


def named(table: sa.Table, name: str) -> sa.Column[t.Any]:
    """Return a column of a table by a name that may be spelt in another case."""
    if name in table.c:
        return table.c[name]
    return next(c for c in table.columns if c.name.lower() == name.lower())


def check_columns(
    connection: sa.Connection, side: sa.Table, table: sa.Table, where: str
) -> None:
    """Refuse to put rows back into a table that has no place for all of their values.

    :raises UndoError: naming the columns it lacks.
    """
    now = {name.lower() for name in stored(connection, table)}
    gone = [name for name in stored(connection, side) if name.lower() not in now]
    if gone:
        raise UndoError(
            f"the deleted rows have values of {', '.join(gone)}, and table "
            f"{table.name} has no such column any more",
            where=where,
            state=f"Nothing was changed; the rows are in {side.name}",
            next="Bring the column back first: downgrade the revisions behind this one",
        )


def _name(column: sa.ColumnElement[t.Any]) -> str:
    return str(getattr(column, "name", ""))
