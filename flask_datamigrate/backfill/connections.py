"""Transactions for the engine: on a connection of its own, or on Alembic's."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

import sqlalchemy as sa

from ..dialects import family
from ..dialects import names
from . import quiet
from . import sqlite_files

if t.TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

_SESSION = {
    # What a session of the engine is set up with; :seconds is the lock timeout.
    "postgresql": "SET lock_timeout = '{milliseconds}ms'",
    "mysql": "SET SESSION innodb_lock_wait_timeout = {seconds}",
    "sqlite": "PRAGMA busy_timeout = {milliseconds}",
}

_LIMIT = {
    # How long one statement may take; 0 takes the limit away. MySQL limits SELECT
    # alone, SQLite nothing.
    "postgresql": "SET statement_timeout = '{milliseconds}ms'",
    "mariadb": "SET SESSION max_statement_time = {seconds}",
    "mysql": "SET SESSION max_execution_time = {milliseconds}",
}


class Transactions(t.Protocol):
    """Where the engine gets its transactions from."""

    retries: bool
    """Whether a failed transaction can be followed by another one."""

    dialect: sa.Dialect

    def transaction(self) -> contextlib.AbstractContextManager[sa.Connection]:
        """Open a transaction that is committed at the end of the block."""

    def reading(self) -> contextlib.AbstractContextManager[sa.Connection]:
        """Open a block for a look that waits for nobody who writes."""

    def batch(self) -> contextlib.AbstractContextManager[sa.Connection]:
        """Open a transaction whose statements are stopped when they take too long."""

    def lost(self) -> None:
        """Forget a connection that broke; the next transaction takes a new one."""

    def another(self) -> Transactions:
        """Return the same on a further connection, for another thread."""

    def close(self) -> None:
        """Give up the connection, if it is the engine's own."""


@dataclasses.dataclass(slots=True)
class _Line:
    """A connection, and what is known of it.

    :param is_limited: whether its statements are limited; ``None`` for unknown.
    :param is_asked: whether a trigger asks if it is to be quiet.
    :param is_plain_file: whether it is to a file of SQLite, not yet set up for batches.
    """

    connection: sa.Connection
    is_limited: bool | None = False
    is_asked: bool = False
    is_plain_file: bool = False


