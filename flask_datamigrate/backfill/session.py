"""What every step of a backfill works with on one database."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from ..dialects import family
from ..errors import BackfillError
from ..errors import DefinitionError
from ..settings import Settings
from . import failures
from . import faults
from .connections import Transactions
from .keys import Key
from .ranges import FORWARD
from .ranges import Total
from .reporting import BackfillReport
from .reporting import Reporter
from .reporting import Sample
from .states import State
from .store import Record
from .store import Store
from .task import Task
from .undo import Kept
from .undo import kept


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """The database and what surrounds the work on it.

    :param transactions: where transactions come from.
    :param stop: set from elsewhere to end the work after the batch at hand.
    :param until: when the time for the work is over, by :func:`time.monotonic`.
    :param telling: held by the worker that reports, one at a time.
    :param asking: held by the worker that asks a throttle, one at a time.
    """

    transactions: Transactions
    store: Store
    settings: Settings
    reporter: Reporter
    stop: threading.Event
    until: float | None = None
    telling: threading.RLock = dataclasses.field(default_factory=threading.RLock)
    asking: threading.RLock = dataclasses.field(default_factory=threading.RLock)

    def key(self, task: Task) -> Key:
        """Return the key a task's batches follow, on this database."""
        return Key(task.backfill.key, family(self.transactions.dialect))

    def kept(self, task: Task) -> Kept:
        """Describe the side table of a task."""
        return kept(task.name, task.backfill, family(self.transactions.dialect))

    def known(self, connection: sa.Connection, name: str, label: str) -> Record:
        """Return a backfill's row.

        :param label: how errors name it.
        :raises BackfillError: when the database does not know it.
        """
        record = self.store.get(connection, name)
        if record is None:
            raise BackfillError(
                "it was never begun on this database",
                where=label,
                state="Nothing was changed",
                next="See flask db data status",
            )
        return record

    def state(self, task: Task) -> State:
        """Return the state a task is in now.

        :raises BackfillError: when the database does not know it.
        """
        with self.transactions.transaction() as connection:
            return self.known(connection, task.name, task.label).state

    def report(
        self, task: Task, direction: str, sample: tuple[Sample, ...] = ()
    ) -> BackfillReport:
        """Put a task's report together from what the state tables say."""
        with self.transactions.transaction() as connection:
            record = self.known(connection, task.name, task.label)
            total = self.store.ranges.total(connection, task.name, direction)
            refused = 0
            if direction == FORWARD:
                refused = self.store.refusals.count(connection, task.name)
        return _report(record, total, sample, refused)

    def _verifier(self, name: str) -> str | None:
        """Return the name tag of whoever is at the check of a backfill.

        It keeps the backfill's row to its end; on SQLite, the whole file.
        """
        with contextlib.suppress(exc.SQLAlchemyError):
            with self.transactions.reading() as connection:
                record = self.store.get(connection, name)
                span = self.store.ranges.get(connection, name, FORWARD)
            if record is not None and record.state is State.VERIFYING:
                return None if span is None else span.owner
        return None

    @contextlib.contextmanager
    def errors(self, label: str, name: str | None = None) -> t.Iterator[None]:
        """Give errors from outside a batch the name and the state of a backfill.

        :param label: how errors name it.
        :param name: the backfill, while another runner may be at its check.
        """
        try:
            yield
        except DefinitionError as error:
            if error.where:
                raise
            raise DefinitionError(
                error.what, where=label, state=error.state, next=error.next
            ) from error
        except exc.DBAPIError as error:
            fault = faults.classify(error)
            if name is not None and fault is faults.Fault.LOCKED:
                holder = self._verifier(name)
                if holder is not None:
                    raise failures.being_verified(label, holder) from error
            raise faults.explain(
                error,
                where=label,
                state="What was committed before is saved",
                next=fault.again,
            ) from error
        except exc.StatementError as error:
            # What a column type or SQLAlchemy says before the database is asked.
            raise BackfillError(
                f"a value does not fit its column: {error.orig}",
                where=label,
                state="What was committed before is saved",
                next="Mend the definition, and run the same command again",
            ) from error


def _report(
    record: Record, total: Total, sample: tuple[Sample, ...], refused: int
) -> BackfillReport:
    return BackfillReport(
        name=record.name,
        kind=record.kind,
        table=record.table_name,
        revision=record.revision,
        state=record.state.value,
        rows_before=record.rows_before,
        rows_before_exact=record.rows_before_exact,
        changed=total.changed,
        # An accepted row may have been mended, and changed, after all.
        skipped=max(total.skipped - refused, 0),
        refused=refused,
        left=record.rows_left,
        conflicts=record.conflicts,
        batches=total.batches,
        seconds=total.seconds,
        sample=sample,
    )
