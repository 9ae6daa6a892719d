"""Frozen tables: a table on a ``MetaData`` of its own."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ..errors import DefinitionError

__all__ = ["table"]


def table(name: str, *columns: sa.Column[t.Any], schema: str | None = None) -> sa.Table:
    """Write down the columns a migration touches.

    ::

        users = frozen.table(
            "users",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("full_name", sa.String(100)),
        )

    The table stands on a ``MetaData`` of its own, so two revisions that freeze the
    same table never see each other's columns, and none of them sees the models.

    :param name: the table's name in the database.
    :param columns: the columns used, and those of the key.
    :param schema: the table's schema, if it is not the default one.
    :raises DefinitionError: without columns, for a column named twice, and for
        what is not a column.
    """
    where = f"frozen table {name!r}"
    if not isinstance(name, str) or not name:
        raise DefinitionError("a table's name must be a text", where=where)
    _check(columns, where)
    return sa.Table(name, sa.MetaData(), *columns, schema=schema)


def _check(columns: tuple[t.Any, ...], where: str) -> None:
    if not columns:
        raise DefinitionError(
            "it has no columns",
            where=where,
            next="List the columns the migration reads and writes, and the key: "
            '`sa.Column("id", sa.Integer, primary_key=True)`',
        )
    seen: set[str] = set()
    for column in columns:
        if not isinstance(column, sa.Column):
            raise DefinitionError(
                f"{column!r} is not a column",
                where=where,
                next="Give it `sa.Column(...)`; constraints and indexes are not "
                "part of a frozen table",
            )
        if not column.name:
            raise DefinitionError("it has a column without a name", where=where)
        if column.name in seen:
            raise DefinitionError(f'it has column "{column.name}" twice', where=where)
        if getattr(column, "table", None) is not None:
            raise DefinitionError(
                f'column "{column.name}" belongs to table '
                f'"{column.table.name}" already',
                where=where,
                next="Write a `sa.Column(...)` of its own for each frozen table",
            )
        seen.add(column.name)
