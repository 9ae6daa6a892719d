"""Which queries give the same rows range by range as all at once."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.sql import elements
from sqlalchemy.sql import functions
from sqlalchemy.sql import selectable

from ..errors import DefinitionError
from ..snippets.aggregates import StringAgg

_AGGREGATES = frozenset(
    "any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count "
    "covar_pop covar_samp every group_concat grouping json_agg json_arrayagg "
    "json_group_array json_group_object json_object_agg json_objectagg jsonb_agg "
    "jsonb_object_agg max median min mode percentile_cont percentile_disc range_agg "
    "regr_slope std stddev stddev_pop stddev_samp string_agg sum total var_pop "
    "var_samp variance xmlagg".split()
)
"""The aggregates of the three databases: the manuals' lists of each."""

Key: t.TypeAlias = "t.Sequence[sa.Column[t.Any]]"


def check(
    query: sa.Select[t.Any],
    source: sa.Table,
    key: Key,
    *,
    where: str,
    merges: bool = False,
) -> None:
    """Refuse a query of which a range of the source cannot give its part alone.

    What puts rows together must put together rows of one range only: its groups have
    the key among what they are told apart by. A limit counts each range anew, and an
    outer join has rows that are of no range.

    :param key: the columns the batches follow.
    :param where: how an error names the backfill.
    :param merges: whether what it gives twice is inserted once.
    :raises DefinitionError: saying what it is and how to write it.
    """
    for what in _faults(query, source, key, merges):
        raise DefinitionError(
            f"{what}, so in batches it would insert other rows than all at once",
            where=where,
            state="Nothing was changed",
            next="For each value once write sn.insert_missing(...), or take the row "
            "before which there is none with its value: ~sa.exists().where(earlier.c.x "
            f"== {source.name}.c.x, earlier.c.id < {source.name}.c.id); compute the "
            "rest in a subquery that is joined; or pass atomic=True for a small table",
        )


def reads(query: sa.Select[t.Any], source: sa.Table) -> bool:
    """Tell whether a table itself, and not an alias of it, is among the FROMs."""
    return any(found is source for found, _ in _members(query))


def _faults(
    query: sa.Select[t.Any], source: sa.Table, key: Key, merges: bool
) -> t.Iterator[str]:
    chosen = list(query.selected_columns)
    parts = [*chosen, *query._having_criteria, *query._order_by_clauses]
    clauses = (query._limit_clause, query._offset_clause, query._fetch_clause)
    if any(clause is not None for clause in clauses):
        yield "its query has LIMIT or OFFSET"
    if any(found is source and loose for found, loose in _members(query)):
        yield f"its query has {source.name} on the side of an outer join that may lack"
    on = query._distinct_on
    if (on and not _has(on, key)) or (
        query._distinct and not on and not merges and not _has(chosen, key)
    ):
        yield f"its query has DISTINCT over more than the rows of one {_named(key)}"
    grouped = query._group_by_clauses
    if grouped and not _has(grouped, key):
        yield f"its query has GROUP BY without {_named(key)}"
    elif not grouped and (
        query._having_criteria or any(map(_is_aggregate, _walked(parts)))
    ):
        yield "its query has an aggregate over all rows"
    if any(
        isinstance(element, sa.Over) and not _has(_partition(element), key)
        for element in _walked(parts)
    ):
        yield f"its query has a window that is not PARTITION BY {_named(key)}"


def _members(query: sa.Select[t.Any]) -> t.Iterator[tuple[sa.FromClause, bool]]:
    """Return what the FROMs are joined of, and whether it may lack in a row."""
    todo: list[tuple[t.Any, bool]] = [(f, False) for f in query.get_final_froms()]
    while todo:
        member, loose = todo.pop()
        if isinstance(member, sa.Join):
            todo.append((member.left, loose or member.full))
            todo.append((member.right, loose or member.isouter or member.full))
        elif isinstance(member, selectable.FromGrouping):
            todo.append((member.element, loose))
        else:
            yield member, loose


def _walked(parts: t.Iterable[t.Any]) -> t.Iterator[t.Any]:
    """Return the elements of expressions, but not those of subqueries."""
    todo = list(parts)
    while todo:
        element = todo.pop()
        yield element
        if isinstance(element, sa.Over):
            # What it is over is a window function, also where it is an aggregate.
            todo += _partition(element)
        elif not isinstance(element, sa.ScalarSelect | sa.Exists | sa.SelectBase):
            todo += element.get_children()


def _is_aggregate(element: t.Any) -> bool:
    if isinstance(element, StringAgg | elements.FunctionFilter | sa.WithinGroup):
        return True
    if not isinstance(element, functions.FunctionElement):
        return False
    name = str(getattr(element, "name", "")).lower()
    # With several arguments these two are of one row, on SQLite.
    alone = name not in ("min", "max") or len(element.clauses) == 1
    return name in _AGGREGATES and alone


def _partition(window: sa.Over[t.Any]) -> list[t.Any]:
    by = window.partition_by
    return [] if by is None else list(by)


def _has(parts: t.Iterable[t.Any], key: Key) -> bool:
    plain = [part.element if isinstance(part, sa.Label) else part for part in parts]
    return all(any(part is column for part in plain) for column in key)


def _named(key: Key) -> str:
    return ", ".join(f"{column.table.name}.{column.name}" for column in key)
