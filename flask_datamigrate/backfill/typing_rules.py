"""Which expression may be assigned to which column, the same on every database."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ..errors import DefinitionError
from ..frozen.families import family

_APART = {
    frozenset({"text", "number"}),
    frozenset({"temporal", "number"}),
    frozenset({"binary", "number"}),
    frozenset({"binary", "temporal"}),
}
"""Families that no database converts into each other without loss or an error.

SQLite stores what it is given and MySQL converts what it can; PostgreSQL refuses.
A backfill means the same on all of them, so it must say the conversion.
"""


def check_values(table: sa.Table, values: t.Mapping[str, t.Any], where: str) -> None:
    """Refuse assignments of a wrong type or to a column the frozen table lacks.

    :param values: the expression or the plain value of each column, by name.
    :param where: how an error names the backfill.
    :raises DefinitionError: naming the column, both types and the cast to write.
    """
    for name, value in values.items():
        if name not in table.c:
            raise DefinitionError(
                f"it sets {name}, which the frozen table lacks",
                where=where,
                next=f"Add the column to frozen.table({table.name!r}, ...)",
            )
        if not isinstance(value, sa.ColumnElement) or isinstance(
            value, sa.BindParameter
        ):
            continue
        column = table.c[name]
        wanted, given = family(column.type), family(value.type)
        if frozenset({wanted, given}) in _APART:
            raise DefinitionError(
                f"column {name} holds {column.type!r}, and the expression for it "
                f"gives {value.type!r}",
                where=where,
                state="Nothing was changed",
                next=f"Write the conversion: sa.cast(..., sa.{column.type!r})",
            )
