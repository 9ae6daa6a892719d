"""A few of the changed rows, before and after, for the report."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from .definition import Backfill
from .keys import Key
from .keys import Position
from .keys import describe
from .keys import parameters
from .reporting import Sample

ROWS = 3
"""Rows in a sample: enough to see a wrong expression, few enough to read."""

_Values = tuple[t.Any, ...]


class Sampler:
    """Looks at the first rows of a batch before and after it.

    :param key: the key of the table.
    """

    def __init__(self, backfill: Backfill, key: Key) -> None:
        self._backfill = backfill
        self._key = key
        self._columns = [backfill.table.c[name] for name in backfill.changes]

    def before(
        self, connection: sa.Connection, low: Position | None, high: Position
    ) -> dict[Position, _Values]:
        """Return the changing columns of a few rows of a range, by key."""
        if not self._columns:
            return {}
        statement = (
            sa.select(*self._key.columns, *self._columns)
            .where(self._key.between(low))
            .order_by(*self._key.order())
            .limit(ROWS)
        )
        where = self._backfill.job.where
        if where is not None:
            statement = statement.where(where)
        return self._split(connection.execute(statement, parameters(low, high)))

    def after(
        self, connection: sa.Connection, before: dict[Position, _Values]
    ) -> tuple[Sample, ...]:
        """Return the rows that differ from what :meth:`before` saw."""
        if not before:
            return ()
        alike = sa.or_(
            *(
                sa.and_(
                    *(
                        column == value
                        for column, value in zip(self._key.columns, key, strict=True)
                    )
                )
                for key in before
            )
        )
        statement = sa.select(*self._key.columns, *self._columns).where(alike)
        now = self._split(connection.execute(statement))
        names = self._backfill.changes
        return tuple(
            Sample(
                describe(self._key.columns, key),
                dict(zip(names, values, strict=True)),
                dict(zip(names, now[key], strict=True)),
            )
            for key, values in before.items()
            if key in now and now[key] != values
        )

    def _split(self, result: sa.CursorResult[t.Any]) -> dict[Position, _Values]:
        size = len(self._key.columns)
        return {tuple(row[:size]): tuple(row[size:]) for row in result}
