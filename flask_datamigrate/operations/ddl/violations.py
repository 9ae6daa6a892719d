"""Rows that a constraint would not allow: how many there are, and which."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa

from ...backfill.keys import describe
from ...counting import counted
from .site import Site

_SHOWN = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Violations:
    """Rows in the way of a constraint.

    :param count: how many.
    :param keys: the primary keys of the first three, for people.
    """

    count: int
    keys: tuple[str, ...]

    def __str__(self) -> str:
        rows = counted(self.count, "row")
        more = "" if self.count <= len(self.keys) else ", …"
        return f"{rows} ({', '.join(self.keys)}{more})" if self.keys else rows


def find(site: Site, table: str, schema: str | None, where: str) -> Violations | None:
    """Look for rows that match a condition; ``None`` when there are none.

    :param where: SQL, as it stands; it calls the table by its own name.
    """
    inspector = sa.inspect(site.connection)
    names = inspector.get_pk_constraint(table, schema)["constrained_columns"]
    rows = sa.table(table, *map(sa.column, names), schema=schema)
    key: list[sa.ColumnElement[t.Any]] = list(rows.columns)
    condition = sa.text(where.replace(":", "\\:"))
    first = (
        sa.select(*(key or [sa.literal(1)]))
        .select_from(rows)
        .where(condition)
        .order_by(*key)
        .limit(_SHOWN)
    )
    found = site.rows(first)
    if not found:
        return None
    count = site.scalar(sa.select(sa.func.count()).select_from(rows).where(condition))
    keys = tuple(describe(key, tuple(row)) for row in found) if key else ()
    return Violations(count or len(found), keys)
