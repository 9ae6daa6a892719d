"""The right of one worker to a range: taken, kept while it works, and given back."""

from __future__ import annotations

import contextlib
import dataclasses
import time
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from ..errors import BackfillError
from ..errors import ClaimedError
from ..errors import DataMigrateError
from ..errors import InterruptedRun
from . import failures
from . import faults
from . import processes
from . import signals
from .patience import patiently
from .ranges import Range
from .reporting import Pause
from .session import Session
from .states import State
from .task import Task

_POLL = 0.5
"""Seconds between two looks at a claim that may run out."""

_MOST_TRIES = 5
"""How often a claim is tried when others open the same range at the same moment."""


class Claim:
    """The right of one worker to a range of a backfill, or to all of them.

    :param name: the backfill.
    :param label: how errors name it.
    :param direction: ``forward`` or ``back``.
    :param batch_size: of a range that is new; ``None`` for the app's.
    """

    def __init__(
        self,
        session: Session,
        name: str,
        label: str,
        direction: str,
        batch_size: int | None = None,
    ) -> None:
        self.owner = processes.name_tag()
        self.session = session
        self._name = name
        self._label = label
        self._direction = direction
        self.batch_size = batch_size or session.settings.batch_size
        self._lease = session.settings.lease_seconds
        self._number: int | None = None
        self._renewed = 0.0

    @contextlib.contextmanager
    def held(self) -> t.Iterator[Range]:
        """Hold every range in a block, which gets the first one as it is then.

        :raises ClaimedError: when a live worker holds one.
        """
        span = self._take_all()
        self.renewed()
        try:
            yield span
        finally:
            self.release()

    def take(self, connection: sa.Connection, number: int) -> Range | None:
        """Make one range this worker's, in a transaction that keeps the backfill's row.

        :returns: the range as its last owner left it; ``None`` when somebody has it
            after all.
        """
        ranges, of = self.session.store.ranges, (self._name, self._direction)
        # Its last owner may still be committing, which is waited for.
        span = ranges.get(connection, *of, number, locked=True)
        if span is None or span.is_held:
            return None
        self._number = number
        ranges.claim(connection, *of, number, self.owner, self._lease)
        return dataclasses.replace(span, owner=self.owner)

    def give_back(self, connection: sa.Connection) -> None:
        """Give back what this worker has."""
        self.session.store.ranges.release(
            connection, self._name, self._direction, self.owner
        )

    def release(self) -> None:
        """Give back what this worker has; its lease does when the database cannot."""
        with contextlib.suppress(exc.SQLAlchemyError):
            with self.session.transactions.transaction() as connection:
                self.give_back(connection)

    @contextlib.contextmanager
    def transaction(self) -> t.Iterator[sa.Connection]:
        """Open a transaction in which the claim is this worker's to its end.

        What is not a batch is written in one of these, so that a worker that was
        taken for dead cannot write over what another one does now.

        :raises ClaimedError: when the claim is another worker's by now.
        """
        store = self.session.store
        with self.session.transactions.transaction() as connection:
            store.get(connection, self._name, locked=True)
            if not store.ranges.hold(
                connection,
                self._name,
                self._direction,
                self._number,
                self.owner,
                self._lease,
            ):
                raise failures.taken_over(self._label)
            yield connection
        self.renewed()

    def renewed(self) -> None:
        """Take in that the lease was just renewed."""
        self._renewed = time.monotonic()

    def wait(self, seconds: float) -> None:
        """Wait, or until asked to stop, and renew the lease meanwhile.

        :raises ClaimedError: when the claim is another worker's by now.
        """
        every = self._lease / 3
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self.session.stop.wait(min(left, every)):
                return
            self.keep()

    def keep(self) -> None:
        """Renew the lease when a third of it is over.

        :raises ClaimedError: when the claim is another runner's by now.
        """
        if time.monotonic() - self._renewed >= self._lease / 3:
            self._renew()

    def note_end(self, state: State, detail: str | None = None) -> None:
        """Write a state down if the range is still this worker's to speak for."""
        with contextlib.suppress(exc.SQLAlchemyError, BackfillError):
            with self.transaction() as connection:
                self.session.store.move(connection, self._name, state, detail)

    def _renew(self) -> None:
        try:
            with self.transaction():
                pass
        except exc.DBAPIError as error:
            # The next batch meets the same trouble, and knows what to do about it.
            if faults.classify(error) in faults.GONE:
                self.session.transactions.lost()

    def _take_all(self) -> Range:
        """Take every range, waiting for the lease of a worker that may be dead.

        :raises ClaimedError: when its process is alive.
        """
        holder = Holder(self.session, self._name, self._label)
        while True:
            # Whoever keeps the rows locked is at the check, which may take long.
            span = patiently(
                self.session,
                self._name,
                self._label,
                self._try,
                against=faults.GONE,
            )
            if span.owner == self.owner:
                return span
            holder.wait_for(span)

    def _try(self) -> Range:
        """Take every range if all are free; return one that tells which it is."""
        tries = 0
        while True:
            tries += 1
            try:
                with self.session.transactions.transaction() as connection:
                    return self._try_once(connection)
            except exc.IntegrityError:
                # Another worker has opened it at the same moment.
                if tries == _MOST_TRIES:
                    raise

    def _try_once(self, connection: sa.Connection) -> Range:
        store, of = self.session.store, (self._name, self._direction)
        # Nobody takes or cuts a range without this lock.
        store.get(connection, self._name, locked=True)
        self.open(connection)
        found = store.ranges.all(connection, *of, locked=True)
        for span in found:
            if span.is_held:
                return span
        store.ranges.claim(connection, *of, None, self.owner, self._lease)
        return dataclasses.replace(found[0], owner=self.owner)

    def open(self, connection: sa.Connection) -> None:
        """Make the first range if there is none yet."""
        ranges, of = self.session.store.ranges, (self._name, self._direction)
        if ranges.get(connection, *of) is None:
            ranges.open(connection, *of, self.batch_size)


