"""Walks a table in key order: batch after batch, each committed with its cursor."""

from __future__ import annotations

import dataclasses
import random
import time

import sqlalchemy as sa
from sqlalchemy import exc

from ..counting import counted
from ..errors import DataMigrateError
from . import failures
from . import faults
from . import signals
from . import vain
from . import verify
from .advance import Advance
from .advance import Lost
from .ahead import Ahead
from .ahead import Ready
from .batch import RowError
from .batch import Writer
from .bounds import Bounds
from .claims import Claim
from .control import Control
from .keys import Key
from .keys import Position
from .keys import describe
from .pace import Pace
from .progress import Meter
from .ranges import FORWARD
from .ranges import Range
from .reporting import Sample
from .sampling import Sampler
from .session import Session
from .task import Task

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 5.0
"""Seconds between two tries of a batch: doubled each time from the first to the
longest, and jittered so that two runners do not meet again."""


class Walk:
    """One worker's walk over the key of a table, range by range.

    :param direction: ``forward`` or ``back``.
    :param key: the key it follows: of the table, or of the side table of an undo.
    :param writer: what it does to each range.
    :param meter: what all workers of a run report to.
    :param shown: the key by which errors name a row, if it is another one.
    :param is_alone: whether no other worker of this process walks beside it.
    """

    def __init__(
        self,
        session: Session,
        task: Task,
        direction: str,
        key: Key,
        writer: Writer,
        meter: Meter,
        shown: Key | None = None,
        *,
        is_alone: bool = True,
    ) -> None:
        self.session = session
        self.task = task
        self.direction = direction
        self.key = key
        self.writer = writer
        self._shown = shown or key
        self.claim = Claim(
            session, task.name, task.label, direction, task.backfill.batch_size
        )
        self.sample: tuple[Sample, ...] = ()
        self._meter = meter
        self._billed = time.monotonic()
        self.bounds = Bounds(key, self._shown)
        self._ahead = Ahead(session, task, self.bounds, writer, is_alone=is_alone)
        self.control = Control(session, task, self.claim, meter, self._ahead.discard)
        forward = direction == FORWARD
        self._proven = not (forward and verify.clears_where(task.backfill))
        self._sampler = Sampler(task.backfill, key) if forward else None
        self._leaves_out = forward and task.backfill.on_row_error == "skip"

    def freeze(self, connection: sa.Connection, span: Range, rows: int | None) -> Range:
        """Set the bounds of a walk to the lowest and the highest key there is now.

        :param rows: how many rows that are, as far as is known.
        """
        lowest = self.bounds.lowest(connection)
        upper = self.bounds.highest(connection, None)
        self.session.store.ranges.bound(
            connection,
            self.task.name,
            self.direction,
            span.number,
            lowest=lowest,
            upper=upper,
            position=None,
            rows_about=rows,
        )
        return dataclasses.replace(
            span,
            lowest=lowest,
            upper=upper,
            position=None,
            rows_about=rows,
            cuts=span.cuts + 1,
        )

    def sweep(self, span: Range) -> Range:
        """Walk from the span's position to its upper bound.

        :returns: the span as it is at the end.
        :raises InterruptedRun: when asked to stop or to pause; all done is saved.
        """
        session, task = self.session, self.task
        pace = Pace(
            min(span.batch_size, session.settings.max_batch_size),
            session.settings.target_seconds,
            session.settings.max_batch_size,
            self.claim.batch_size,
        )
        advance = session.store.ranges.advancing(
            task.name,
            self.direction,
            span.number,
            self.claim.owner,
            session.settings.lease_seconds,
        )
        self._billed = time.monotonic()
        with self._ahead.walking():
            while span.upper is not None and not span.is_done:
                self._billed += self.control.between(self._meter.with_all(span), pace)
                if session.stop.is_set():
                    raise failures.stopped(task, self._meter.with_all(span))
                span = self._batch_with_retries(span, pace, advance)
                with session.telling:
                    progress = self._meter.progress(span, pace.size)
                    session.reporter.progressed(progress)
                    signals.batch_committed.send(task.name, progress=progress)
        return span

    def _batch_with_retries(self, span: Range, pace: Pace, advance: Advance) -> Range:
        session, task = self.session, self.task
        deadline = time.monotonic() + session.settings.retry_seconds
        pause = _FIRST_PAUSE
        still: tuple[Position, ...] | None = None
        refused: str | None = None
        while True:
            started, asked = time.monotonic(), pace.size
            try:
                with self._ahead.batch(span) as (connection, ready):
                    if ready is not None:
                        started, asked = ready.began, ready.asked
                    if refused is None:
                        after, rows = self._batch(
                            connection, span, pace, advance, ready
                        )
                    else:
                        after, rows = self._leave_out(
                            connection, span, advance, refused
                        )
                self.claim.renewed()
                if rows == asked:
                    pace.record(rows, time.monotonic() - started)
                return after
            except Lost:
                span, refused = self._where_it_is(span, deadline), None
                continue
            except verify.StillMatching as error:
                # Rows that came in meanwhile are taken by the next try.
                if error.rows == still or not session.transactions.retries:
                    row, done = error.rows[-1], self._meter.with_all(span)
                    found = vain.ahead(session, task, self.key, span.position)
                    raise failures.still_matching(task, done, row, found) from error
                still = error.rows
                continue
            except RowError as error:
                narrowed = error.position is not None and not self._leaves_out
                if not narrowed and session.transactions.retries:
                    if pace.shrink():
                        continue
                    if self._leaves_out:
                        refused = error.what
                        continue
                    error.position = self._row_after(span.position)
                done = self._meter.with_all(span)
                raise failures.row_failed(task, self._shown, done, error) from error
            except exc.DBAPIError as error:
                fault = faults.classify(error)
                if fault in faults.GONE:
                    session.transactions.lost()
                if not session.transactions.retries:
                    raise self._failed(span, pace, error) from error
                if fault in faults.SPLIT and pace.shrink():
                    continue
                if fault in faults.SPLIT and self._leaves_out:
                    refused = faults.message(error)
                    continue
                if fault not in faults.RETRIED:
                    # Who has taken the range over may have dropped what this needs.
                    self._where_it_is(span, deadline)
                if fault not in faults.RETRIED or time.monotonic() > deadline:
                    raise self._failed(span, pace, error) from error
                if fault in faults.SHRUNK:
                    pace.shrink()
                trouble = f"{fault.meaning}; trying again with "
                trouble += counted(pace.size, "row")
                session.reporter.noted(f"{task.name}: {trouble}")
                if fault in faults.SHRUNK:
                    self.control.tries_again(trouble + self._after(span))
            self.claim.wait(random.uniform(pause / 2, pause))
            pause = min(pause * 2, _LONGEST_PAUSE)
            if fault in faults.GONE:
                span, refused = self._where_it_is(span, deadline), None
            if session.stop.is_set():
                raise failures.stopped(task, self._meter.with_all(span))

    def _after(self, span: Range) -> str:
        if span.position is None:
            return ""
        return f" after {describe(self._shown.columns, span.position)}"

    def _where_it_is(self, span: Range, deadline: float) -> Range:
        """Read the range again: it was cut, or a commit was done unnoticed.

        The server may still be at that commit, which is therefore waited for.

        :raises ClaimedError: when another runner has the range now.
        """
        session, task = self.session, self.task
        pause = _FIRST_PAUSE
        while True:
            try:
                with session.transactions.transaction() as connection:
                    known = session.store.ranges.get(
                        connection,
                        task.name,
                        self.direction,
                        span.number,
                        locked=True,
                    )
                if known is None or known.owner != self.claim.owner:
                    raise failures.taken_over(task.label)
                with session.telling:
                    self._meter.know([known])
                return known
            except exc.DBAPIError as error:
                fault = faults.classify(error)
                if fault in faults.GONE:
                    session.transactions.lost()
                if fault not in faults.RETRIED or time.monotonic() > deadline:
                    raise self._failed(span, None, error) from error
                if session.stop.is_set():
                    raise failures.stopped(task, self._meter.with_all(span)) from error
            session.stop.wait(random.uniform(pause / 2, pause))
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _batch(
        self,
        connection: sa.Connection,
        span: Range,
        pace: Pace,
        advance: Advance,
        ready: Ready | None,
    ) -> tuple[Range, int]:
        """Change one range and move the cursor; return the span and its rows.

        :param ready: the batch, where it is prepared already.
        """
        low = span.position
        if ready is None:
            asked = pace.size
            high, rows = self.bounds.end(connection, span, asked)
        else:
            asked, high, rows = ready.asked, ready.high, ready.rows
        keys = None
        if self._sampler is not None and not self.sample:
            keys = self._sampler.before(connection, low, high)
        following = 0 if rows < asked or self.session.stop.is_set() else pace.size
        result = self._ahead.write(connection, span, high, ready, following)
        if not self._proven and result.changed:
            verify.check_batch(
                connection, self.task.backfill, self.key, low, high, result.skipped
            )
            self._proven = self.task.backfill.job.repeatable
        if keys is not None and result.changed:
            assert self._sampler is not None
            self.sample = self._sampler.after(connection, keys)
        # The commit of a batch is billed to the next one.
        now = time.monotonic()
        seconds, self._billed = now - self._billed, now
        advance(
            connection,
            high,
            batches=span.batches,
            cuts=span.cuts,
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

    def _leave_out(
        self, connection: sa.Connection, span: Range, advance: Advance, error: str
    ) -> tuple[Range, int]:
        """Pass over the next row, which cannot be changed; as :meth:`_batch` does.

        :raises BackfillError: when too many were passed over already.
        """
        refusals, name = self.session.store.refusals, self.task.name
        row, rows = self.bounds.end(connection, span, 1)
        if rows:
            if refusals.count(connection, name) >= self.session.settings.max_refusals:
                done = self._meter.with_all(span)
                raise failures.too_many_refused(
                    self.task, self._shown, done, row, error
                )
            refusals.put(connection, name, row, error)
        advance(
            connection,
            row,
            batches=span.batches,
            cuts=span.cuts,
            changed=0,
            skipped=rows,
            visited=rows,
            seconds=0.0,
            batch_size=1,
        )
        after = dataclasses.replace(
            span,
            position=row,
            skipped=span.skipped + rows,
            visited=span.visited + rows,
            batches=span.batches + 1,
            batch_size=1,
        )
        return after, rows

    def _failed(
        self, span: Range, pace: Pace | None, error: exc.DBAPIError
    ) -> DataMigrateError:
        """Return the error to raise; a batch of one row tells which row it is."""
        alone = pace is not None and pace.size == 1
        narrowed = alone and faults.classify(error) in faults.SPLIT
        row = self._row_after(span.position) if narrowed else None
        done = self._meter.with_all(span)
        return failures.refused(self.task, self._shown, done, row, error)

    def _row_after(self, position: Position | None) -> Position | None:
        if not self.session.transactions.retries:
            return None
        with self.session.transactions.transaction() as connection:
            return self.bounds.following(connection, position)
