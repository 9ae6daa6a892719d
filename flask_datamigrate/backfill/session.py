"""What every step of a backfill works with on one database."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from ..errors import BackfillError
from ..errors import DefinitionError
from ..settings import Settings
from . import connections
from . import faults
from .connections import Transactions
from .keys import Key
from .reporting import BackfillReport
from .reporting import Reporter
from .reporting import Sample
from .states import State
from .store import Range
from .store import Record
from .store import Store
from .task import Task
from .undo import UndoLog
from .undo import side_table_name


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """The database and what surrounds the work on it.

    :param transactions: where transactions come from.
    :param stop: set from elsewhere to end the work after the batch at hand.
    """

    transactions: Transactions
    store: Store
    settings: Settings
    reporter: Reporter
    stop: threading.Event

    def key(self, task: Task) -> Key:
        """Return the key a task's batches follow, on this database."""
        return Key(task.backfill.key, connections.family(self.transactions.dialect))

    def undo_log(self, task: Task) -> UndoLog:
        """Describe the side table of a task."""
        backfill, key = task.backfill, self.key(task)
        return UndoLog(
            side_table_name(task.name, key, backfill.changes),
            backfill.table,
            key,
            backfill.changes,
            backfill.job.where,
        )

    def known(self, connection: sa.Connection, task: Task) -> Record:
        """Return a task's row.

        :raises BackfillError: when the database does not know it.
        """
        record = self.store.get(connection, task.name)
        if record is None:
            raise BackfillError(
                "it was never begun on this database",
                where=task.label,
                state="Nothing was changed",
                next="See flask db data status",
            )
        return record

    def report(
        self, task: Task, direction: str, sample: tuple[Sample, ...] = ()
    ) -> BackfillReport:
        """Put a task's report together from what the state tables say."""
        with self.transactions.transaction() as connection:
            record = self.known(connection, task)
            span = self.store.range(connection, task.name, direction)
        return _report(record, span, sample)

    def note_end(self, task: Task, state: State, detail: str | None) -> None:
        """Write a state down if the database can still be written to."""
        with contextlib.suppress(exc.SQLAlchemyError, BackfillError):
            with self.transactions.transaction() as connection:
                self.store.move(connection, task.name, state, detail)

    @contextlib.contextmanager
    def errors(self, task: Task) -> t.Iterator[None]:
        """Give errors from outside a batch the name and the state of the task."""
        try:
            yield
        except DefinitionError as error:
            if error.where:
                raise
            raise DefinitionError(
                error.what, where=task.label, state=error.state, next=error.next
            ) from error
        except exc.DBAPIError as error:
            raise faults.explain(
                error,
                where=task.label,
                state="What was committed before is saved",
                next=f"{faults.classify(error).advice}: run the same command again",
            ) from error


def _report(
    record: Record, span: Range | None, sample: tuple[Sample, ...]
) -> BackfillReport:
    return BackfillReport(
        name=record.name,
        kind=record.kind,
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
