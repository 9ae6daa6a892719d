"""A backfill's whole life: registered, run to its last row, verified, undone."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from ..errors import BackfillError
from ..errors import DataMigrateError
from ..errors import EditedError
from ..errors import InterruptedRun
from ..errors import UndoError
from ..frozen.compare import check as check_table
from ..frozen.compare import check_key
from ..settings import Settings
from . import connections
from . import estimates
from . import faults
from . import signals
from . import verify
from .connections import Transactions
from .definition import Backfill
from .definition import Insert
from .fingerprint import fingerprint
from .keys import Key
from .reporting import BackfillReport
from .reporting import Reporter
from .states import State
from .store import BACK
from .store import FORWARD
from .store import Range
from .store import Record
from .store import Store
from .undo import RestoreWriter
from .undo import UndoLog
from .undo import side_table_name
from .walk import Run
from .walk import Walk
from .writers import writer

MOST_SWEEPS = 20
"""Walks over what was inserted meanwhile before a run is content: a table that is
written to without pause would otherwise keep it for ever."""


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """A backfill, and whose it is.

    :param name: what it is called in the state tables.
    :param revision: the revision it belongs to; ``None`` if unknown.
    """

    backfill: Backfill
    name: str
    revision: str | None

    @property
    def label(self) -> str:
        """How errors name it."""
        of = "" if self.revision is None else f"revision {self.revision}, "
        backfill = "" if self.name == self.revision else f"backfill {self.name}, "
        return f"{of}{backfill}table {self.backfill.table.name}"


class Runner:
    """Runs and undoes backfills on one database.

    :param transactions: where its transactions come from.
    :param schema: the schema of the state tables.
    :param stop: set it to end a run after the batch at hand.
    """

    def __init__(
        self,
        transactions: Transactions,
        settings: Settings,
        *,
        schema: str | None = None,
        reporter: Reporter | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.transactions = transactions
        self.settings = settings
        self.store = Store(schema, transactions.dialect)
        self.reporter = reporter or Reporter()
        self.stop = stop or threading.Event()

    def register(self, task: Task) -> Record:
        """Write a backfill down, after a look at the table it is for.

        :raises FrozenMismatchError: when the frozen table differs from the database.
        :raises EditedError: when it was begun with another definition.
        """
        self._create_tables()
        backfill = task.backfill
        now = fingerprint(backfill, self.transactions.dialect)
        with self.transactions.transaction() as connection:
            check_table(connection, backfill.table, where=_revision(task))
            check_key(connection, backfill.table, backfill.key, where=_revision(task))
            record = self.store.register(
                connection,
                name=task.name,
                revision=task.revision,
                kind=backfill.job.kind,
                table_name=backfill.table.fullname,
                fingerprint=now,
                deferred=bool(backfill.deferred),
            )
            if record.revision != task.revision:
                raise BackfillError(
                    f"the name {task.name} is taken by revision {record.revision}",
                    where=task.label,
                    state="Nothing was changed",
                    next="Give one of them another name=",
                )
            if record.state is State.UNDONE or (
                record.state is State.FINISHED and record.applied
            ):
                self._restart(connection, task, record)
            elif record.fingerprint != now:
                if self._has_changed_rows(connection, task):
                    raise _edited(task, record, now)
                self.store.update(connection, task.name, fingerprint=now)
            known = self.store.get(connection, task.name)
            assert known is not None
            return known

    def accept(self, task: Task) -> Record:
        """Take the definition as it is now for the right one.

        The next run goes on from where the last one stopped.

        :raises BackfillError: when the backfill was never begun.
        """
        now = fingerprint(task.backfill, self.transactions.dialect)
        with self.transactions.transaction() as connection:
            self._known(connection, task)
            self.store.update(connection, task.name, fingerprint=now)
            return self._known(connection, task)

    def run(self, task: Task) -> BackfillReport:
        """Run a backfill to its end, or go on with it.

        :raises BackfillError: when it stopped before; what was committed stays.
        """
        with self._errors_of(task):
            record = self.register(task)
            if record.state is State.FINISHED:
                return self._report(task, FORWARD, ())
            key = self._key(task)
            log = self._undo_log(task, record) if task.backfill.undo else None
            walk = Walk(
                self._run_of(task, FORWARD),
                key,
                task.backfill.table,
                writer(task.backfill.job, key, log),
            )
            span = walk.claim()
            with self._claimed(task, walk, State.RUNNING):
                span = self._begin(task, walk, span, log)
                self._walk_all(task, walk, span)
                return self._finish(task, walk)

    def undo(self, task: Task) -> BackfillReport:
        """Restore the old values a backfill kept.

        :raises UndoError: when it kept none.
        """
        with self._errors_of(task):
            with self.transactions.transaction() as connection:
                record = (
                    self._known(connection, task)
                    if self.store.exists(connection)
                    else None
                )
            if record is None or record.undo_table is None:
                raise UndoError(
                    "no old values were kept",
                    where=task.label,
                    state="Nothing was changed",
                    next="Pass undo=True to the Backfill before it runs, or write the "
                    "way back by hand in downgrade() in place of op.undo_backfill",
                )
            if record.state is State.UNDONE:
                return self._report(task, BACK, ())
            log = self._log_of(task, record.undo_table)
            walk = Walk(
                self._run_of(task, BACK), log.side_key, log.side, RestoreWriter(log)
            )
            # A live run forward holds the other claim.
            Walk(self._run_of(task, FORWARD), log.key, log.table, walk.writer).claim()
            span = walk.claim()
            with self._claimed(task, walk, State.UNDOING):
                if span.upper is None:
                    with self.transactions.transaction() as connection:
                        span = self._bounds(connection, walk, span)
                with self.transactions.transaction() as connection:
                    kept = log.count(connection)
                span = walk.sweep(span, kept)
                with self.transactions.transaction() as connection:
                    if not span.skipped:
                        log.drop(connection)
                    self.store.move(
                        connection,
                        task.name,
                        State.UNDONE,
                        conflicts=span.skipped,
                    )
                report = self._report(task, BACK, ())
            signals.backfill_finished.send(task.name, report=report)
            self.reporter.finished(report)
            return report

    # The steps of a run

    def _begin(self, task: Task, walk: Walk, span: Range, log: UndoLog | None) -> Range:
        """Freeze the bounds before the first batch; leave a later run's as they are."""
        if span.upper is not None:
            return span
        with self.transactions.transaction() as connection:
            if log is not None:
                log.create(connection)
                self.store.update(connection, task.name, undo_table=log.side.name)
        with self.transactions.transaction() as connection:
            count, exact = estimates.rows(connection, task.backfill.table)
            self.store.update(
                connection,
                task.name,
                sweep=1,
                rows_before=count,
                rows_before_exact=exact,
            )
            span = self._bounds(connection, walk, span)
        signals.backfill_started.send(task.name, task=task)
        return span

    def _bounds(self, connection: sa.Connection, walk: Walk, span: Range) -> Range:
        bounds = {
            "lowest": walk.bottom(connection),
            "upper": walk.top(connection, None),
        }
        return self._set(connection, walk, span, **bounds, position=None)

    def _set(
        self, connection: sa.Connection, walk: Walk, span: Range, **values: t.Any
    ) -> Range:
        span = dataclasses.replace(span, **values)
        self.store.bound(
            connection,
            walk.run.name,
            walk.run.direction,
            walk.owner,
            lowest=span.lowest,
            upper=span.upper,
            position=span.position,
            skipped=span.skipped,
        )
        return span

    def _walk_all(self, task: Task, walk: Walk, span: Range) -> None:
        """Walk to the frozen bound, then over what came meanwhile, until it is all."""
        repeat = getattr(task.backfill.job, "repeatable", False)
        left_before: int | None = None
        with self.transactions.transaction() as connection:
            rows = self._known(connection, task).rows_before
        for sweep in range(1, MOST_SWEEPS + 1):
            span = walk.sweep(span, rows)
            with self.transactions.transaction() as connection:
                upper = self._new_top(connection, task, walk, span)
                if upper is not None and sweep < MOST_SWEEPS:
                    span = self._set(connection, walk, span, upper=upper)
                    self.store.update(connection, task.name, sweep=sweep + 1)
                    continue
                self.store.move(connection, task.name, State.VERIFYING)
            with self.transactions.transaction() as connection:
                left = verify.left(connection, task.backfill, walk.key, span.upper)
                self.store.update(connection, task.name, rows_left=left)
                missed = left is not None and left > span.skipped
                fewer = left_before is None or (left or 0) < left_before
                if not (missed and repeat and fewer and sweep < MOST_SWEEPS):
                    verify.check(
                        connection,
                        task.backfill,
                        walk.key,
                        span.upper,
                        span.skipped,
                        task.label,
                    )
                    return
                # Rows came in behind the cursor, under keys it had passed. Doing a
                # row again changes nothing, so the walk begins anew.
                left_before = left
                self.store.move(
                    connection, task.name, State.RUNNING, f"{left} rows came meanwhile"
                )
                span = self._set(connection, walk, span, position=None, skipped=0)

    def _new_top(
        self, connection: sa.Connection, task: Task, walk: Walk, span: Range
    ) -> t.Any:
        job = task.backfill.job
        if isinstance(job, Insert) and job.statement.table is job.table:
            # It would copy its own copies.
            return None
        return walk.top(connection, span.upper)

    def _finish(self, task: Task, walk: Walk) -> BackfillReport:
        with self.transactions.transaction() as connection:
            self.store.move(connection, task.name, State.FINISHED)
        report = self._report(task, FORWARD, walk.sample)
        signals.backfill_finished.send(task.name, report=report)
        self.reporter.finished(report)
        return report

    # What surrounds a run

    @contextlib.contextmanager
    def _claimed(self, task: Task, walk: Walk, state: State) -> t.Iterator[None]:
        """Hold a claim, and write down how the work in the block ends."""
        with self.transactions.transaction() as connection:
            self.store.move(connection, task.name, state)
        try:
            yield
        except InterruptedRun:
            self.reporter.stopped()
            if state is State.RUNNING:
                self._note_end(task, State.PAUSED, None)
            signals.backfill_paused.send(task.name)
            raise
        except DataMigrateError as error:
            self.reporter.stopped()
            if state is State.RUNNING:
                self._note_end(task, State.FAILED, error.what)
            signals.backfill_failed.send(task.name, error=error)
            raise
        finally:
            with contextlib.suppress(exc.SQLAlchemyError):
                walk.release()
                if state is State.UNDOING:
                    self._release_forward(task)

    def _release_forward(self, task: Task) -> None:
        with self.transactions.transaction() as connection:
            self.store.free(connection, task.name)

    def _note_end(self, task: Task, state: State, detail: str | None) -> None:
        """Write a state down if the database can still be written to."""
        with contextlib.suppress(exc.SQLAlchemyError, BackfillError):
            with self.transactions.transaction() as connection:
                self.store.move(connection, task.name, state, detail)

    @contextlib.contextmanager
    def _errors_of(self, task: Task) -> t.Iterator[None]:
        """Turn what the database refuses outside a batch into one clear error."""
        try:
            yield
        except exc.DBAPIError as error:
            raise faults.explain(
                error,
                where=task.label,
                state="What was committed before is saved",
                next=f"{faults.classify(error).advice}: run the same command again",
            ) from error

    def _create_tables(self) -> None:
        with self.transactions.transaction() as connection:
            if self.store.exists(connection):
                return
        try:
            with self.transactions.transaction() as connection:
                self.store.create(connection)
        except exc.DBAPIError:
            # Another process may have been quicker.
            with self.transactions.transaction() as connection:
                if not self.store.exists(connection):
                    raise

    def _restart(self, connection: sa.Connection, task: Task, record: Record) -> None:
        if record.undo_table is not None:
            self._log_of(task, record.undo_table).drop(connection)
        self.store.restart(connection, task.name, "the revision is applied again")
        now = fingerprint(task.backfill, self.transactions.dialect)
        self.store.update(connection, task.name, fingerprint=now)

    def _has_changed_rows(self, connection: sa.Connection, task: Task) -> bool:
        span = self.store.range(connection, task.name, FORWARD)
        return span is not None and span.batches > 0

    def _known(self, connection: sa.Connection, task: Task) -> Record:
        record = self.store.get(connection, task.name)
        if record is None:
            raise UndoError(
                "it was never run on this database",
                where=task.label,
                state="Nothing was changed",
                next="See flask db data status",
            )
        return record

    def _run_of(self, task: Task, direction: str) -> Run:
        return Run(
            task.backfill,
            task.name,
            task.label,
            direction,
            self.store,
            self.transactions,
            self.settings,
            self.reporter,
            self.stop,
        )

    def _key(self, task: Task) -> Key:
        return Key(task.backfill.key, connections.family(self.transactions.dialect))

    def _undo_log(self, task: Task, record: Record) -> UndoLog:
        return self._log_of(task, record.undo_table or side_table_name(task.name))

    def _log_of(self, task: Task, name: str) -> UndoLog:
        backfill = task.backfill
        return UndoLog(
            name,
            backfill.table,
            self._key(task),
            backfill.changes,
            backfill.job.where,
        )

    def _report(
        self, task: Task, direction: str, sample: tuple[t.Any, ...]
    ) -> BackfillReport:
        with self.transactions.transaction() as connection:
            record = self.store.get(connection, task.name)
            span = self.store.range(connection, task.name, direction)
        assert record is not None
        return report_of(record, span, sample)


def report_of(
    record: Record, span: Range | None, sample: tuple[t.Any, ...] = ()
) -> BackfillReport:
    """Put the report of a backfill together from what the state tables say."""
    return BackfillReport(
        name=record.name,
        table=record.table_name,
        revision=record.revision,
        state=record.state.value,
        rows_before=record.rows_before,
        rows_before_exact=record.rows_before_exact,
        changed=0 if span is None else span.changed,
        skipped=0 if span is None else span.skipped,
        left=record.rows_left,
        conflicts=record.conflicts,
        batches=0 if span is None else span.batches,
        seconds=0.0 if span is None else span.seconds,
        sample=sample,
    )


def _revision(task: Task) -> str:
    return f"revision {task.revision}" if task.revision else f"backfill {task.name}"


def _edited(task: Task, record: Record, now: str) -> EditedError:
    return EditedError(
        f"its definition changed since it was begun: it was {record.fingerprint} "
        f"and is {now}",
        where=task.label,
        state=f"It is {record.state.value}; the rows done so far were changed by the "
        "old definition",
        next="Take the edit back; or, if the rows still to come should be changed by "
        f"the new definition, run: flask db data accept {task.name}",
    )
