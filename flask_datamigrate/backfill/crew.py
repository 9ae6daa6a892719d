"""The workers of one process at one backfill: started, stopped, spoken for."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import threading
import time
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from ..errors import BackfillError
from ..errors import ClaimedError
from ..errors import DataMigrateError
from ..errors import InterruptedRun
from . import faults
from . import processes
from . import signals
from . import sole
from . import verify
from .ending import Ending
from .progress import Meter
from .ranges import FORWARD
from .reporting import OneAtATime
from .reporting import Pause
from .reporting import Sample
from .session import Session
from .states import State
from .store import Record
from .task import Task
from .worker import Worker

_NOTING = 10
"""The most seconds for writing down how the work of a crew ended."""

_SLICE = 0.1
"""Seconds until a crew that waits notices that it is asked to stop from outside."""


class Halt(threading.Event):
    """Set for one crew, or from outside for whatever goes on.

    :param outside: the event that is set from outside.
    """

    def __init__(self, outside: threading.Event) -> None:
        super().__init__()
        self._outside = outside

    def is_set(self) -> bool:
        return super().is_set() or self._outside.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        until = None if timeout is None else time.monotonic() + timeout
        while not self.is_set():
            left = _SLICE if until is None else until - time.monotonic()
            if left <= 0:
                break
            super().wait(min(left, _SLICE))
        return self.is_set()


class Crew:
    """The workers of one process at one backfill.

    They are threads, each with a connection of its own: what a batch waits for is the
    database. The first one is the thread that calls :meth:`run`.

    :param size: how many are wanted.
    """

    def __init__(self, session: Session, task: Task, size: int) -> None:
        self.sole = sole.reason(session, task)
        if self.sole is not None and size > 1:
            session.reporter.noted(
                f"{task.name}: {self.sole}, so one worker does it, and not {size}"
            )
            size = 1
        self._task = task
        self._session = dataclasses.replace(
            session,
            stop=Halt(session.stop),
            reporter=OneAtATime(session.reporter, session.telling),
        )
        self.size = size
        self._error: BaseException | None = None
        self._workers: list[Worker] = []
        self._noted = {processes.describe(processes.name_tag())}
        self._dividing = threading.Lock()
        self._is_begun = False
        self.ending = Ending(self._session, task)
        self.meter = Meter(task.backfill.table.name, task.name, FORWARD)
        self.has_finished = False

    def run(self) -> tuple[Sample, ...]:
        """Work until the backfill is finished, by whomever.

        :returns: a few of the rows that were changed.
        :raises BackfillError: when it stopped before; the first error of a worker.
        """
        sessions = [self._session]
        for _ in range(self.size - 1):
            further = self._session.transactions.another()
            sessions.append(dataclasses.replace(self._session, transactions=further))
        workers = [Worker(session, self._task, self) for session in sessions]
        self._workers = workers
        threads = [
            threading.Thread(
                # What the app's own code finds in the context, as the current app.
                target=contextvars.copy_context().run,
                args=(self._employ, worker),
                name=f"datamigrate-{self._task.name}",
                daemon=True,
            )
            for worker in workers[1:]
        ]
        for thread in threads:
            thread.start()
        self._employ(workers[0])
        if not isinstance(self._error, KeyboardInterrupt):
            for thread in threads:
                thread.join()
        for session in sessions[1:]:
            session.transactions.close()
        if self._error is not None:
            self._end(self._error)
            raise self._error
        return next((worker.sample for worker in workers if worker.sample), ())

    def fail(self, error: BaseException) -> None:
        """Take in why a worker stopped, and stop the others after their batch."""
        if self.has_finished and isinstance(error, InterruptedRun):
            # It was stopped because nothing is left to do.
            return
        with self._session.telling:
            first = self._error
            stopped = isinstance(first, InterruptedRun)
            if first is None or (stopped and not isinstance(error, InterruptedRun)):
                self._error = error
        self._session.stop.set()

    def finish(self) -> None:
        """Take in that a worker has finished the backfill."""
        self.has_finished = True
        self._session.stop.set()

    @property
    def is_begun(self) -> bool:
        """Whether one of its workers has had a range."""
        return self._is_begun

    def begin(
        self,
        connection: sa.Connection,
        record: Record,
        *,
        alone: bool,
        dead: str | None = None,
    ) -> bool:
        """Note that a worker has a range, in the transaction that gives it that.

        :param alone: whether nobody else is at the backfill.
        :param dead: who had the range and left it without a word, for people.
        :returns: whether the run begins with it.
        """
        store, task = self._session.store, self._task
        first = alone and not self._is_begun
        left = f"from {dead}, which ended without a word"
        if record.state is not State.RUNNING or first:
            store.move(
                connection, task.name, State.RUNNING, dead and f"taken over {left}"
            )
        elif dead:
            store.events.happened(connection, task.name, "takeover", left)
        elif not self._is_begun:
            store.events.happened(connection, task.name, "join", None)
        if not self._is_begun and not verify.clears_where(task.backfill):
            store.update(connection, task.name, unproven=True)
        return first

    def has_begun(self) -> None:
        """Take in that the transaction of :meth:`begin` is committed."""
        self._is_begun = True

    @contextlib.contextmanager
    def dividing(self) -> t.Iterator[int]:
        """Keep the other workers from cutting ranges for the time of a block.

        :returns: into how many parts to cut a range, for its owner and all that have
            none; 0 when another worker is at that.
        """
        mine = self._dividing.acquire(blocking=False)
        try:
            yield 1 + sum(not w.has_range for w in self._workers) if mine else 0
        finally:
            if mine:
                self._dividing.release()

    def note_others(self, holders: set[str]) -> None:
        """Tell, once, that nothing is left but what other processes have."""
        with self._session.telling:
            new = holders - self._noted
            self._noted |= new
        if new:
            self._session.reporter.noted(
                f"{self._task.name}: {', '.join(sorted(new))} "
                f"{'has' if len(new) == 1 else 'have'} what is left; "
                "waiting until that is done, or taken over from the dead"
            )

    def _employ(self, worker: Worker) -> None:
        try:
            worker.run()
        except BaseException as error:
            self.fail(error)

    def _end(self, error: BaseException) -> None:
        """Write down, and tell, how the work of this process ended."""
        session, name = self._session, self._task.name
        session.reporter.stopped()
        if isinstance(error, ClaimedError):
            # What becomes of it is for the process that took it over to say.
            return
        if isinstance(error, InterruptedRun):
            self._note(State.PAUSED, error)
            signals.backfill_paused.send(name, pause=Pause(name, error.what))
        elif isinstance(error, DataMigrateError):
            self._note(State.FAILED, error)
            signals.backfill_failed.send(name, error=error)

    def _note(self, state: State, error: DataMigrateError) -> None:
        """Write a state down, or have the error say that it could not be."""
        until = time.monotonic() + min(_NOTING, self._session.settings.retry_seconds)
        while True:
            try:
                return self._note_once(state, error.what)
            except exc.SQLAlchemyError as trouble:
                fault = faults.classify(trouble)
                if fault in faults.GONE:
                    self._session.transactions.lost()
                if fault not in faults.RETRIED or time.monotonic() > until:
                    error.add_state(
                        f"That it is {state.value} could not be written down "
                        f"({fault.meaning}), so flask db data status will say that "
                        "its process ended without a word"
                    )
                    return
            time.sleep(_SLICE)

    def _note_once(self, state: State, detail: str) -> None:
        """Write a state down, unless somebody else is at the backfill."""
        session, name = self._session, self._task.name
        with contextlib.suppress(BackfillError):
            with session.transactions.transaction() as connection:
                record = session.store.get(connection, name, locked=True)
                ranges = session.store.ranges.all(connection, name, FORWARD)
                at_work = record is not None and record.state is State.RUNNING
                # What its own workers could not give back is nobody's any more.
                own = {worker.owner for worker in self._workers}
                others = [span for span in ranges if span.owner not in own]
                if at_work and not any(span.is_held for span in others):
                    session.store.move(connection, name, state, detail)
