"""One worker of a run: takes a range, walks it, takes the next, until all are done."""

from __future__ import annotations

import time
import typing as t

from sqlalchemy import exc

from ..errors import ClaimedError
from ..errors import DataMigrateError
from ..errors import InterruptedRun
from . import ending
from . import failures
from . import faults
from . import processes
from .claims import Holder
from .division import Divider
from .indexes.setting_aside import put_aside
from .patience import patiently
from .ranges import FIRST
from .ranges import FORWARD
from .ranges import Range
from .ranges import Total
from .reporting import Sample
from .session import Session
from .states import TRANSITIONS
from .states import State
from .store import Record
from .task import Task
from .walk import Walk
from .writers import writer

if t.TYPE_CHECKING:
    from .crew import Crew

_SHORTEST_PAUSE = 0.02
_LONGEST_PAUSE = 0.5
"""Seconds between two looks for a range that became free: half as long again each
time, from the shortest to the longest."""


class Worker:
    """One worker of a run, with a connection and a claim of its own.

    :param session: with transactions that nobody else uses.
    :param crew: the workers of this process.
    """

    def __init__(self, session: Session, task: Task, crew: Crew) -> None:
        self._session = session
        self._task = task
        self._crew = crew
        self._log = session.kept(task) if task.backfill.undo else None
        key = session.key(task)
        write = writer(task.backfill.job, key, self._log)
        self._walk = Walk(
            session, task, FORWARD, key, write, crew.meter, is_alone=crew.size == 1
        )
        self._divider = Divider(session, task, key)
        self._holder = Holder(session, task.name, task.label)
        self._pause = _SHORTEST_PAUSE
        self._is_first = False
        self._gone_since: float | None = None
        self.has_range = False

    @property
    def owner(self) -> str:
        """The name tag of its claim."""
        return self._walk.claim.owner

    @property
    def sample(self) -> tuple[Sample, ...]:
        """A few of the rows of its first batch."""
        return self._walk.sample

    def run(self) -> None:
        """Work until nothing is left to do.

        :raises DataMigrateError: when it stopped before.
        """
        claim = self._walk.claim
        try:
            with self._session.errors(self._task.label, self._task.name):
                while not self._step():
                    pass
        except (ClaimedError, InterruptedRun):
            raise
        except DataMigrateError as error:
            self._crew.fail(error)
            # While the range is still its own, so that others stop as well.
            claim.note_end(State.FAILED, error.what)
            raise
        finally:
            claim.release()

    def _step(self) -> bool:
        """Do the next thing; tell whether the backfill is finished."""
        task = self._task
        ranges, span = patiently(self._session, task.name, task.label, self._next)
        self.has_range = span is not None
        if ranges is None:
            return True
        try:
            is_over = self._wait(ranges) if span is None else self._work(span)
            self._gone_since = None
            return is_over
        except exc.DBAPIError as error:
            if not self._is_patient(error):
                raise
            return False
        except ClaimedError:
            if self._crew.sole is not None:
                raise
            self._session.reporter.noted(
                f"{task.name}: another process has taken over what this one had; "
                "going on with what is free"
            )
            return False

    def _is_patient(self, error: exc.DBAPIError) -> bool:
        """Tell whether what was lost with the connection is to be begun again.

        For a while only: it may be what makes the server drop the connection.
        """
        session, fault = self._session, faults.classify(error)
        if not session.transactions.retries or fault not in faults.GONE:
            return False
        session.transactions.lost()
        now = time.monotonic()
        self._gone_since = self._gone_since or now
        session.reporter.noted(f"{self._task.name}: {fault.meaning}")
        return now - self._gone_since <= session.settings.retry_seconds

    def _work(self, span: Range) -> bool:
        self._pause = _SHORTEST_PAUSE
        if self._is_first:
            if not span.is_done:
                put_aside(self._walk.claim, self._task)
            self._is_first = False
        if span.upper is None:
            span = ending.begin(self._walk, span, self._log)
        if span.upper is not None and not span.is_done:
            self._walk.sweep(span)
            return False
        if self._crew.ending.reached(self._walk):
            self._crew.finish()
            return True
        return False

    def _next(self) -> tuple[list[Range] | None, Range | None]:
        """Give back the range it has, and take the next one.

        :returns: every range, and its own; no own one when none is free, and no
            ranges when the backfill is finished.
        """
        session, task, claim = self._session, self._task, self._walk.claim
        store = session.store
        ending = self._others_check()
        if ending:
            return ending, None
        with session.transactions.transaction() as connection:
            # Nobody takes or cuts a range without this lock.
            store.get(connection, task.name, locked=True)
            record = session.known(connection, task.name, task.label)
            claim.give_back(connection)
            if record.state is State.FINISHED:
                if self._crew.ending.is_own(connection):
                    self._crew.finish()
                return None, None
            self._check(record)
            claim.open(connection)
            ranges = store.ranges.all(connection, task.name, FORWARD)
            with session.telling:
                self._crew.meter.know(ranges, record.rows_before)
            wanted = _wanted(ranges)
            span = None if wanted is None else claim.take(connection, wanted.number)
            if span is None:
                return ranges, None
            alone = not any(other.is_held for other in ranges)
            assert wanted is not None
            dead = processes.describe(wanted.owner) if wanted.owner else None
            begins = self._crew.begin(connection, record, alone=alone, dead=dead)
        self._crew.has_begun()
        self._is_first = self._is_first or begins
        claim.renewed()
        return ranges, span

    def _others_check(self) -> list[Range]:
        """Return the ranges if another worker is at the check.

        That keeps the backfill's row to its end, which nobody has to wait for.
        """
        store, task = self._session.store, self._task
        with self._session.transactions.reading() as connection:
            record = store.get(connection, task.name)
            if record is None or record.state is not State.VERIFYING:
                return []
            ranges = store.ranges.all(connection, task.name, FORWARD)
        # Its own it may still have when it lost the connection at the check.
        others = [r for r in ranges[:1] if r.owner != self._walk.claim.owner]
        return ranges if others and others[0].is_held else []

    def _check(self, record: Record) -> None:
        """Refuse to go on with what others have ended."""
        if (record.state, State.RUNNING) not in TRANSITIONS:
            raise failures.ended_meanwhile(self._task, record)
        if record.state is State.FAILED and self._crew.is_begun:
            raise failures.failed_elsewhere(self._task, record)

    def _wait(self, ranges: list[Range]) -> bool:
        """Make work out of what others still have to do, or wait for them."""
        session = self._session
        held = [span for span in ranges if span.is_held]
        if self._crew.sole is not None and held:
            if self._crew.is_begun:
                raise failures.taken_over(self._task.label)
            self._holder.wait_for(held[0])
            return False
        with self._crew.dividing() as parts:
            open_ = [r for r in held if r.upper is not None and not r.is_done]
            for span in sorted(open_, key=lambda r: r.rest, reverse=True):
                if parts and self._divider.divide(span, parts):
                    return False
        others = {processes.describe(r.owner) for r in held if r.owner}
        self._crew.note_others(others)
        stopped = session.stop.wait(self._pause)
        self._pause = min(self._pause * 1.5, _LONGEST_PAUSE)
        if stopped and not self._crew.has_finished:
            raise failures.stopped(self._task, Total.of(ranges))
        return stopped


def _wanted(ranges: list[Range]) -> Range | None:
    """Return the range to take: an open one, or the first to begin or end the run."""
    first = ranges[FIRST]
    if first.upper is None:
        return first
    still = [span for span in ranges if not span.is_done]
    free = [span for span in still if not span.is_held]
    if free:
        # Those that were given back before those of the dead, who may be committing.
        return min(free, key=lambda span: (span.owner is not None, span.number))
    return None if still else first
