"""Rows that a backfill changes in vain: what it sets to find them no more is NULL.

So is a text that has no counterpart in the type it becomes. Whoever has to mend such
rows needs all of them at once, and what is in them.
"""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from .. import expressions
from ..counting import counted
from .definition import Backfill
from .jobs import Update
from .keys import Key
from .keys import Position
from .keys import describe
from .keys import parameters

if t.TYPE_CHECKING:
    from .session import Session
    from .task import Task

SHOWN = 20
MOST = 1_000
AHEAD = 100_000
"""How many rows an error names, counts, and looks at."""

LONGEST = 40
"""How much of a value an error shows."""


@dataclasses.dataclass(frozen=True, slots=True)
class Vain:
    """Rows that match the ``where`` again, since what they are set to is NULL.

    :param table: the table, as SQL names it.
    :param sets: the columns that are NULL then.
    :param key: the columns that name a row.
    :param reads: the columns they are computed from.
    :param rows: the key and the values of each; one more than are counted at most.
    :param last: the last key looked at; ``None`` for the end of the table.
    """

    table: str
    sets: tuple[str, ...]
    key: tuple[sa.ColumnElement[t.Any], ...]
    reads: tuple[str, ...]
    rows: tuple[tuple[Position, tuple[t.Any, ...]], ...]
    last: Position | None

    @property
    def what(self) -> str:
        """Say how many there are, and name them."""
        found = len(self.rows)
        many = counted(found, "row")
        many = f"more than {counted(MOST, 'row')}" if found > MOST else many
        comes = "comes" if found == 1 else "come"
        upto = ""
        if self.last is not None and found <= MOST:
            upto = f" up to {describe(self.key, self.last)}"
        more = f", and {found - SHOWN:,} more" if SHOWN < found <= MOST else ""
        named = ", ".join(map(self._named, self.rows[:SHOWN]))
        return (
            f"{many}{upto} {comes} to NULL in {' and '.join(self.sets)}: {named}{more}"
        )

    @property
    def advice(self) -> str:
        """Say what mends them."""
        given = [row for row in self.rows if any(one is not None for one in row[1])]
        if not given:
            return (
                "Narrow the where to the rows that have something to compute from, by "
                ".is_not(None), or pass verify=False"
            )
        position, _ = given[0]
        pairs = zip(self.key, position, strict=True)
        row = " AND ".join(describe([column], (value,)) for column, value in pairs)
        return (
            f"Correct the values, as by UPDATE {self.table} SET {self.reads[0]} = … "
            f"WHERE {row}; or mend the expression in the revision; or, if NULL is "
            "right for them, pass verify=False"
        )

    def _named(self, row: tuple[Position, tuple[t.Any, ...]]) -> str:
        position, values = row
        shown = ", ".join(map(_with_value, self.reads, values))
        return f"{describe(self.key, position)} ({shown})"


def look(
    connection: sa.Connection,
    backfill: Backfill,
    key: Key,
    span: tuple[Position | None, Position | None] = (None, None),
) -> Vain | None:
    """Look for such rows; ``None`` where there are none, or it cannot be told.

    :param span: the positions behind which, and up to which, to look. The whole table
        is as much work as to count what matches.
    """
    low, last = span
    job, table = backfill.job, backfill.table
    if not isinstance(job, Update) or job.joined is not None or job.where is None:
        return None
    sets = _sets(job)
    keys = {getattr(column, "name", "") for column in key.columns}
    names = expressions.reads(sets.values(), table) - keys
    reads = [column for column in table.c if column.name in names]
    if not sets or not reads:
        return None
    query = sa.select(*key.columns, *reads).where(
        job.where, sa.or_(*(value.is_(None) for value in sets.values()))
    )
    query = query.order_by(*key.order()).limit(MOST + 1)
    if low is not None:
        query = query.where(key.after())
    if last is not None:
        query = query.where(key.until())
    found = connection.execute(query, parameters(low, last or ())).all()
    if not found:
        return None
    width = len(key.columns)
    return Vain(
        str(table),
        tuple(sets),
        key.columns,
        tuple(column.name for column in reads),
        tuple((tuple(row[:width]), tuple(row[width:])) for row in found),
        last,
    )


def ahead(session: Session, task: Task, key: Key, low: Position | None) -> Vain | None:
    """Look at a bounded number of rows behind a position, in a transaction of its own.

    :param low: the position; ``None`` for the beginning.
    """
    bound = sa.select(*key.columns).order_by(*key.order()).offset(AHEAD).limit(1)
    if low is not None:
        bound = bound.where(key.after())
    try:
        with session.transactions.reading() as connection:
            row = connection.execute(bound, parameters(low, ())).first()
            last = None if row is None else tuple(row)
            return look(connection, task.backfill, key, (low, last))
    except exc.DBAPIError:
        return None


def _sets(job: Update) -> dict[str, sa.ColumnElement[t.Any]]:
    """Return the expressions of the columns that the ``where`` looks at."""
    looked_at = expressions.reads([job.where], job.table)
    return {
        name: value
        for name, value in job.assigned.items()
        if name in looked_at and isinstance(value, sa.ColumnElement)
    }


def _with_value(name: str, value: t.Any) -> str:
    if value is None:
        return f"{name} NULL"
    text = repr(value)
    return f"{name} {text if len(text) <= LONGEST else text[: LONGEST - 1] + '…'}"
