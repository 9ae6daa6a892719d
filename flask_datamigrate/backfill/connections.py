"""Transactions for the engine: on a connection of its own, or on Alembic's."""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa

if t.TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

_SESSION = {
    # What a session of the engine is set up with; :seconds is the lock timeout.
    "postgresql": "SET lock_timeout = '{milliseconds}ms'",
    "mysql": "SET SESSION innodb_lock_wait_timeout = {seconds}",
    "sqlite": "PRAGMA busy_timeout = {milliseconds}",
}


class Transactions(t.Protocol):
    """Where the engine gets its transactions from."""

    retries: bool
    """Whether a failed transaction can be followed by another one."""

    dialect: sa.Dialect

    def transaction(self) -> contextlib.AbstractContextManager[sa.Connection]:
        """Open a transaction that is committed at the end of the block."""

    def lost(self) -> None:
        """Forget a connection that broke; the next transaction takes a new one."""


class OwnTransactions:
    """Transactions on one connection of the engine's own.

    :param engine: the database.
    :param lock_timeout: seconds to wait for a lock.
    """

    retries = True

    def __init__(self, engine: sa.Engine, lock_timeout: float) -> None:
        self.dialect = engine.dialect
        self._engine = engine
        self._lock_timeout = lock_timeout
        self._connection: sa.Connection | None = None

    @contextlib.contextmanager
    def transaction(self) -> t.Iterator[sa.Connection]:
        if self._connection is None:
            self._connection = self._connect()
        connection = self._connection
        with connection.begin():
            if family(self.dialect) == "sqlite":
                begin_immediate(connection)
            yield connection

    def lost(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> sa.Connection:
        connection = self._engine.connect()
        name = family(self.dialect)
        setup = _SESSION[name].format(
            seconds=max(1, round(self._lock_timeout)),
            milliseconds=max(1, round(self._lock_timeout * 1000)),
        )
        if name != "sqlite":
            # Under MySQL's own default, REPEATABLE READ, a range update would lock
            # the gaps between the keys against inserts.
            connection = connection.execution_options(isolation_level="READ COMMITTED")
            # Its settings must not go back to the app's pool. An in-memory SQLite
            # database lives in its one connection, which therefore stays there.
            connection.detach()
        with connection.begin():
            connection.exec_driver_sql(setup)
        return connection


class AlembicTransactions:
    """Commit points on the connection Alembic runs a revision on.

    A block of ``autocommit_block`` commits what was done before it; an empty one
    after each batch is a commit point. Nothing can be tried again here: after an
    error Alembic's own transaction is over.
    """

    retries = False

    def __init__(self, context: MigrationContext) -> None:
        self.dialect = context.dialect
        self._context = context

    @contextlib.contextmanager
    def transaction(self) -> t.Iterator[sa.Connection]:
        connection = self._context.connection
        assert connection is not None
        yield connection
        with self._context.autocommit_block():
            pass

    def lost(self) -> None:
        """Do nothing: the connection is Alembic's."""


def family(dialect: sa.Dialect) -> str:
    """Return ``postgresql``, ``mysql`` or ``sqlite``, whichever SQL is spoken."""
    return "mysql" if dialect.name == "mariadb" else dialect.name


def begin_immediate(connection: sa.Connection) -> None:
    """Take SQLite's write lock now, so that what is read cannot change.

    The driver would take it at the first write, after the rows were read.
    """
    raw = connection.connection.dbapi_connection
    if not getattr(raw, "in_transaction", True):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
