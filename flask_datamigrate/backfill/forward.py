"""A run: from the first row to the last, then what came meanwhile, then the check."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from . import estimates
from . import signals
from . import verify
from .claims import claimed
from .definition import Insert
from .registration import register
from .reporting import BackfillReport
from .session import Session
from .states import State
from .store import FORWARD
from .store import Range
from .task import Task
from .undo import UndoLog
from .walk import Walk
from .writers import writer

MOST_SWEEPS = 20
"""Walks over what was inserted meanwhile before a run is content: a table that is
written to without pause would otherwise keep it for ever."""


def run(session: Session, task: Task) -> BackfillReport:
    """Run a backfill to its end, or go on with it.

    :raises BackfillError: when it stopped before; what was committed stays.
    """
    with session.errors(task):
        record = register(session, task)
        if record.state is State.FINISHED:
            return session.report(task, FORWARD)
        log = session.undo_log(task) if task.backfill.undo else None
        write = writer(task.backfill.job, session.key(task), log)
        walk = Walk(session, task, FORWARD, session.key(task), write)
        with claimed(walk, State.RUNNING) as span:
            _walk_all(walk, _begin(walk, span, log))
            with session.transactions.transaction() as connection:
                session.store.move(connection, task.name, State.FINISHED)
        report = session.report(task, FORWARD, walk.sample)
    signals.backfill_finished.send(task.name, report=report)
    session.reporter.finished(report)
    return report


def _begin(walk: Walk, span: Range, log: UndoLog | None) -> Range:
    """Freeze the bounds before the first batch; leave a later run's as they are."""
    session, task = walk.session, walk.task
    if span.upper is not None:
        return span
    with session.transactions.transaction() as connection:
        if log is not None:
            log.create(connection)
            session.store.update(connection, task.name, undo_table=log.side.name)
    with session.transactions.transaction() as connection:
        count, exact = estimates.rows(connection, task.backfill.table)
        session.store.update(
            connection,
            task.name,
            sweep=1,
            rows_before=count,
            rows_before_exact=exact,
        )
        span = walk.freeze(connection, span)
    signals.backfill_started.send(task.name, task=task)
    return span


def _walk_all(walk: Walk, span: Range) -> None:
    """Walk to the frozen bound, then over what came meanwhile, until it is all."""
    session, task = walk.session, walk.task
    store, backfill = session.store, task.backfill
    left_before: int | None = None
    with session.transactions.transaction() as connection:
        rows = session.known(connection, task).rows_before
    for sweep in range(1, MOST_SWEEPS + 1):
        last = sweep == MOST_SWEEPS
        span = walk.sweep(span, rows)
        with session.transactions.transaction() as connection:
            upper = None if last else _new_top(connection, walk, span)
            if upper is not None:
                span = walk.move(connection, span, upper=upper)
                store.update(connection, task.name, sweep=sweep + 1)
                continue
            store.move(connection, task.name, State.VERIFYING)
        with session.transactions.transaction() as connection:
            left = verify.left(connection, backfill, walk.key, span.upper)
            store.update(connection, task.name, rows_left=left)
            missed = left is not None and left > span.skipped
            fewer = left_before is None or (left or 0) < left_before
            if not (missed and fewer and backfill.job.repeatable) or last:
                verify.check(
                    connection, backfill, walk.key, left, span.skipped, task.label
                )
                return
            # Rows came in behind the cursor, under keys it had passed. Doing a row
            # again changes nothing, so the walk begins anew.
            left_before = left
            detail = f"{left} rows came meanwhile"
            store.move(connection, task.name, State.RUNNING, detail)
            span = walk.move(connection, span, position=None, skipped=0)


def _new_top(connection: sa.Connection, walk: Walk, span: Range) -> t.Any:
    job = walk.task.backfill.job
    if isinstance(job, Insert) and job.statement.table is job.table:
        # It would copy its own copies.
        return None
    return walk.top(connection, span.upper)
