"""Where the rows of an insert come from, and whether a key comes twice in them."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ... import typing_rules
from ...dialects import family
from ...errors import DefinitionError
from .statement import names_of

_Rows = t.Sequence[t.Mapping[t.Any, t.Any]]

MOST_VALUES = 30_000
"""Values in one statement: SQLite takes 32,766, PostgreSQL's protocol 65,535."""

_MOST_TERMS = 400
"""Parts of one UNION ALL, of which SQLite takes 500."""


def checked_rows(
    rows: t.Sequence[t.Any], table: sa.Table, where: str
) -> list[dict[str, t.Any]]:
    """Return rows by column name.

    :raises DefinitionError: for none, for too many, for rows of different columns,
        and for a value of a wrong type.
    """
    found = [
        {names_of([column], table, "a row", where)[0]: row[column] for column in row}
        for row in rows
    ]
    if not found or not found[0]:
        raise DefinitionError(
            "there are no rows", where=where, state="Nothing was changed"
        )
    for number, row in enumerate(found, 1):
        if row.keys() != found[0].keys():
            raise DefinitionError(
                f"row {number} has {', '.join(row)}, and the first one "
                f"{', '.join(found[0])}",
                where=where,
                state="Nothing was changed",
                next="Give each row the same columns",
            )
        typing_rules.check_values(table, row, f"{where}, row {number}")
    if len(found) * len(found[0]) > MOST_VALUES:
        raise DefinitionError(
            f"its {len(found):,} rows have more than {MOST_VALUES:,} values",
            where=where,
            state="Nothing was changed",
            next="Put them into a table with op.bulk_insert, and give a select of it",
        )
    return found


def checked_select(
    query: t.Any, names: t.Sequence[str], table: sa.Table, where: str
) -> sa.Select[t.Any]:
    """Return a select that fits the columns it fills.

    :raises DefinitionError: when it is none, or has other columns.
    """
    if isinstance(query, sa.CompoundSelect):
        query = sa.select(query.subquery())
    if not isinstance(query, sa.Select):
        raise DefinitionError(
            f"it was given {type(query).__name__}",
            where=where,
            next="Give it a list of rows, or from_select=([names], sa.select(...))",
        )
    given = list(query.selected_columns)
    if len(given) != len(names):
        raise DefinitionError(
            f"the select has {len(given)} columns for the {len(names)} it fills",
            where=where,
            state="Nothing was changed",
        )
    typing_rules.check_values(table, dict(zip(names, given, strict=True)), where)
    return query


def positioned(query: sa.Select[t.Any]) -> sa.Select[t.Any]:
    """Return a select with its columns called ``v0``, ``v1`` and so on."""
    columns = [c.label(f"v{i}") for i, c in enumerate(query.selected_columns)]
    return query.with_only_columns(*columns, maintain_column_froms=True)


def repeated(
    source: sa.Select[t.Any] | _Rows,
    names: t.Sequence[str],
    key: t.Sequence[sa.Column[t.Any]],
    dialect: sa.Dialect,
) -> sa.Select[t.Any]:
    """Return a query for a key that comes twice in a source, alike by its column.

    :param names: the columns of the source, in its order.
    """
    keys = [names.index(column.name) for column in key]
    if isinstance(source, sa.Select):
        inner = positioned(source).subquery("dm_source")
        given: t.Any = sa.select(*(inner.c[f"v{i}"] for i in keys))
    else:
        given = _union([_selected(row, keys, key) for row in source])
    if family(dialect) != "postgresql":
        # An empty first part gives the columns the collations of the table's own.
        own = sa.select(*(c.label(f"v{i}") for i, c in zip(keys, key, strict=True)))
        given = sa.union_all(own.where(sa.literal_column("1") == 0), given)
    found = given.subquery("dm_keys")
    columns = list(found.c)
    return (
        sa.select(*columns)
        .where(*(column.is_not(None) for column in columns))
        .group_by(*columns)
        .having(sa.func.count() > 1)
        .limit(1)
    )


def _union(parts: list[t.Any]) -> t.Any:
    while len(parts) > 1:
        groups = [parts[i : i + _MOST_TERMS] for i in range(0, len(parts), _MOST_TERMS)]
        parts = [sa.select(sa.union_all(*group).subquery()) for group in groups]
    return parts[0]


def _selected(
    row: t.Mapping[t.Any, t.Any], keys: list[int], key: t.Sequence[sa.Column[t.Any]]
) -> sa.Select[t.Any]:
    values = (
        _value(row[c.name], c).label(f"v{i}") for i, c in zip(keys, key, strict=True)
    )
    return sa.select(*values)


def _value(value: t.Any, column: sa.Column[t.Any]) -> sa.ColumnElement[t.Any]:
    if isinstance(value, sa.ColumnElement):
        return value
    return sa.literal(value, column.type)
