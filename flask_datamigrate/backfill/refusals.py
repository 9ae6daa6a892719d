"""Rows that could not be changed and were left out, each with its key and error."""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

import sqlalchemy as sa

from . import keys


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was left out.

    :param error: why it could not be changed.
    :param accepted: whether an operator has accepted that it stays as it is.
    """

    position: keys.Position
    error: str
    accepted: bool


class Refusals:
    """Reads and writes refused rows, in the caller's transaction.

    :param now: the database's clock.
    """

    def __init__(self, table: sa.Table, now: sa.ColumnElement[float]) -> None:
        self._table = table
        self._now = now

    def of(self, connection: sa.Connection, name: str) -> list[Refusal]:
        """Return the refused rows of a backfill, the oldest first."""
        table = self._table
        query = sa.select(table.c.position, table.c.error, table.c.accepted)
        query = query.where(table.c.backfill == name).order_by(table.c.at)
        return [
            Refusal(keys.decode(position) or (), error, accepted)
            for position, error, accepted in connection.execute(query)
        ]

    def count(self, connection: sa.Connection, name: str) -> int:
        """Return how many rows of a backfill were refused."""
        table = self._table
        query = sa.select(sa.func.count()).where(table.c.backfill == name)
        return connection.execute(query).scalar_one()

    def put(
        self, connection: sa.Connection, name: str, position: keys.Position, error: str
    ) -> None:
        """Write a row down, or why it was refused again; accepted stays accepted."""
        table, digest = self._table, _digest(position)
        of = (table.c.backfill == name, table.c.digest == digest)
        again = table.update().where(*of).values(error=error, at=self._now)
        if connection.execute(again).rowcount:
            return
        connection.execute(
            table.insert().values(
                backfill=name,
                digest=digest,
                position=keys.encode(position),
                error=error,
                at=self._now,
                accepted=False,
            )
        )

    def take(
        self, connection: sa.Connection, name: str, position: keys.Position
    ) -> None:
        """Strike a row out."""
        self._delete(connection, name, self._table.c.digest == _digest(position))

    def clear(self, connection: sa.Connection, name: str) -> None:
        """Strike every row of a backfill out."""
        self._delete(connection, name)

    def reopen(self, connection: sa.Connection, name: str) -> None:
        """Strike out the rows that no operator has accepted: they are met again."""
        self._delete(connection, name, self._table.c.accepted.is_(False))

    def accept(self, connection: sa.Connection, name: str) -> int:
        """Accept that the refused rows stay as they are; return how many are new."""
        table = self._table
        result = connection.execute(
            table.update()
            .where(table.c.backfill == name, table.c.accepted.is_(False))
            .values(accepted=True)
        )
        return result.rowcount

    def _delete(self, connection: sa.Connection, name: str, *of: t.Any) -> None:
        table = self._table
        connection.execute(table.delete().where(table.c.backfill == name, *of))


def _digest(position: keys.Position) -> str:
    # Of the key as text, which MySQL could neither index nor compare exactly.
    return hashlib.sha256((keys.encode(position) or "").encode()).hexdigest()
