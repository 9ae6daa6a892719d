"""Updates and deletes that the database computes by itself."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ...snippets.statements.joining import SEVERAL
from ..batch import COUNTING
from ..batch import Result
from ..batch import RowError
from ..jobs import Delete
from ..jobs import Update
from ..keys import Key
from ..keys import Position
from ..keys import parameters
from ..undo import RowLog


class StatementWriter:
    """Runs the user's statement with the range of the key added to it.

    The two statements (with and without a lower bound) are built once, so that
    SQLAlchemy compiles each of them once.
    """

    def __init__(self, job: Update | Delete, key: Key, undo: RowLog | None) -> None:
        self._job = job
        self._key = key
        self._undo = undo
        self._first = self._ranged(job, None)
        self._later = self._ranged(job, ())
        self._several = {low: self._several_query(low) for low in (None, ())}

    def write(
        self, connection: sa.Connection, low: Position | None, high: Position
    ) -> Result:
        values = parameters(low, high)
        self._refuse_several(connection, low, values)
        if self._undo is not None:
            self._undo.keep_old(connection, low, values)
        statement = self._first if low is None else self._later
        changed = connection.execute(
            statement, values, execution_options=COUNTING
        ).rowcount
        if self._undo is not None:
            self._undo.keep_new(connection, low, values)
        return Result(max(changed, 0))

    def _ranged(
        self, job: Update | Delete, low: Position | None
    ) -> sa.Update | sa.Delete:
        condition = self._key.between(low)
        if self._undo is not None:
            condition = sa.and_(condition, self._undo.is_taken(low))
        return job.statement.where(condition)

    def _several_query(self, low: Position | None) -> sa.Select[t.Any] | None:
        joined = self._job.joined if isinstance(self._job, Update) else None
        if joined is None or joined.single:
            return None
        return joined.several(self._key.between(low), self._key.columns)

    def _refuse_several(
        self,
        connection: sa.Connection,
        low: Position | None,
        values: t.Mapping[str, t.Any],
    ) -> None:
        """Refuse a row of the range for which a joined source has several.

        :raises RowError: naming the row.
        """
        query = self._several[None if low is None else ()]
        row = None if query is None else connection.execute(query, values).first()
        if row is not None:
            raise RowError(SEVERAL, tuple(row))
