"""Inserts of what a query gives, a range of its table at a time."""

from __future__ import annotations

import copy
import typing as t

import sqlalchemy as sa

from ...snippets.statements import Insertion
from ..batch import COUNTING
from ..batch import Result
from ..jobs import Insert
from ..keys import Key
from ..keys import Position
from ..keys import parameters
from ..undo import InsertedRows


class InsertWriter:
    """Runs the user's insert with the range of the key added to its query.

    The two statements (with and without a lower bound) are built once, so that
    SQLAlchemy compiles each of them once.
    """

    def __init__(self, job: Insert, key: Key, undo: InsertedRows | None) -> None:
        self._statement = job.statement
        self._undo = undo
        self._ranged = {low: _ranged(job, key, low) for low in (None, ())}

    def write(
        self, connection: sa.Connection, low: Position | None, high: Position
    ) -> Result:
        values = parameters(low, high)
        if low is None and isinstance(self._statement, Insertion):
            # Of the whole source: a key may come again in a later batch.
            self._statement.prove(connection)
        statement = self._ranged[None if low is None else ()]
        if self._undo is not None:
            return Result(self._undo.insert(connection, statement, values))
        if isinstance(statement, Insertion):
            changed = statement.run(connection, values).rowcount
        else:
            changed = connection.execute(
                statement, values, execution_options=COUNTING
            ).rowcount
        return Result(max(changed, 0))


def _ranged(job: Insert, key: Key, low: Position | None) -> sa.Insert | Insertion:
    select = t.cast("sa.Select[t.Any]", job.statement.select)
    query = select.where(key.between(low))
    if isinstance(job.statement, Insertion):
        return job.statement.of(query)
    statement = copy.copy(job.statement)
    statement.select = query
    return statement
