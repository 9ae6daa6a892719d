"""Ranges of equal rows: where a key is cut, and the cut itself."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from .keys import Key
from .keys import Position
from .keys import parameters
from .keys import read_as_declared
from .ranges import FORWARD
from .ranges import Range
from .session import Session
from .states import State
from .task import Task

FEWEST_BATCHES = 2
"""The fewest batches a part is worth: each cut costs the owner of the range the batch
it is at, which is rolled back."""

_MOST_MARKS = 256
"""Keys that are remembered while a range is paged. At so many every second one is
forgotten, and the pages grow twice as long."""

_PAGES = 64
"""Pages that a range is expected to have; the marks between them tell its quantiles
to some 2 %."""

_SAMPLED = 100_000
"""From this many rows on, PostgreSQL samples the table and does not page the index."""

_SAMPLE = 10_000
"""About how many rows such a sample has: of 100 pages or more, in random places."""


class Marks(t.NamedTuple):
    """Keys of a range with equally many rows between them.

    :param keys: in order.
    :param apart: about how many rows each is behind the one before.
    """

    keys: list[Position]
    apart: float

    @property
    def rows(self) -> int:
        """About how many rows the range has."""
        return round(len(self.keys) * self.apart)

    def split(self, parts: int) -> list[Position]:
        """Return the last key of each part but the last."""
        size = len(self.keys)
        return [self.keys[size * i // parts - 1] for i in range(1, parts)]


class Divider:
    """Cuts ranges in parts of about as many rows each.

    The keys of the cuts are keys of the table, so that any key will do: of several
    columns, of text, sparse or skewed. They are found without a look at the rows: on
    PostgreSQL from a sample of a big table (``TABLESAMPLE``), and else by paging the
    index of the key once.
    """

    def __init__(self, session: Session, task: Task, key: Key) -> None:
        self._session = session
        self._task = task
        self._key = key

    def divide(self, span: Range, parts: int) -> bool:
        """Cut what is still to come of somebody's range.

        :param parts: at most this many; fewer where they would be too small.
        :returns: whether it was cut.
        """
        marks = self._marks(span)
        enough = FEWEST_BATCHES * span.batch_size
        parts = min(parts, marks.rows // enough, len(marks.keys))
        if parts < 2:
            return False
        return self._cut(span, marks.split(parts), marks.rows // parts)

    def _cut(self, seen: Range, cuts: list[Position], rows: int) -> bool:
        session, task = self._session, self._task
        ranges, of = session.store.ranges, (task.name, FORWARD)
        with session.transactions.transaction() as connection:
            record = session.store.get(connection, task.name, locked=True)
            span = ranges.get(connection, *of, seen.number, locked=True)
            moved = span is None or span.cuts != seen.cuts or span.is_done
            if moved or record is None or record.state is not State.RUNNING:
                return False
            assert span is not None
            cuts = [cut for cut in cuts if self._is_ahead(connection, span, cut)]
            if not cuts:
                return False
            ranges.bound(
                connection,
                *of,
                span.number,
                upper=cuts[0],
                rows_about=span.visited + rows,
            )
            number = 1 + max(r.number for r in ranges.all(connection, *of))
            ends = [*cuts[1:], span.upper]
            for i, (low, upper) in enumerate(zip(cuts, ends, strict=True)):
                ranges.open(
                    connection,
                    *of,
                    span.batch_size,
                    number=number + i,
                    low=low,
                    upper=upper,
                    rows_about=rows,
                )
        return True

    def _is_ahead(self, connection: sa.Connection, span: Range, cut: Position) -> bool:
        """Tell whether a range has not come to a cut yet."""
        if span.position is None:
            return True
        statement = sa.select(*self._key.columns).where(self._key.between(())).limit(1)
        found = connection.execute(statement, parameters(span.position, cut))
        return found.first() is not None

    def _marks(self, span: Range) -> Marks:
        if self._key.dialect == "postgresql" and span.rest >= _SAMPLED:
            marks = self._sampled(span)
            if len(marks.keys) >= _PAGES:
                return marks
        return self._paged(span)

    def _sampled(self, span: Range) -> Marks:
        """Look at the keys on some of the table's pages."""
        assert span.upper is not None
        share = min(_SAMPLE / span.rest, 1.0)
        sample = sa.tablesample(
            self._task.backfill.table, sa.func.system(100 * share), name="dm_sample"
        )
        columns = tuple(sample.c[column.name] for column in self._task.backfill.key)
        key = Key(columns, self._key.dialect)
        statement = (
            sa.select(*columns)
            .where(key.between(None if span.position is None else ()))
            .order_by(*key.order())
        )
        values = parameters(span.position, span.upper)
        with self._session.transactions.reading() as connection:
            try:
                with connection.begin_nested(), read_as_declared(columns):
                    found = connection.execute(statement, values).all()
            except exc.ProgrammingError:
                # A view has no pages.
                return Marks([], 0)
        return Marks([tuple(row) for row in found], 1 / share)

    def _paged(self, span: Range) -> Marks:
        """Page the index, in pages so long that there are neither many nor few."""
        step = max(span.rest // _PAGES, span.batch_size)
        while True:
            marks = self._pages(span, step)
            if len(marks.keys) >= _PAGES // 4 or step <= span.batch_size:
                return marks
            # It has fewer rows than was thought.
            step = max(step // _PAGES, span.batch_size)

    def _pages(self, span: Range, step: int) -> Marks:
        assert span.upper is not None
        found: list[Position] = []
        at = span.position
        while not self._session.stop.is_set():
            values = {**parameters(at, span.upper), "dm_skip": step - 1}
            with (
                self._session.transactions.reading() as connection,
                read_as_declared(self._key.columns),
            ):
                row = connection.execute(self._page(at), values).first()
            if row is None:
                break
            at = tuple(row)
            found.append(at)
            if len(found) == _MOST_MARKS:
                found, step = found[1::2], step * 2
        return Marks(found, step)

    def _page(self, low: Position | None) -> sa.Select[t.Any]:
        return (
            sa.select(*self._key.columns)
            .where(self._key.between(None if low is None else ()))
            .order_by(*self._key.order())
            .offset(sa.bindparam("dm_skip", type_=sa.Integer()))
            .limit(1)
        )
