"""A few of the changed rows, before and after, for the report."""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from . import faults
from .definition import Backfill
from .keys import Key
from .keys import Position
from .keys import describe
from .keys import parameters
from .reporting import Sample

ROWS = 3
"""Rows in a sample: enough to see a wrong expression, few enough to read."""

_UNREADABLE = "(cannot be read)"
"""Stands for a value that neither its type nor the database can show."""

_Values = tuple[t.Any, ...]


class Sampler:
    """Looks at the first rows of a batch before and after it.

    A value that its type cannot read, which may be what the backfill mends, is shown
    as the text the database makes of it. Only what the batch would meet too ends a
    look: a lock, a lost connection, a condition that fails.

    :param key: the key of the table.
    """

    def __init__(self, backfill: Backfill, key: Key) -> None:
        self._backfill = backfill
        self._key = key
        self._columns: list[sa.ColumnElement[t.Any]] = [
            backfill.table.c[name] for name in backfill.changes
        ]

    def before(
        self, connection: sa.Connection, low: Position | None, high: Position
    ) -> dict[Position, _Values]:
        """Return the changing columns of a few rows of a range, by key."""
        if not self._columns:
            return {}
        condition = self._key.between(low)
        where = self._backfill.job.where
        if where is not None:
            condition = sa.and_(condition, where)
        return self._read(connection, condition, parameters(low, high))

    def after(
        self, connection: sa.Connection, before: dict[Position, _Values]
    ) -> tuple[Sample, ...]:
        """Return the rows that differ from what :meth:`before` saw."""
        if not before:
            return ()
        now = self._read(connection, sa.or_(*map(self._is, before)), {})
        names = self._backfill.changes
        return tuple(
            Sample(
                describe(self._key.columns, key),
                dict(zip(names, values, strict=True)),
                dict(zip(names, now[key], strict=True)),
            )
            for key, values in before.items()
            if key in now and not _alike(now[key], values)
        )

    def _read(
        self,
        connection: sa.Connection,
        condition: sa.ColumnElement[bool],
        values: dict[str, t.Any],
    ) -> dict[Position, _Values]:
        keys = self._key.columns
        statement = sa.select(*keys).where(condition).order_by(*self._key.order())
        statement = statement.limit(ROWS)
        size = len(keys)
        with _careful(connection):
            found = connection.execute(
                statement.add_columns(*self._columns), values
            ).all()
            return {tuple(row[:size]): tuple(row[size:]) for row in found}
        return {
            position: tuple(self._value(connection, position, c) for c in self._columns)
            for position in map(tuple, connection.execute(statement, values).all())
        }

    def _value(
        self,
        connection: sa.Connection,
        position: Position,
        column: sa.ColumnElement[t.Any],
    ) -> t.Any:
        raw = sa.cast(sa.type_coerce(column, sa.types.NullType()), sa.Text)
        for form in (column, raw):
            with _careful(connection):
                statement = sa.select(form).where(self._is(position))
                return connection.execute(statement).scalar()
        return _UNREADABLE

    def _is(self, position: Position) -> sa.ColumnElement[bool]:
        pairs = zip(self._key.columns, position, strict=True)
        return sa.and_(*(column == value for column, value in pairs))


@contextlib.contextmanager
def _careful(connection: sa.Connection) -> t.Iterator[None]:
    """Leave the block, and the transaction as it was, when a value cannot be read."""
    try:
        with connection.begin_nested():
            yield
    except exc.DBAPIError as error:
        if faults.classify(error) not in faults.SPLIT:
            raise
    except Exception:
        return


def _alike(now: _Values, before: _Values) -> bool:
    try:
        return bool(now == before)
    except Exception:
        # What a type of the app's own gives may not compare, as arrays of numpy.
        return False
