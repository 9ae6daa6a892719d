"""What a backfill would do, and how long it would take, in batches that are undone."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from ..dialects import family
from ..errors import BackfillError
from ..settings import Settings
from ..snippets.statements import Insertion
from . import estimates
from . import faults
from . import plans
from . import preconditions
from .batch import RowError
from .connections import OwnTransactions
from .jobs import Delete
from .jobs import Insert
from .keys import Key
from .keys import Position
from .keys import describe
from .keys import parameters
from .plans import Scan
from .reporting import Sample
from .sampling import ROWS
from .sampling import Sampler
from .task import Task
from .undo import kept
from .writers import writer

PLACES = 5
"""Batches that are tried, spread over the key: old rows may be other than new ones."""

_STATE = "Nothing was changed: a preview takes everything back"


@dataclasses.dataclass(frozen=True, slots=True)
class Preview:
    """What a backfill would do.

    :param rows: in the table its batches follow; ``None`` when it is not known.
    :param changed: how many would be changed, deleted or inserted; an estimate, as
        the next three are. ``None`` when it is not known.
    :param at_most: whether some of those may be there already, and are left alone.
    :param batches: how many batches it would take.
    :param seconds: how long it would take.
    :param tried: how many batches were tried for that.
    :param sample: rows before and after; without an ``after`` one that would go, and
        without a ``before`` one that would come.
    :param scans: the tables each batch would read whole.
    """

    name: str
    kind: str
    table: str
    rows: int | None
    rows_exact: bool
    changed: int | None
    at_most: bool
    batch_size: int
    batches: int | None
    seconds: float | None
    tried: int
    undo: bool
    set_aside: tuple[str, ...]
    sample: tuple[Sample, ...]
    scans: tuple[Scan, ...]

    def as_json(self) -> dict[str, t.Any]:
        """Return what ``flask db data preview --json`` prints of it."""
        shown = dataclasses.asdict(self)
        for scan, found in zip(shown["scans"], self.scans, strict=True):
            scan["index"] = found.index
        return shown


@dataclasses.dataclass(frozen=True, slots=True)
class _Try:
    """One batch that was taken back: its rows, those changed, and its seconds."""

    rows: int
    changed: int
    seconds: float
    sample: tuple[Sample, ...]
    scans: tuple[Scan, ...]


def preview(engine: sa.Engine, task: Task, settings: Settings) -> Preview:
    """Try a few batches of a backfill, and take each of them back.

    No state table is made or read. Sequences are not advanced on purpose: an insert
    is not tried, its query is.

    :raises DataMigrateError: for what would stop a run at its beginning, and for a
        row of the sample that cannot be changed.
    """
    transactions = OwnTransactions(
        engine, settings.row_lock_timeout, pooled=settings.lock == "row"
    )
    try:
        return _Trial(transactions, task, settings).result()
    except exc.DBAPIError as error:
        raise faults.explain(
            error, where=task.label, state=_STATE, next=faults.classify(error).again
        ) from error
    finally:
        transactions.close()


class _Trial:
    def __init__(
        self, transactions: OwnTransactions, task: Task, settings: Settings
    ) -> None:
        self._transactions = transactions
        self._task = task
        self._backfill = task.backfill
        self._settings = settings
        self._key = Key(task.backfill.key, family(transactions.dialect))
        self._size = min(
            task.backfill.batch_size or settings.batch_size, settings.max_batch_size
        )

    def result(self) -> Preview:
        """Try batches in several places, and put together what they say."""
        backfill, task = self._backfill, self._task
        with self._taken_back() as connection:
            preconditions.check(connection, backfill, where=task.owner)
            preconditions.check_paging(connection, backfill, where=task.owner)
            if backfill.undo:
                kept(task.name, backfill, self._key.dialect).check(
                    connection, task.label
                )
            rows, exact = estimates.rows(connection, backfill.table)
            lows = self._lows(connection, rows if exact else None)
        found = (self._try(low, low is lows[-1]) for low in lows)
        tries = [tried for tried in found if tried is not None]
        visited = sum(tried.rows for tried in tries)
        size, seconds, batches, changed = self._size, None, None, None
        if rows is not None and visited:
            rate = visited / max(sum(tried.seconds for tried in tries), 1e-6)
            paced = max(1, round(rate * self._settings.target_seconds))
            size = min(paced, self._settings.max_batch_size)
            seconds, batches = rows / rate, math.ceil(rows / size)
            changed = round(rows * sum(tried.changed for tried in tries) / visited)
        elif rows == 0:
            seconds, batches, changed = 0.0, 0, 0
        return Preview(
            name=task.name,
            kind=backfill.job.kind,
            table=backfill.table.fullname,
            rows=rows,
            rows_exact=exact,
            changed=changed,
            at_most=isinstance(getattr(backfill.job, "statement", None), Insertion),
            batch_size=size,
            batches=batches,
            seconds=None if seconds is None else round(seconds, 3),
            tried=len(tries),
            undo=backfill.undo,
            set_aside=backfill.set_aside,
            sample=next((tried.sample for tried in tries if tried.sample), ()),
            scans=tries[-1].scans if tries else (),
        )

    @contextlib.contextmanager
    def _taken_back(self) -> t.Iterator[sa.Connection]:
        """Open a transaction that is rolled back whatever happens."""
        with self._transactions.batch() as connection:
            try:
                yield connection
            finally:
                transaction = connection.get_transaction()
                assert transaction is not None
                transaction.rollback()

    def _lows(
        self, connection: sa.Connection, exact: int | None
    ) -> list[Position | None]:
        """Return the positions behind which batches are tried, over the whole key.

        :param exact: the number of rows, where it is small.
        """
        order = sa.select(*self._key.columns).order_by(*self._key.order())
        back = sa.select(*self._key.columns).order_by(*self._key.descending())
        first = connection.execute(order.limit(1)).first()
        last = connection.execute(back.limit(1)).first()
        if first is None or last is None:
            return []
        if exact is not None:
            # As few rows are quickly counted off. No row is tried twice.
            count = min(PLACES, max(1, exact // self._size))
            steps = [exact * n // count for n in range(1, count)]
            found = [connection.execute(order.offset(n - 1).limit(1)) for n in steps]
            return [None, *(tuple(row) for result in found for row in result)]
        if len(first) == 1 and isinstance(first[0], int) and isinstance(last[0], int):
            low, span = first[0], last[0] - first[0]
            return [None, *((low + span * n // PLACES,) for n in range(1, PLACES))]
        # Keys that nobody can reckon with: the two ends.
        row = connection.execute(back.offset(self._size - 1).limit(1)).first()
        return [None] if row is None else [None, tuple(row)]

    def _try(self, low: Position | None, explained: bool) -> _Try | None:
        with self._taken_back() as connection, plans.recorded(connection) as statements:
            high, rows = self._high(connection, low)
            if high is None:
                return None
            sampler = Sampler(self._backfill, self._key)
            before = sampler.before(connection, low, high)
            sample = self._coming_or_going(connection, low, high)
            started = time.monotonic()
            changed = self._act(connection, low, high)
            seconds = time.monotonic() - started
            sample = sample or sampler.after(connection, before)
        scans: tuple[Scan, ...] = ()
        if explained:
            # Of the table as it is, and not as the batch had left it.
            with self._taken_back() as connection:
                scans = plans.scans(
                    connection, self._backfill, statements, whole=low is None
                )
        return _Try(rows, changed, seconds, sample, scans)

    def _high(
        self, connection: sa.Connection, low: Position | None
    ) -> tuple[Position | None, int]:
        """Return the last key of a batch behind a position, and its rows."""
        query = sa.select(*self._key.columns).order_by(*self._key.order())
        if low is not None:
            query = query.where(self._key.after())
        values = {f"dm_low_{i}": value for i, value in enumerate(low or ())}
        found = connection.execute(query.limit(self._size), values).all()
        return (tuple(found[-1]), len(found)) if found else (None, 0)

    def _act(
        self, connection: sa.Connection, low: Position | None, high: Position
    ) -> int:
        """Do one batch, and return the rows it changed; of an insert, read them."""
        job = self._backfill.job
        if isinstance(job, Insert):
            rows = self._coming(job, low).subquery("dm_coming")
            count = sa.select(sa.func.count()).select_from(rows)
            return connection.execute(count, parameters(low, high)).scalar_one()
        try:
            return writer(job, self._key, None).write(connection, low, high).changed
        except RowError as error:
            where = self._task.label
            if error.position is not None:
                where += f", row {describe(self._key.columns, error.position)}"
            raise BackfillError(
                error.what,
                where=where,
                state=_STATE,
                next="Mend the row or the transform, and run the same command again",
            ) from error

    def _coming_or_going(
        self, connection: sa.Connection, low: Position | None, high: Position
    ) -> tuple[Sample, ...]:
        """Return rows that would be inserted or deleted."""
        job, values = self._backfill.job, parameters(low, high)
        if isinstance(job, Insert):
            query = self._coming(job, low).limit(ROWS)
            names = _names(job)
            return tuple(
                Sample("new", {}, dict(zip(names, row, strict=True)))
                for row in connection.execute(query, values)
            )
        if not isinstance(job, Delete):
            return ()
        going = sa.select(*self._key.columns, *job.table.c)
        going = going.where(self._key.between(low)).order_by(*self._key.order())
        if job.where is not None:
            going = going.where(job.where)
        size = len(self._key.columns)
        return tuple(
            Sample(
                describe(self._key.columns, tuple(row[:size])),
                dict(zip(job.table.c.keys(), row[size:], strict=True)),
                {},
            )
            for row in connection.execute(going.limit(ROWS), values)
        )

    def _coming(self, job: Insert, low: Position | None) -> sa.Select[t.Any]:
        select = t.cast("sa.Select[t.Any]", job.statement.select)
        return select.where(self._key.between(low))


def _names(job: Insert) -> list[str]:
    """Return the columns that an insert fills."""
    if isinstance(job.statement, Insertion):
        return list(job.statement.names)
    return list(job.statement._select_names or ())
