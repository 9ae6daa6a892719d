"""The keys at which ranges and batches begin and end."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from .keys import Key
from .keys import Position
from .keys import encode
from .keys import read_as_declared
from .ranges import Range


class Bounds:
    """Finds keys of a table, in their order.

    :param key: the key that is followed.
    :param shown: the key by which errors name a row, if it is another one.
    """

    def __init__(self, key: Key, shown: Key) -> None:
        self._key = key
        self._shown = shown
        self._ends = {low: self._end_query(low) for low in (None, ())}

    def lowest(self, connection: sa.Connection) -> Position | None:
        """Return the lowest key."""
        statement = sa.select(*self._key.columns).order_by(*self._key.order())
        return self._first(connection, statement.limit(1), None)

    def highest(
        self, connection: sa.Connection, above: Position | None
    ) -> Position | None:
        """Return the highest key, if it is above a position."""
        statement = sa.select(*self._key.columns).order_by(*self._key.descending())
        if above is not None:
            statement = statement.where(self._key.after())
        found = self._first(connection, statement.limit(1), above)
        encode(found, self._shown.columns)
        return found

    def following(
        self, connection: sa.Connection, position: Position | None
    ) -> Position | None:
        """Return the first key behind a position."""
        statement = sa.select(*self._key.columns).order_by(*self._key.order()).limit(1)
        if position is not None:
            statement = statement.where(self._key.after())
        return self._first(connection, statement, position)

    def end(
        self, connection: sa.Connection, span: Range, size: int
    ) -> tuple[Position, int]:
        """Return the last key of the next batch, and how many rows it has at most."""
        assert span.upper is not None
        values: dict[str, t.Any] = {"dm_skip": size - 1}
        values.update({f"dm_high_{i}": v for i, v in enumerate(span.upper)})
        statement = self._ends[None if span.position is None else ()]
        found = self._first(connection, statement, span.position, **values)
        return (span.upper, size - 1) if found is None else (found, size)

    def _end_query(self, low: Position | None) -> sa.Select[t.Any]:
        return (
            sa.select(*self._key.columns)
            .where(self._key.between(low))
            .order_by(*self._key.order())
            .offset(sa.bindparam("dm_skip", type_=sa.Integer()))
            .limit(1)
        )

    def _first(
        self,
        connection: sa.Connection,
        statement: sa.Select[t.Any],
        low: Position | None,
        **values: t.Any,
    ) -> Position | None:
        """Return the one key that a statement gives, if it does.

        :param low: the position it begins behind.
        """
        values.update({f"dm_low_{i}": value for i, value in enumerate(low or ())})
        with read_as_declared(self._shown.columns):
            row = connection.execute(statement, values).first()
        return None if row is None else tuple(row)
