"""What is asked of a walk between two batches: to pause, to wait, to go slower."""

from __future__ import annotations

import contextlib
import datetime
import functools
import time
import typing as t

from sqlalchemy import exc

from ..dialects import family
from . import failures
from . import faults
from . import signals
from .claims import Claim
from .manners import manners
from .orders import NOTHING
from .orders import Order
from .pace import Pace
from .progress import Meter
from .ranges import Range
from .reporting import Waiting
from .session import Session
from .states import State
from .task import Task
from .turns import REST
from .turns import Turns

_SLICE = 0.5
"""Seconds of a longer wait between two looks at what is asked meanwhile."""

_ASK = 1.0
"""Seconds until what kept a batch back is asked after again."""


class Control:
    """Obeys operators, and keeps the manners a backfill was given.

    An operator's order is read every ``DATAMIGRATE_POLL_SECONDS``, which costs a
    walk of any speed the same. A long wait is written down, for ``status`` to show.

    :param before_wait: called before each wait, which must not keep rows locked.
    """

    def __init__(
        self,
        session: Session,
        task: Task,
        claim: Claim,
        meter: Meter,
        before_wait: t.Callable[[], object],
    ) -> None:
        self._session = session
        self._task = task
        self._claim = claim
        self._meter = meter
        self._before_wait = before_wait
        self._manners = manners(session)
        self._next_manners = 0.0
        self._order = NOTHING
        self._next_look = 0.0
        self._waiting: str | None = None
        self._waited = 0.0
        self._noted: str | None = None
        self._is_throttled = False
        self._turns = Turns(session.transactions)

    def between(self, span: Range, pace: Pace) -> float:
        """Do what is asked before the next batch.

        :returns: the seconds that were spent waiting.
        :raises PausedRun: when an operator paused the backfill, or its time is over.
        """
        self._waited, self._is_throttled = 0.0, False
        try:
            self._check(span)
            order, settings = self._order, self._session.settings
            pace.tune(
                order.batch_size or settings.max_batch_size,
                order.target_seconds or settings.target_seconds,
            )
            if span.batches:
                # As it is asked by then: a long rest may be taken back.
                self._rest(span)
            self._keep_manners(span)
            self._throttle(span)
            self._give_turns(span)
        finally:
            self._tell(None)
        if self._noted and not self._is_throttled and not self._session.stop.is_set():
            self._note("going on")
            self._noted = None
        return self._waited

    def tries_again(self, what: str) -> None:
        """Show what holds a batch up, until it is done."""
        # A file that is locked cannot be written to.
        if family(self._session.transactions.dialect) != "sqlite":
            self._tell(what)

    def _note_wait(self, text: str, reason: str) -> None:
        """Tell what is waited for; once, when each of the batches waits for it."""
        if reason != self._noted:
            self._note(text)
            self._noted = reason

    def _note(self, text: str) -> None:
        self._session.reporter.noted(f"{self._task.name}: {text}")

    def _check(self, span: Range) -> None:
        """Look at what is asked, and stop if that is it."""
        session, task = self._session, self._task
        now = time.monotonic()
        if now >= self._next_look:
            self._look()
            self._next_look = now + session.settings.poll_seconds
        _check_order(task, self._order, span)
        if session.until is not None and now >= session.until:
            raise failures.time_is_over(task, span)

    def _look(self) -> None:
        transactions, store = self._session.transactions, self._session.store
        try:
            with transactions.reading() as connection:
                order = store.orders.get(connection, self._task.name)
                record = store.get(connection, self._task.name)
                ranges = store.ranges.all(
                    connection, self._task.name, self._meter.direction
                )
            with self._session.telling:
                self._meter.know(ranges)
            if record is not None and record.state is State.FAILED:
                raise failures.failed_elsewhere(self._task, record)
        except exc.DBAPIError as error:
            # The next batch meets the same trouble, and knows what to do about it.
            if faults.classify(error) in faults.GONE:
                transactions.lost()
            return
        if self._order is NOTHING:
            # What a runner that was killed has waited for.
            self._waiting = order.waiting
            self._tell(None)
        self._order = order

    def _pass(self, span: Range, seconds: t.Callable[[], float]) -> None:
        """Let time pass, or until asked to stop.

        :param seconds: says how long, from the beginning.
        """
        started = time.monotonic()
        while (left := started + seconds() - time.monotonic()) > 0:
            self._before_wait()
            self._claim.wait(min(left, _SLICE))
            if self._session.stop.is_set():
                break
            self._check(span)
        self._waited += time.monotonic() - started

    def _rest(self, span: Range) -> None:
        """Rest for as long as an operator asks, and by now, since that may change."""
        seconds = self._order.pause_seconds or 0
        if seconds > 0 and seconds >= self._session.settings.poll_seconds:
            now = datetime.datetime.now().astimezone()
            until = now + datetime.timedelta(seconds=seconds)
            self._tell(
                f"resting {seconds:g} s after a batch, until {until:%H:%M:%S %z}"
            )
        self._pass(span, lambda: self._order.pause_seconds or 0)

    def _give_turns(self, span: Range) -> None:
        """Let others write, unless they just could."""
        rest = self._turns.rest()
        if self._waited < rest:
            self._pass(span, lambda: rest)
        if self._waited >= REST:
            # The next batch meets the same trouble, and knows what to do about it.
            with contextlib.suppress(exc.DBAPIError):
                self._turns.rested()

    def _keep_manners(self, span: Range) -> None:
        """Wait until nothing speaks against a batch any more."""
        session = self._session
        while time.monotonic() >= self._next_manners and not session.stop.is_set():
            reason = self._reason()
            if reason is None:
                self._next_manners = time.monotonic() + session.settings.poll_seconds
                return
            self._note_wait(f"waiting: {reason}", reason)
            self._tell(reason)
            self._pass(span, lambda: _ASK)

    def _reason(self) -> str | None:
        try:
            return next(filter(None, (manner() for manner in self._manners)), None)
        except exc.DBAPIError as error:
            if faults.classify(error) not in faults.GONE:
                raise
            # The next batch meets the same trouble, and knows what to do about it.
            self._session.transactions.lost()
            return None

    def _throttle(self, span: Range) -> None:
        session, task = self._session, self._task
        for throttle in task.backfill.throttles:
            try:
                with session.asking:
                    wait = throttle()
                if wait is None:
                    continue
                if not isinstance(wait, tuple) or len(wait) != 2:
                    raise TypeError(f"returned {wait!r}, not None or (seconds, why)")
                seconds, reason = float(wait[0]), str(wait[1])
            except (Exception, SystemExit) as error:
                raise failures.throttle_failed(task, span, error) from error
            self._is_throttled = True
            self._note_wait(f"waiting {seconds:g} s, {reason}", reason)
            if seconds >= session.settings.poll_seconds:
                self._tell(reason)
            self._pass(span, functools.partial(float, seconds))

    def _tell(self, reason: str | None) -> None:
        """Write down what is waited for, if that is something else than before."""
        if reason == self._waiting:
            return
        session, name = self._session, self._task.name
        try:
            with session.transactions.transaction() as connection:
                session.store.orders.set(connection, name, waiting=reason)
                if reason is not None:
                    session.store.events.happened(connection, name, "waiting", reason)
        except exc.DBAPIError as error:
            if faults.classify(error) in faults.GONE:
                session.transactions.lost()
            # It is written by the next try.
            return
        self._waiting = reason
        if reason is not None:
            with session.telling:
                signals.backfill_waiting.send(name, waiting=Waiting(name, reason))


def check_begin(session: Session, task: Task) -> None:
    """Refuse to begin, or to go on with, what is not to be run now.

    :raises PausedRun: when an operator has paused it, or the time is over.
    """
    with session.transactions.reading() as connection:
        order = session.store.orders.get(connection, task.name)
    _check_order(task, order)
    if session.until is not None and time.monotonic() >= session.until:
        raise failures.time_is_over(task)


def check_not_cancelled(session: Session, task: Task) -> None:
    """Refuse a backfill that an operator has cancelled since it was chosen to be run.

    :raises PausedRun: when that is so.
    """
    with session.errors(task.label), session.transactions.reading() as connection:
        record = session.store.get(connection, task.name)
    if record is not None and record.state is State.CANCELLED:
        raise failures.ended_meanwhile(task, record)


def _check_order(task: Task, order: Order, span: Range | None = None) -> None:
    """Stop if that is what is asked.

    :param span: where it stopped; ``None`` when it was not begun now.
    """
    if order.pauser is None:
        return
    if order.is_to_be_cancelled:
        raise failures.cancelled(task, order.pauser, span)
    raise failures.paused(task, order.pauser, span)
