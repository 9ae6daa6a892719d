"""Columns and tables that look renamed: autogenerate sees one go, and one come."""

from __future__ import annotations

import contextvars
import dataclasses
import typing as t

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.dialects import mysql

from ..frozen.families import family


@dataclasses.dataclass(frozen=True, slots=True)
class Rename:
    """A column of a table that may have a new name."""

    table: str
    old: str
    new: str

    def __str__(self) -> str:
        return (
            f"{self.table}.{self.old} goes and {self.table}.{self.new} of the same "
            "kind comes: if that is its new name, a plain migration loses its values"
        )

    @property
    def change(self) -> str:
        """A name for the staged change that renames it."""
        return f"rename_{self.table}_{self.old}_to_{self.new}"


@dataclasses.dataclass(frozen=True, slots=True)
class TableRename:
    """A table that may have a new name."""

    old: str
    new: str

    def __str__(self) -> str:
        return (
            f"table {self.old} goes and {self.new} with the same columns comes: if "
            "that is its new name, a plain migration loses its rows"
        )

    @property
    def change(self) -> str:
        """A name for the staged change that renames it."""
        return f"rename_{self.old}_to_{self.new}"


class Staged(BaseException):
    """Leave autogenerate: the difference is to be written as a staged change.

    Not an ``Exception``, so that an ``env.py`` lets it through.
    """

    def __init__(self, rename: Rename | TableRename) -> None:
        self.rename = rename
        super().__init__(str(rename))


_Decide: t.TypeAlias = t.Callable[[Rename | TableRename], bool]

decide: contextvars.ContextVar[_Decide | None] = contextvars.ContextVar(
    "flask_datamigrate_renames", default=None
)
"""Says whether to stage a rename; ``None`` where nobody can be asked."""


def kind(type_: sa.types.TypeEngine[t.Any]) -> str | None:
    """Name the family of a type; ``None`` for one that is not known.

    MySQL and MariaDB make a TINYINT(1) of a Boolean.
    """
    if isinstance(type_, mysql.TINYINT) and type_.display_width == 1:
        return "boolean"
    return family(type_)


def find(
    operations: t.Sequence[t.Any], connection: sa.Connection
) -> list[Rename | TableRename]:
    """Return what looks renamed: one of its kind goes, and one comes.

    :param operations: what autogenerate has found.
    :param connection: to the database as it stands.
    """
    pairs = tables(operations)
    found: list[Rename | TableRename] = [
        TableRename(gone.table_name, made.table_name)
        for gone, made in pairs
        if is_unique(gone, made, pairs)
    ]
    for operation in operations:
        if not isinstance(operation, ops.ModifyTableOps):
            continue
        gone: dict[str | None, list[str]] = {}
        come: dict[str | None, list[str]] = {}
        for change in operation.ops:
            if isinstance(change, ops.DropColumnOp):
                of = _kind_there(change, connection)
                gone.setdefault(of, []).append(change.column_name)
            elif isinstance(change, ops.AddColumnOp):
                added = change.column
                come.setdefault(kind(added.type), []).append(str(added.name))
        for of, names in gone.items():
            others = come.get(of, [])
            if of is not None and len(names) == len(others) == 1:
                found.append(Rename(operation.table_name, names[0], others[0]))
    return found


def _kind_there(change: ops.DropColumnOp, connection: sa.Connection) -> str | None:
    """Name the family of a column that goes; MariaDB makes a LONGTEXT of JSON."""
    # What only a comparison with a database needs.
    from .ddl.mysql_columns import is_json
    from .ddl.site import Site

    site = Site(connection, sa.Table(change.table_name, sa.MetaData()), 0)
    if is_json(site, change.table_name, change.column_name, change.schema):
        return "json"
    return kind(change.to_column().type)


def tables(
    operations: t.Sequence[t.Any],
) -> list[tuple[ops.DropTableOp, ops.CreateTableOp]]:
    """Return each table that goes, with each that comes and has the same columns.

    :param operations: what autogenerate has found.
    """
    gone = [one for one in operations if isinstance(one, ops.DropTableOp)]
    made = [one for one in operations if isinstance(one, ops.CreateTableOp)]
    return [
        (old, new)
        for old in gone
        for new in made
        if old.schema == new.schema and columns(old) == columns(new)
    ]


def is_unique(
    gone: ops.DropTableOp,
    made: ops.CreateTableOp,
    pairs: t.Sequence[tuple[ops.DropTableOp, ops.CreateTableOp]],
) -> bool:
    """Tell whether two tables look like each other, and like no other."""
    return not any((gone is old) != (made is new) for old, new in pairs)


def columns(operation: ops.DropTableOp | ops.CreateTableOp) -> set[str]:
    """Return the names of a table's columns."""
    return {str(column.name) for column in operation.to_table().columns}
