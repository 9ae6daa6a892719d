"""Columns that look renamed: autogenerate sees one that goes, and one that comes."""

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


class Staged(BaseException):
    """Leave autogenerate: the difference is to be written as a staged change.

    Not an ``Exception``, so that an ``env.py`` lets it through.
    """

    def __init__(self, rename: Rename) -> None:
        self.rename = rename
        super().__init__(str(rename))


decide: contextvars.ContextVar[t.Callable[[Rename], bool] | None] = (
    contextvars.ContextVar("flask_datamigrate_renames", default=None)
)
"""Says whether to stage a rename; ``None`` where nobody can be asked."""


def kind(type_: sa.types.TypeEngine[t.Any]) -> str | None:
    """Name the family of a type; ``None`` for one that is not known.

    MySQL and MariaDB make a TINYINT(1) of a Boolean.
    """
    if isinstance(type_, mysql.TINYINT) and type_.display_width == 1:
        return "boolean"
    return family(type_)


def find(operations: t.Iterable[t.Any]) -> list[Rename]:
    """Return the columns that look renamed: one of its kind goes, and one comes.

    :param operations: what autogenerate has found.
    """
    found = []
    for operation in operations:
        if not isinstance(operation, ops.ModifyTableOps):
            continue
        gone: dict[str | None, list[str]] = {}
        come: dict[str | None, list[str]] = {}
        for change in operation.ops:
            if isinstance(change, ops.DropColumnOp):
                column = change.to_column()
                gone.setdefault(kind(column.type), []).append(str(column.name))
            elif isinstance(change, ops.AddColumnOp):
                added = change.column
                come.setdefault(kind(added.type), []).append(str(added.name))
        for of, names in gone.items():
            others = come.get(of, [])
            if of is not None and len(names) == len(others) == 1:
                found.append(Rename(operation.table_name, names[0], others[0]))
    return found
