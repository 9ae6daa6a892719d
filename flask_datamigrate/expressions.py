"""What a statement is made of: its conditions and assignments."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.sql import visitors


def of_rows(
    where: sa.ColumnElement[bool] | None, table: sa.Table
) -> sa.ColumnElement[bool] | None:
    """Return a condition on the rows of a table alone, where it joins other tables."""
    if where is None:
        return None
    matching = sa.select(sa.literal(1)).where(where)
    others = [found for found in matching.get_final_froms() if found is not table]
    if not others:
        return where
    return matching.select_from(*others).correlate(table).exists()


def tables(parts: t.Iterable[sa.ClauseElement]) -> list[sa.Table]:
    """Return the tables of expressions and statements, those of subqueries too."""
    found: dict[t.Any, None] = {}
    todo: list[t.Any] = list(parts)
    seen: set[int] = set()
    while todo:
        element = todo.pop(0)
        if id(element) in seen:
            continue
        seen.add(id(element))
        if isinstance(element, sa.Table):
            found.setdefault(element)
        elif isinstance(element, sa.ColumnClause):
            todo += [] if element.table is None else [element.table]
        else:
            todo += element.get_children()
    return list(found)


def assignments(statement: sa.Update) -> dict[str, t.Any]:
    """Return the expression of each column an update sets, by the column's name."""
    # SQLAlchemy 2.0 keeps ordered_values() apart, as a list of pairs; 2.1 does not.
    values = dict(getattr(statement, "_ordered_values", None) or ())
    values.update(statement._values or {})
    return {
        str(getattr(column, "name", column)): value for column, value in values.items()
    }


def reads(expressions: t.Iterable[t.Any], table: sa.Table) -> set[str]:
    """Name the columns of a table that expressions look at; all of them if unsure."""
    names: set[str] = set()
    for expression in expressions:
        if not isinstance(expression, sa.ClauseElement):
            continue
        for element in visitors.iterate(expression):
            if isinstance(element, sa.Column):
                # Through an alias the same rows are read.
                names |= {c.name for c in element.base_columns if c.table is table}
            elif isinstance(element, sa.TextClause) or (
                isinstance(element, sa.ColumnClause) and element.is_literal
            ):
                return set(table.c.keys())
    return names
