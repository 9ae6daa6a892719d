"""Rows that are in the way of a unique index: how many, and which."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ...backfill.keys import describe
from .site import Site

_SHOWN = 3


def find(
    site: Site,
    table: sa.TableClause,
    values: t.Sequence[str],
    where: str | None,
    *,
    nulls_differ: bool = True,
) -> str:
    """Say which values occur more than once; "" when none does.

    :param values: the index's expressions, in SQL.
    :param where: the condition of a partial index, in SQL.
    :param nulls_differ: whether rows with NULL are never alike.
    """
    parts = ", ".join(values)
    name = site.full_name(table.name, table.schema)
    conditions = [f"({value}) IS NOT NULL" for value in values if nulls_differ]
    if where is not None:
        conditions.append(f"({where})")
    which = f"FROM {name} WHERE {' AND '.join(conditions) or '1 = 1'}"
    counted = _query(
        site,
        f"SELECT count(*), sum(n) FROM (SELECT count(*) AS n {which} "
        f"GROUP BY {parts} HAVING count(*) > 1) x",
    )[0]
    if not counted[0]:
        return ""
    groups, rows = int(counted[0]), int(counted[1])
    what = f"{groups:,} values occur" if groups > 1 else "1 value occurs"
    return f"{what} more than once, in {rows:,} rows{_shown(site, table, parts, which)}"


def _shown(site: Site, table: sa.TableClause, parts: str, which: str) -> str:
    """Return the keys of two rows of each of the first values."""
    inspector = sa.inspect(site.connection)
    names = inspector.get_pk_constraint(table.name, table.schema)["constrained_columns"]
    if not names:
        return ""
    key = ", ".join(map(site.quoted, names))
    found = _query(
        site,
        f"SELECT {key} FROM (SELECT {key}, "
        f"count(*) OVER (PARTITION BY {parts}) AS dm_count, "
        f"row_number() OVER (PARTITION BY {parts} ORDER BY {key}) AS dm_number, "
        f"dense_rank() OVER (ORDER BY {parts}) AS dm_value {which}) x "
        f"WHERE dm_count > 1 AND dm_number <= 2 ORDER BY dm_value, dm_number "
        f"LIMIT {2 * _SHOWN}",
    )
    columns: list[sa.ColumnElement[t.Any]] = [sa.column(name) for name in names]
    rows = [describe(columns, tuple(row)) for row in found]
    pairs = [f"{a} and {b}" for a, b in zip(rows[::2], rows[1::2], strict=True)]
    return f": {'; '.join(pairs)}"


def _query(site: Site, sql: str) -> list[t.Any]:
    result = site.connection.exec_driver_sql(
        sql, execution_options={"no_parameters": True}
    )
    return list(result)
