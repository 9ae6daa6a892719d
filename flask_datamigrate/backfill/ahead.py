"""Rows of the next batch are read and computed while a batch is being written.

What Python and the database do for a batch of computed rows takes about as long, and
each waits for the other. So a second thread, with a connection of its own, begins the
transaction of the next batch: it reads and locks the rows and calls the transform. The
walk goes on with that transaction when its batch is committed, and ends it as any
other: with the rows and the cursor in one commit, after the one before.

It is a try, which nothing hangs on. Whatever speaks against it, an error, a wait, an
end that has moved, rolls it back, and the walk begins that batch itself.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import contextvars
import dataclasses
import threading
import time
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from ..dialects import family
from . import faults
from .batch import Result
from .batch import Writer
from .bounds import Bounds
from .connections import OwnTransactions
from .keys import Position
from .ranges import Range
from .session import Session
from .task import Task
from .writers.rows import Computed
from .writers.rows import RowsWriter

FEWEST = 200
"""Rows of a batch that is worth a second thread and a second connection."""

_REST = 20
"""Batches that are not prepared after one was in vain; twice as many each time."""


@dataclasses.dataclass(frozen=True, slots=True)
class Ready:
    """A batch whose transaction is open, with its rows locked and computed.

    :param span: the range as it is when this batch's turn comes.
    :param asked: how many rows it should have.
    :param rows: how many it has at most.
    :param began: when its transaction began, by :func:`time.monotonic`.
    """

    connection: sa.Connection
    span: Range
    asked: int
    high: Position
    rows: int
    began: float
    computed: Computed
    transaction: contextlib.ExitStack


class _Rollback(Exception):
    """Takes back a transaction that is not wanted."""


class Ahead:
    """Prepares the next batch of one worker's walk, if that can be of use.

    :param is_alone: whether the walk is that of the only worker: several keep the
        database and Python busy by themselves.
    """

    def __init__(
        self,
        session: Session,
        task: Task,
        bounds: Bounds,
        writer: Writer,
        *,
        is_alone: bool,
    ) -> None:
        # Where batches are tried again, the connections are the engine's own.
        self._own = t.cast(OwnTransactions, session.transactions)
        self._bounds = bounds
        self._any_writer = writer
        self._writer = writer if isinstance(writer, RowsWriter) else None
        self._can = (
            is_alone
            and self._writer is not None
            and self._writer.is_by_row
            and not task.backfill.throttles
            and session.transactions.retries
            and family(session.transactions.dialect) != "sqlite"
        )
        self._threads: concurrent.futures.Executor | None = None
        self._coming: concurrent.futures.Future[Ready] | None = None
        self._transactions = self._own
        self._resting = 0
        self._rest = _REST

    @contextlib.contextmanager
    def walking(self) -> t.Iterator[None]:
        """Be at hand for the time of a block, and leave nothing open behind it."""
        if not self._can:
            yield
            return
        self._transactions = self._own.another()
        sa.event.listen(sa.Engine, "before_cursor_execute", self._asked)
        try:
            with concurrent.futures.ThreadPoolExecutor(1, "datamigrate-ahead") as one:
                self._threads = one
                try:
                    yield
                finally:
                    self.discard()
        finally:
            self._threads = None
            sa.event.remove(sa.Engine, "before_cursor_execute", self._asked)
            self._transactions.close()

    @contextlib.contextmanager
    def batch(self, span: Range) -> t.Iterator[tuple[sa.Connection, Ready | None]]:
        """Open the transaction of the next batch, or go on with the one prepared.

        An error takes back what is prepared for after it as well.
        """
        ready = self._taken(span)
        try:
            if ready is None:
                with self._own.batch() as connection:
                    yield connection, None
            else:
                self._own.swap(self._transactions)
                with ready.transaction:
                    yield ready.connection, ready
        except BaseException:
            self.discard()
            raise

    def write(
        self,
        connection: sa.Connection,
        span: Range,
        high: Position,
        ready: Ready | None,
        following: int,
    ) -> Result:
        """Write a batch, and begin to prepare the next one meanwhile.

        :param ready: the batch, where it is prepared already.
        :param following: how many rows the next one should have; 0 if there is none.
        """
        if self._writer is None:
            return self._any_writer.write(connection, span.position, high)
        if ready is None:
            computed = self._writer.compute(connection, span.position, high)
        else:
            computed = ready.computed
        if following >= FEWEST and self._threads is not None and self._can:
            self._look(dataclasses.replace(span, position=high), following)
        return self._writer.apply(connection, computed)

    def discard(self) -> None:
        """Take back what is prepared, as before a wait: its rows are locked."""
        ready = self._result()
        if ready is not None:
            self._in_vain(ready)

    def _look(self, span: Range, size: int) -> None:
        """Begin to prepare a batch.

        :param span: the range as it will be when the one before is committed.
        """
        if self._resting:
            self._resting -= 1
            return
        assert self._threads is not None
        context = contextvars.copy_context()
        self._coming = self._threads.submit(context.run, self._prepared, span, size)

    def _taken(self, span: Range) -> Ready | None:
        ready = self._result()
        if ready is None:
            return None
        before = ready.span
        if (before.number, before.position, before.upper, before.cuts) == (
            span.number,
            span.position,
            span.upper,
            span.cuts,
        ) and self._can:
            return ready
        self._in_vain(ready)
        return None

    def _result(self) -> Ready | None:
        """Wait for what is being prepared; ``None`` if it came to nothing."""
        coming, self._coming = self._coming, None
        if coming is None:
            return None
        error = coming.exception()
        if error is None:
            return coming.result()
        if isinstance(error, exc.DBAPIError) and faults.classify(error) in faults.GONE:
            self._transactions.lost()
        self._pause()
        return None

    def _in_vain(self, ready: Ready) -> None:
        with contextlib.suppress(_Rollback, exc.DBAPIError), ready.transaction:
            raise _Rollback
        if ready.connection.invalidated:
            self._transactions.lost()
        self._pause()

    def _pause(self) -> None:
        self._resting, self._rest = self._rest, 2 * self._rest

    def _prepared(self, span: Range, size: int) -> Ready:
        assert self._writer is not None
        began = time.monotonic()
        with contextlib.ExitStack() as transaction:
            connection = transaction.enter_context(self._transactions.batch())
            high, rows = self._bounds.end(connection, span, size)
            computed = self._writer.compute(connection, span.position, high)
            return Ready(
                connection=connection,
                span=span,
                asked=size,
                high=high,
                rows=rows,
                began=began,
                computed=computed,
                transaction=transaction.pop_all(),
            )

    def _asked(self, *_: object) -> None:
        """Notice a transform that asks the database, which may see another batch.

        Such a one is called only when the batch before is committed.
        """
        assert self._writer is not None
        if self._writer.transforming == threading.get_ident():
            self._can = False
