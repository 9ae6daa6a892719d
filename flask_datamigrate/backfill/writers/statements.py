"""Updates, deletes and inserts that the database computes by itself."""

from __future__ import annotations

import copy
import typing as t

import sqlalchemy as sa

from ..batch import Result
from ..definition import Delete
from ..definition import Insert
from ..definition import Update
from ..keys import Key
from ..keys import Position
from ..keys import parameters
from ..undo import UndoLog


class StatementWriter:
    """Runs the user's statement with the range of the key added to it.

    The two statements (with and without a lower bound) are built once, so that
    SQLAlchemy compiles each of them once.
    """

    def __init__(
        self, job: Update | Delete | Insert, key: Key, undo: UndoLog | None
    ) -> None:
        self._key = key
        self._undo = undo
        self._first = self._ranged(job, None)
        self._later = self._ranged(job, ())

    def write(
        self, connection: sa.Connection, low: Position | None, high: Position
    ) -> Result:
        values = parameters(low, high)
        if self._undo is not None:
            self._undo.keep_old(connection, low, values)
        statement = self._first if low is None else self._later
        changed = connection.execute(statement, values).rowcount
        if self._undo is not None:
            self._undo.keep_new(connection, low, values)
        return Result(max(changed, 0))

    def _ranged(
        self, job: Update | Delete | Insert, low: Position | None
    ) -> sa.Executable:
        condition = self._key.between(low)
        if isinstance(job, Insert):
            statement = copy.copy(job.statement)
            query = t.cast("sa.Select[t.Any]", job.statement.select)
            statement.select = query.where(condition)
            return statement
        if self._undo is not None:
            # A row that began to match after the old values were read has none kept.
            condition = sa.and_(condition, self._undo.is_kept(low))
        return job.statement.where(condition)