class OwnTransactions:
    """Transactions on one connection of the engine's own.

    :param engine: the database.
    :param lock_timeout: seconds to wait for a lock.
    :param pooled: whether a pooler hands each transaction to another session, which
        a setting must not outlive.
    :param statement_timeout: seconds a statement of a batch may take; ``None`` for
        whatever the server says.
    """

    retries = True

    def __init__(
        self,
        engine: sa.Engine,
        lock_timeout: float,
        *,
        pooled: bool = False,
        statement_timeout: float | None = None,
    ) -> None:
        self.dialect = engine.dialect
        self._engine = engine
        self._lock_timeout = lock_timeout
        self._pooled = pooled
        name = family(self.dialect)
        timeout = _SESSION[name].format(
            seconds=max(1, round(lock_timeout)),
            milliseconds=max(1, round(lock_timeout * 1000)),
        )
        self._setup = [timeout]
        if name in quiet.SESSION:
            self._setup.append(quiet.SESSION[name])
        self._each: list[str] = []
        if pooled and name == "postgresql":
            self._each = [s.replace("SET ", "SET LOCAL ", 1) for s in self._setup]
            self._setup = []
        self._statement_timeout = statement_timeout
        self._line: _Line | None = None

    def transaction(self) -> contextlib.AbstractContextManager[sa.Connection]:
        return self._writing(limited=False)

    def batch(self) -> contextlib.AbstractContextManager[sa.Connection]:
        return self._writing(limited=True)

    @contextlib.contextmanager
    def reading(self) -> t.Iterator[sa.Connection]:
        with self._open(limited=False) as line:
            yield line.connection

    @contextlib.contextmanager
    def _writing(self, *, limited: bool) -> t.Iterator[sa.Connection]:
        with self._open(limited=limited) as line:
            connection = line.connection
            if family(self.dialect) == "sqlite":
                begin_immediate(connection)
            asked = line.is_asked
            with quiet.part(connection) if asked else contextlib.nullcontext():
                yield connection

    @contextlib.contextmanager
    def _open(self, *, limited: bool) -> t.Iterator[_Line]:
        if self._line is None:
            self._line = self._connect()
        line = self._line
        if limited and line.is_plain_file:
            sqlite_files.prepare(line.connection)
            line.is_plain_file = False
        try:
            with line.connection.begin():
                for statement in self._each:
                    line.connection.exec_driver_sql(statement)
                self._limit(line, limited)
                yield line
        except BaseException:
            # With the rest of the transaction, PostgreSQL takes the limit back.
            line.is_limited = None
            raise

    @contextlib.contextmanager
    def beside(self) -> t.Iterator[sa.Connection]:
        """Open a connection for statements that run outside of a transaction."""
        with self._engine.connect() as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            # Its settings must not go back to the app's pool.
            connection.detach()
            yield connection

    def lost(self) -> None:
        if self._line is not None:
            self._line.connection.invalidate()
            self._line.connection.close()
            self._line = None

    def another(self) -> OwnTransactions:
        return OwnTransactions(
            self._engine,
            self._lock_timeout,
            pooled=self._pooled,
            statement_timeout=self._statement_timeout,
        )

    def swap(self, other: OwnTransactions) -> None:
        """Exchange the connections with those of another, open transactions too."""
        self._line, other._line = other._line, self._line

    def close(self) -> None:
        if self._line is not None:
            if family(self.dialect) == "sqlite":
                sqlite_files.settle(self._line.connection)
            self._line.connection.close()
            self._line = None

    def _limit(self, line: _Line, limited: bool) -> None:
        """Limit the statements of a batch, and no others: a check may take long."""
        limit = _LIMIT.get(names(self.dialect)[0])
        if self._statement_timeout is None or limit is None:
            return
        if line.is_limited is limited:
            return
        seconds = self._statement_timeout if limited else 0
        limit = limit.format(seconds=seconds, milliseconds=round(seconds * 1000))
        if self._each:
            limit = limit.replace("SET ", "SET LOCAL ", 1)
        line.connection.exec_driver_sql(limit)
        # A setting of the transaction alone is gone with it.
        line.is_limited = limited and not self._each

    def _connect(self) -> _Line:
        connection = self._engine.connect()
        if family(self.dialect) != "sqlite":
            # Under MySQL's own default, REPEATABLE READ, a range update would lock
            # the gaps between the keys against inserts.
            connection = connection.execution_options(isolation_level="READ COMMITTED")
        is_server = family(self.dialect) != "sqlite"
        is_file = not is_server and sqlite_files.is_file(connection)
        # Its settings must not go back to the app's pool. An in-memory SQLite
        # database lives in its one connection, which therefore stays there.
        if is_server or is_file:
            connection.detach()
        line = _Line(connection, is_plain_file=is_file)
        if self._setup:
            with connection.begin():
                for statement in self._setup:
                    connection.exec_driver_sql(statement)
                if family(self.dialect) == "sqlite":
                    line.is_asked = quiet.is_asked(connection)
        return line


class AlembicTransactions:
    """Commit points on the connection Alembic runs a revision on.

    A block of ``autocommit_block`` commits what was done before it; an empty one
    after each batch is a commit point, and an error takes back what was done since
    the last. Nothing is tried again here: a connection that is lost is Alembic's.
    """

    retries = False

    def __init__(self, context: MigrationContext) -> None:
        self.dialect = context.dialect
        self._context = context

    @contextlib.contextmanager
    def transaction(self) -> t.Iterator[sa.Connection]:
        connection = self._context.connection
        assert connection is not None
        if family(self.dialect) == "sqlite":
            begin_immediate(connection)
        try:
            with quiet.part(connection):
                yield connection
        except BaseException:
            # The driver's own, so that Alembic's transaction stays open for the note
            # of what went wrong. A savepoint would not do: MySQL drops it when it
            # resolves a deadlock, and at any DDL.
            if not connection.invalidated:
                connection.connection.rollback()
            raise
        with self._context.autocommit_block():
            pass

    @contextlib.contextmanager
    def reading(self) -> t.Iterator[sa.Connection]:
        connection = self._context.connection
        assert connection is not None
        yield connection

    batch = transaction

    def lost(self) -> None:
        """Do nothing: the connection is Alembic's."""

    def another(self) -> t.NoReturn:
        raise NotImplementedError("Alembic has one connection")

    def close(self) -> None:
        """Do nothing: the connection is Alembic's."""


def begin_immediate(connection: sa.Connection) -> None:
    """Take SQLite's write lock now, so that what is read cannot change.

    The driver would take it at the first write, after the rows were read.
    """
    raw = connection.connection.dbapi_connection
    if not getattr(raw, "in_transaction", True):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
