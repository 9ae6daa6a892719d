"""Walks a table in key order: batch after batch, each committed with its cursor."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import time
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from ..errors import ClaimedError
from ..errors import DataMigrateError
from . import failures
from . import faults
from . import processes
from . import signals
from . import verify
from .batch import RowError
from .batch import Writer
from .keys import Key
from .keys import Position
from .pace import Pace
from .progress import Meter
from .reporting import Sample
from .sampling import Sampler
from .session import Session
from .store import FORWARD
from .store import Lost
from .store import Range
from .task import Task

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 5.0
"""Seconds between two tries of a batch: doubled each time from the first to the
longest, and jittered so that two runners do not meet again."""

_CLAIM_POLL = 0.5
"""Seconds between two looks at a claim that may run out."""


class Walk:
    """One runner's walk over the key of a table, range by range.

    :param direction: ``forward`` or ``back``.
    :param key: the key it follows: of the table, or of the side table of an undo.
    :param writer: what it does to each range.
    """

    def __init__(
        self, session: Session, task: Task, direction: str, key: Key, writer: Writer
    ) -> None:
        self.session = session
        self.task = task
        self.direction = direction
        self.key = key
        self.writer = writer
        self.owner = processes.name_tag()
        self.sample: tuple[Sample, ...] = ()
        self._billed = time.monotonic()
        self._advance = session.store.advancing(
            task.name, direction, self.owner, session.settings.lease_seconds
        )
        self._bound = {low: self._bound_query(low) for low in (None, ())}
        forward = direction == FORWARD
        self._proven = not (forward and verify.clears_where(task.backfill))
        self._sampler = Sampler(task.backfill, key) if forward else None

    @contextlib.contextmanager
    def claim_held(self) -> t.Iterator[Range]:
        """Hold the claim on the range.

        :raises ClaimedError: when another live runner holds it.
        """
        span = self._claim()
        try:
            yield span
        finally:
            with contextlib.suppress(exc.SQLAlchemyError):
                with self.session.transactions.transaction() as connection:
                    self.session.store.release(
                        connection, self.task.name, self.direction, self.owner
                    )

    def _claim(self) -> Range:
        """Take the range, waiting for the lease of a runner that may be dead.

        :raises ClaimedError: when its runner is alive.
        """
        session, task, seen = self.session, self.task, None
        while True:
            with session.transactions.transaction() as connection:
                span = session.store.open_range(
                    connection,
                    task.name,
                    self.direction,
                    task.backfill.batch_size or session.settings.batch_size,
                )
                holder = session.store.claim(
                    connection,
                    task.name,
                    self.direction,
                    self.owner,
                    session.settings.lease_seconds,
                )
            if holder is None:
                return span
            if seen is not None and span.lease_until != seen:
                raise ClaimedError(
                    f"{processes.describe(holder)} is running it right now",
                    where=task.label,
                    state="Nothing was changed by this process",
                    next="Watch it with flask db data status",
                )
            if seen is None:
                lease = session.settings.lease_seconds
                session.reporter.noted(
                    f"{task.name}: {processes.describe(holder)} held it last; waiting "
                    f"up to {lease:g} s to know whether it lives"
                )
                seen = span.lease_until
            if not session.transactions.retries or session.stop.wait(_CLAIM_POLL):
                raise ClaimedError(
                    f"{processes.describe(holder)} may still be running it",
                    where=task.label,
                    next="Try again in a moment",
                )

    def freeze(self, connection: sa.Connection, span: Range) -> Range:
        """Set the bounds of a walk to the lowest and the highest key there is now."""
        return self.move(
            connection,
            span,
            lowest=self._bottom(connection),
            upper=self.top(connection, None),
            position=None,
        )

    def move(self, connection: sa.Connection, span: Range, **values: t.Any) -> Range:
        """Change the bounds or the position of the range.

        :raises Lost: when the claim is another runner's by now.
        """
        span = dataclasses.replace(span, **values)
        self.session.store.bound(
            connection,
            self.task.name,
            self.direction,
            self.owner,
            lowest=span.lowest,
            upper=span.upper,
            position=span.position,
            skipped=span.skipped,
        )
        return span

    def top(self, connection: sa.Connection, above: Position | None) -> Position | None:
        """Return the highest key, if it is above a position."""
        statement = sa.select(*self.key.columns).order_by(*self.key.descending())
        if above is None:
            row = connection.execute(statement.limit(1)).first()
        else:
            row = connection.execute(
                statement.where(self.key.after()).limit(1),
                {f"dm_low_{i}": value for i, value in enumerate(above)},
            ).first()
        return None if row is None else tuple(row)

    def _bottom(self, connection: sa.Connection) -> Position | None:
        """Return the lowest key."""
        row = connection.execute(
            sa.select(*self.key.columns).order_by(*self.key.order()).limit(1)
        ).first()
        return None if row is None else tuple(row)

    def sweep(self, span: Range, rows: int | None = None) -> Range:
        """Walk from the span's position to its upper bound.

        :param rows: the rows of the table, for the progress.
        :returns: the span as it is at the end.
        :raises InterruptedRun: when asked to stop; everything done is saved.
        """
        session, task = self.session, self.task
        pace = Pace(
            min(span.batch_size, session.settings.max_batch_size),
            session.settings.target_seconds,
            session.settings.max_batch_size,
        )
        meter = Meter(task.backfill.table.name, task.name, self.direction, span, rows)
        self._billed = time.monotonic()
        while span.upper is not None and span.position != span.upper:
            self._throttle(span)
            if session.stop.is_set():
                raise failures.stopped(task, span)
            span = self._batch_with_retries(span, pace)
            progress = meter.progress(span, pace.size)
            session.reporter.progressed(progress)
            signals.batch_committed.send(task.name, progress=progress)
        return span

    def _batch_with_retries(self, span: Range, pace: Pace) -> Range:
        session, task = self.session, self.task
        deadline = time.monotonic() + session.settings.retry_seconds
        pause = _FIRST_PAUSE
        while True:
            started = time.monotonic()
            try:
                with session.transactions.transaction() as connection:
                    after, rows = self._batch(connection, span, pace, started)
                if rows == pace.size:
                    pace.record(rows, time.monotonic() - started)
                return after
            except Lost:
                raise ClaimedError(
                    "another process has taken it over",
                    where=task.label,
                    state="The batch of this process was rolled back",
                    next="Watch it with flask db data status",
                ) from None
            except RowError as error:
                if error.position is None and session.transactions.retries:
                    if pace.shrink():
                        continue
                raise failures.row_failed(task, self.key, span, error) from error
            except exc.DBAPIError as error:
                fault = faults.classify(error)
                if fault is faults.Fault.DISCONNECTED:
                    session.transactions.lost()
                if not session.transactions.retries:
                    raise self._failed(span, pace, error) from error
                if fault in faults.SPLIT and pace.shrink():
                    continue
                if fault not in faults.RETRIED or time.monotonic() > deadline:
                    raise self._failed(span, pace, error) from error
                if fault in faults.SHRUNK:
                    pace.shrink()
                session.reporter.noted(
                    f"{task.name}: {fault.meaning}; trying again with "
                    f"{pace.size:,} rows"
                )
            session.stop.wait(random.uniform(pause / 2, pause))
            pause = min(pause * 2, _LONGEST_PAUSE)
            if fault is faults.Fault.DISCONNECTED:
                span = self._where_it_is(span, deadline)
            if session.stop.is_set():
                raise failures.stopped(task, span)

    def _where_it_is(self, span: Range, deadline: float) -> Range:
        """Read the range again: a commit whose answer was lost may have been done."""
        session, task = self.session, self.task
        pause = _FIRST_PAUSE
        while True:
            try:
                with session.transactions.transaction() as connection:
                    known = session.store.range(connection, task.name, self.direction)
                return span if known is None else known
            except exc.DBAPIError as error:
                fault = faults.classify(error)
                if fault in faults.GONE:
                    session.transactions.lost()
                passing = fault in faults.GONE or fault in faults.RETRIED
                if not passing or time.monotonic() > deadline:
                    raise self._failed(span, None, error) from error
                if session.stop.is_set():
                    raise failures.stopped(task, span) from error
            session.stop.wait(random.uniform(pause / 2, pause))
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _batch(
        self, connection: sa.Connection, span: Range, pace: Pace, started: float
    ) -> tuple[Range, int]:
        """Change one range and move the cursor; return the span and its rows."""
        high, rows = self._next_bound(connection, span, pace.size)
        low = span.position
        keys = (
            self._sampler.before(connection, low, high)
            if self._sampler is not None and not self.sample
            else None
        )
        result = self.writer.write(connection, low, high)
        if not self._proven and result.changed:
            verify.check_first_batch(
                connection,
                self.task.backfill,
                self.key,
                low,
                high,
                result.skipped,
                self.task.label,
            )
            self._proven = True
        if keys is not None and result.changed:
            assert self._sampler is not None
            self.sample = self._sampler.after(connection, keys)
        # The commit of a batch is billed to the next one.
        now = time.monotonic()
        seconds, self._billed = now - self._billed, now
        self._advance(
            connection,
            high,
            changed=result.changed,
            skipped=result.skipped,
            visited=rows,
            seconds=seconds,
            batch_size=pace.size,
        )
        after = dataclasses.replace(
            span,
            position=high,
            changed=span.changed + result.changed,
            skipped=span.skipped + result.skipped,
            visited=span.visited + rows,
            batches=span.batches + 1,
            seconds=span.seconds + seconds,
            batch_size=pace.size,
        )
        return after, rows

    def _next_bound(
        self, connection: sa.Connection, span: Range, size: int
    ) -> tuple[Position, int]:
        """Return the last key of the next batch, and how many rows it has at most."""
        assert span.upper is not None
        values: dict[str, t.Any] = {"dm_skip": size - 1}
        values.update({f"dm_high_{i}": v for i, v in enumerate(span.upper)})
        low: tuple[()] | None = None
        if span.position is not None:
            low = ()
            values.update({f"dm_low_{i}": v for i, v in enumerate(span.position)})
        row = connection.execute(self._bound[low], values).first()
        if row is None:
            return span.upper, size - 1
        return tuple(row), size

    def _bound_query(self, low: Position | None) -> sa.Select[t.Any]:
        return (
            sa.select(*self.key.columns)
            .where(self.key.between(low))
            .order_by(*self.key.order())
            .offset(sa.bindparam("dm_skip", type_=sa.Integer()))
            .limit(1)
        )

    def _throttle(self, span: Range) -> None:
        session, task = self.session, self.task
        for throttle in task.backfill.throttles:
            try:
                wait = throttle()
            except Exception as error:
                raise failures.throttle_failed(task, span, error) from error
            if wait is None:
                continue
            seconds, reason = wait
            session.reporter.noted(f"{task.name}: waiting {seconds:g} s, {reason}")
            session.stop.wait(seconds)
            self._billed = time.monotonic()

    def _failed(
        self, span: Range, pace: Pace | None, error: exc.DBAPIError
    ) -> DataMigrateError:
        """Return the error to raise; a batch of one row tells which row it is."""
        alone = pace is not None and pace.size == 1
        narrowed = alone and faults.classify(error) in faults.SPLIT
        row = self._row_after(span.position) if narrowed else None
        return failures.refused(self.task, self.key, span, row, error)

    def _row_after(self, position: Position | None) -> Position | None:
        if not self.session.transactions.retries:
            return None
        statement = sa.select(*self.key.columns).order_by(*self.key.order()).limit(1)
        values: dict[str, t.Any] = {}
        if position is not None:
            statement = statement.where(self.key.after())
            values = {f"dm_low_{i}": value for i, value in enumerate(position)}
        with self.session.transactions.transaction() as connection:
            row = connection.execute(statement, values).first()
        return None if row is None else tuple(row)
