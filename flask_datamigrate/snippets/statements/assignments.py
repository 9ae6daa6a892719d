"""The assignments of a statement, in an order that every database reads alike."""

from __future__ import annotations

import re
import typing as t

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from ... import typing_rules
from ...errors import DefinitionError
from .statement import names_of


def checked(
    values: t.Mapping[t.Any, t.Any], table: sa.Table, where: str
) -> dict[str, sa.ClauseElement]:
    """Return an expression for each column that is set, plain values bound.

    The columns come in an order in which none is set before another one's expression
    has read it: MySQL and MariaDB give an expression the values that stand left of
    it (https://dev.mysql.com/doc/refman/8.0/en/update.html), the others the old ones.

    :param values: expressions and plain values, by column or name.
    :param where: how an error names the statement.
    :raises DefinitionError: for an unknown column, a wrong type, and columns that
        read each other.
    """
    named = {
        names_of([column], table, "it", where)[0]: value
        for column, value in values.items()
    }
    typing_rules.check_values(table, named, where)
    bound = {
        name: value
        if isinstance(value, sa.ClauseElement)
        else sa.bindparam(None, value, type_=table.c[name].type, unique=True)
        for name, value in named.items()
    }
    reads = {
        name: _reads(value, table, bound.keys()) - {name}
        for name, value in bound.items()
    }
    ordered: dict[str, sa.ClauseElement] = {}
    while len(ordered) < len(bound):
        waiting = [name for name in bound if name not in ordered]
        free = [
            name
            for name in waiting
            if not any(name in reads[other] for other in waiting)
        ]
        if not free:
            raise DefinitionError(
                f"the new values of {', '.join(waiting)} are computed from each "
                "other, which MySQL and MariaDB would do one after the other",
                where=where,
                state="Nothing was changed",
                next="Change them in two steps, through a column for the meantime",
            )
        ordered.update({name: bound[name] for name in free})
    return ordered


def _reads(
    expression: sa.ClauseElement, table: sa.Table, names: t.Collection[str]
) -> set[str]:
    """Name those of some columns of a table that an expression looks at."""
    found: set[str] = set()
    for element in visitors.iterate(expression):
        if isinstance(element, sa.TextClause):
            found |= set(re.findall(r"\w+", element.text)) & set(names)
        elif isinstance(element, sa.ColumnClause) and element.is_literal:
            found |= set(re.findall(r"\w+", element.name)) & set(names)
        elif isinstance(element, sa.Column) and element.table is table:
            found |= {element.name} & set(names)
    return found
