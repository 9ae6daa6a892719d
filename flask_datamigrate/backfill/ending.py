"""The beginning and the end of a run, each done by one worker."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ..counting import counted
from . import estimates
from . import processes
from . import signals
from . import verify
from .indexes.setting_aside import bring_back
from .jobs import Insert
from .ranges import FORWARD
from .ranges import Range
from .session import Session
from .settling import settle
from .states import State
from .task import Task
from .undo import Kept
from .walk import Walk

MOST_SWEEPS = 20
"""Walks over what was inserted meanwhile before a run is content: a table that is
written to without pause would otherwise keep it for ever."""


def begin(walk: Walk, span: Range, log: Kept | None) -> Range:
    """Freeze the bounds before the first batch.

    :param span: the first range, the walk's own.
    :param log: where old values are kept, if they are.
    """
    session, task = walk.session, walk.task
    with walk.claim.transaction() as connection:
        if log is not None:
            log.create(connection)
            session.store.update(connection, task.name, undo_table=log.side.name)
    with walk.claim.transaction() as connection:
        verify.try_out(connection, task.backfill, task.label)
        count, exact = estimates.rows(connection, task.backfill.table)
        span = walk.freeze(connection, span, count)
        session.store.update(
            connection,
            task.name,
            sweep=1,
            upper=span.upper,
            rows_before=count,
            rows_before_exact=exact,
        )
    signals.backfill_started.send(task.name, task=task)
    return span


class Ending:
    """What follows the last row: what came meanwhile, then the check.

    One worker at a time does it, as the owner of the first range.
    """

    def __init__(self, session: Session, task: Task) -> None:
        self._session = session
        self._task = task
        self._rounds = 0
        self._left_before: int | None = None
        self._is_ending = False

    def reached(self, walk: Walk) -> bool:
        """Sweep, verify and finish; return ``False`` when there is more to walk."""
        task, store = self._task, self._session.store
        self._rounds += 1
        last = self._rounds == MOST_SWEEPS
        bring_back(walk.claim, task.name, task.label)
        with walk.claim.transaction() as connection:
            if not last and self._is_extended(connection, walk):
                return False
        settle(walk)
        with walk.claim.transaction() as connection:
            store.move(connection, task.name, State.VERIFYING)
        with walk.claim.transaction() as connection:
            record = self._session.known(connection, task.name, task.label)
            left = verify.left(connection, task.backfill, walk.key, record.upper)
            # Committed before the check, which may fail.
            store.update(connection, task.name, rows_left=left)
        with walk.claim.transaction() as connection:
            skipped = store.ranges.total(connection, task.name, FORWARD).skipped
            missed = left is not None and left > skipped
            fewer = self._left_before is None or (left or 0) < self._left_before
            again = task.backfill.job.repeatable or not record.unproven
            if not (missed and fewer and again) or last:
                verify.check(
                    connection, task.backfill, walk.key, left, skipped, task.label
                )
                # With the check, under one claim: a long one outlives the lease.
                self._is_ending = True
                store.move(connection, task.name, State.FINISHED)
                return True
            # Rows came in behind a cursor, under keys it had passed. The walk begins
            # anew: the rows done do not match, or doing them again changes nothing.
            self._left_before = left
            detail = f"{counted(left or 0, 'row')} came meanwhile"
            store.move(connection, task.name, State.RUNNING, detail)
            store.ranges.begin_anew(connection, task.name, FORWARD)
            store.refusals.reopen(connection, task.name)
            return False

    def is_own(self, connection: sa.Connection) -> bool:
        """Tell whether a finished backfill was finished by this process after all.

        The answer to the commit may have been lost with the connection.
        """
        if not self._is_ending:
            return False
        last = self._session.store.events.of(connection, self._task.name)[-1]
        return processes.is_own(last.runner)

    def _is_extended(self, connection: sa.Connection, walk: Walk) -> bool:
        """Take in the rows behind the last bound; tell whether there are any."""
        task, store = self._task, self._session.store
        record = self._session.known(connection, task.name, task.label)
        upper = self._new_top(connection, walk, record.upper)
        if upper is None:
            return False
        ranges = store.ranges.all(connection, task.name, FORWARD)
        top = next(span for span in ranges if span.upper == record.upper)
        store.ranges.bound(connection, task.name, FORWARD, top.number, upper=upper)
        sweep = record.sweep + 1
        store.update(connection, task.name, sweep=sweep, upper=upper)
        return True

    def _new_top(self, connection: sa.Connection, walk: Walk, upper: t.Any) -> t.Any:
        job = self._task.backfill.job
        if isinstance(job, Insert) and job.statement.table is job.table:
            # It would copy its own copies.
            return None
        return walk.bounds.highest(connection, upper)