class Holder:
    """Finds out whether whoever has a range lives.

    :param name: the backfill.
    :param label: how errors name it.
    """

    def __init__(self, session: Session, name: str, label: str) -> None:
        self._session = session
        self._name = name
        self._label = label
        self._told = False
        self._seen: float | None = None

    def wait_for(self, span: Range) -> None:
        """Wait a moment before the next look at a range that is held.

        :raises ClaimedError: when its lease was renewed since the last look.
        """
        session = self._session
        holder = processes.describe(span.owner or "?:?:?:?")
        if self._told and span.lease_until != self._seen:
            raise ClaimedError(
                f"{holder} is running it right now",
                where=self._label,
                state="Nothing was changed by this process",
                next="Watch it with flask db data status",
            )
        if not self._told:
            lease = span.lease_seconds or session.settings.lease_seconds
            session.reporter.noted(
                f"{self._name}: {holder} held it last; waiting up to {lease:g} s to "
                "know whether it lives"
            )
            self._seen, self._told = span.lease_until, True
        if not session.transactions.retries or session.stop.wait(_POLL):
            raise ClaimedError(
                f"{holder} may still be running it",
                where=self._label,
                next="Try again in a moment",
            )


@contextlib.contextmanager
def undoing(claim: Claim, task: Task) -> t.Iterator[None]:
    """Move a backfill to ``undoing``, and note how the work of the block ends.

    An undo that stops stays ``undoing``: it goes on, or is given up.
    """
    session = claim.session

    def begin() -> None:
        with claim.transaction() as connection:
            session.store.move(connection, task.name, State.UNDOING)

    patiently(session, task.name, task.label, begin)
    try:
        with session.errors(task.label):
            yield
    except ClaimedError:
        # What becomes of it is for the process that took it over to say.
        session.reporter.stopped()
        raise
    except InterruptedRun as error:
        session.reporter.stopped()
        signals.backfill_paused.send(task.name, pause=Pause(task.name, error.what))
        raise
    except DataMigrateError as error:
        session.reporter.stopped()
        signals.backfill_failed.send(task.name, error=error)
        raise
