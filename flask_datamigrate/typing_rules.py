"""Which expression may be assigned to which column, the same on every database."""

from __future__ import annotations

import decimal
import typing as t

import sqlalchemy as sa

from .errors import DefinitionError
from .frozen.families import family

_APART = {
    frozenset({"text", "number"}),
    frozenset({"temporal", "number"}),
    frozenset({"binary", "number"}),
    frozenset({"binary", "temporal"}),
    frozenset({"uuid", "number"}),
    frozenset({"uuid", "boolean"}),
    frozenset({"uuid", "temporal"}),
}
"""Families that no database converts into each other without loss or an error.

SQLite stores what it is given and MySQL converts what it can; PostgreSQL refuses.
A backfill means the same on all of them, so it must say the conversion.
"""


_NO_CAST = (
    "No cast makes the one of the other: look the value up in a table that has it, or "
    "for a new UUID write snippets.random_uuid()"
)


def are_apart(given: str | None, wanted: str | None) -> bool:
    """Tell whether values of a family cannot go into a column of another.

    :param given: the family of the values; ``None`` for one that is not known.
    :param wanted: that of the column.
    """
    return frozenset({given, wanted}) in _APART


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
        column = table.c[name]
        if isinstance(value, sa.BindParameter):
            value = value.value
        if not isinstance(value, sa.ColumnElement):
            _check_plain(column, value, where)
            continue
        given, wanted = family(value.type), family(column.type)
        if are_apart(given, wanted):
            conversion = f"Write the conversion: sa.cast(..., sa.{column.type!r})"
            raise DefinitionError(
                f"column {name} holds {column.type!r}, and the expression for it "
                f"gives {value.type!r}",
                where=where,
                state="Nothing was changed",
                next=_NO_CAST if "uuid" in (given, wanted) else conversion,
            )


_PLAIN = {"number": (str, bytes), "text": (int, float, decimal.Decimal)}
"""The Python values that are of another family than a column."""


def _check_plain(column: sa.Column[t.Any], value: t.Any, where: str) -> None:
    """Refuse a plain value that only SQLite would store."""
    kind = column.type
    if isinstance(kind, sa.types.TypeDecorator | sa.Enum):
        return
    if isinstance(value, _PLAIN.get(family(kind) or "", ())):
        raise DefinitionError(
            f"column {column.name} holds {kind!r}, and is set to {value!r}",
            where=where,
            state="Nothing was changed",
            next="Give it a value of its own type",
        )
