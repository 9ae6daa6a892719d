"""What an upgrade sees to while Alembic runs the statements of schema revisions.

Each statement that changes the schema waits for its lock only briefly. Where it can be
tried again by itself (MySQL, MariaDB, SQLite), it is; where its transaction is over
(PostgreSQL), the upgrade rolls back, which lets go of the locks it has, and takes the
revisions again.
"""

from __future__ import annotations

import contextlib
import re
import typing as t

import sqlalchemy as sa
from alembic.ddl.base import AddColumn
from sqlalchemy import event
from sqlalchemy import exc

from ..backfill import faults
from ..dialects import family
from ..errors import SchemaLockError
from ..operations.ddl import journal
from ..operations.ddl import locks
from ..operations.ddl.batches import Batches
from ..operations.segment import what_stays
from ..settings import Settings

if t.TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

    from ..operations.segment import Segment

_SCHEMA = re.compile(
    r"(?:\s|/\*.*?\*/|--[^\n]*\n)*(ALTER|CREATE|DROP|RENAME|TRUNCATE|COMMENT)\b",
    re.IGNORECASE | re.DOTALL,
)
# A transaction that failed takes nothing in front of the rollback to its savepoint.
_WAITS_FOR_NOTHING = re.compile(
    r"\s*(SELECT|SET|SHOW|PRAGMA|SAVEPOINT|RELEASE|ROLLBACK)\b", re.IGNORECASE
)
# It waits for other transactions, and nobody waits for it; cut off, it leaves an
# invalid index behind.
_CONCURRENTLY = re.compile(r"\bCONCURRENTLY\b", re.IGNORECASE)


_ROWS = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE|LOAD)\b", re.IGNORECASE)

# A comparison's, what the directives make for themselves, and what goes by itself.
_OWN = re.compile(
    r"\bdatamigrate_(probe|ddl)\b|^\s*(CREATE|DROP)\s+TEMP(ORARY)?\b", re.IGNORECASE
)


class Statements:
    """The statements of one segment of an upgrade.

    :param segment: tells which revision is running, and is told what stays of it.
    :param direction: ``up`` or ``down``.
    """

    def __init__(self, settings: Settings, segment: Segment, direction: str) -> None:
        self.committed = False
        """Whether a part of the running revision is committed already."""
        self._patience = locks.Patience.of(settings)
        self._segment = segment
        self._direction = direction
        self._versions = "alembic_version"
        self._watched: dict[sa.Connection, bool] = {}
        self._batches: dict[sa.Connection, Batches] = {}
        self._journals: dict[sa.Connection, journal.Journal] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Statements:
        return self

    def __exit__(self, *exception: t.Any) -> None:
        self._stack.close()
        self._end_batches()

    def watch(self, context: MigrationContext) -> None:
        """See to the connection that Alembic runs revisions on."""
        connection = context.connection
        assert connection is not None
        self._watched[connection] = False
        event.listen(connection, "commit", self._on_commit)
        event.listen(connection, "after_execute", self._on_added)
        self._segment.journal = self._segment.begin = None
        self._versions = context.version_table
        if family(connection.dialect) != "sqlite":
            # PostgreSQL has notes of what ran outside of a contract's transaction.
            kept = journal.Journal(
                connection.engine, context.version_table_schema, self._direction
            )
            if family(connection.dialect) == "mysql":
                self._journals[connection] = self._segment.journal = kept
            version_table = context.version_table

            def close(_: sa.Connection, element: t.Any, *rest: t.Any) -> None:
                if isinstance(element, sa.Insert | sa.Update | sa.Delete):
                    written = getattr(element.table, "name", None) == version_table
                    if written and self._segment.staged:
                        kept.close(connection, str(self._segment.revision))

            event.listen(connection, "before_execute", close)
        if family(connection.dialect) == "sqlite":
            batches = Batches(connection, context.version_table)
            self._batches[connection] = batches
            self._segment.begin = batches.begin_rebuild
            self._stack.callback(batches.close)
        engine = connection.engine
        if event.contains(engine, "do_execute", self._on_execute):
            return
        event.listen(engine, "do_execute", self._on_execute)
        self._stack.callback(event.remove, engine, "do_execute", self._on_execute)

    def stepped(self) -> None:
        """Take note that a revision begins, and the one before it is committed."""
        self.committed = False
        self._segment.added.clear()
        self._segment.changed.clear()
        self._segment.stays.clear()
        self._end_batches()

    def _end_batches(self) -> None:
        for batches in self._batches.values():
            batches.end()

    def _on_commit(self, connection: sa.Connection) -> None:
        self.committed = True
        self._watched[connection] = False

    def _on_added(self, connection: sa.Connection, element: t.Any, *_: t.Any) -> None:
        if isinstance(element, AddColumn):
            column = element.column.name
            self._segment.added.add((element.schema, element.table_name, column))

    def _on_execute(
        self, cursor: t.Any, statement: str, parameters: t.Any, context: t.Any
    ) -> bool | None:
        connection = context.root_connection
        if connection not in self._watched:
            return None
        batches = self._batches.get(connection)
        if batches is not None:
            batches.part_with(statement)
        if not self._waits(connection, statement):
            self._note(connection, statement)
            self._segment.kept |= self._stays(connection, statement)
            return None
        dialect: sa.Dialect = connection.dialect
        text = " ".join(statement.split())[:80]

        def call() -> None:
            if batches is not None:
                batches.prepare(statement)
            try:
                dialect.do_execute(cursor, statement, parameters, context)
            except dialect.loaded_dbapi.Error as error:
                raise exc.DBAPIError(statement, None, error) from error

        standing = self._note(connection, statement)
        if standing and journal.is_passed_over(standing, statement):
            return True
        try:
            locks.patiently(
                connection,
                call,
                self._patience,
                where=f"revision {self._segment.revision}, {text}",
                state=what_stays(transactional=dialect.name == "postgresql"),
                again=locks.commits_itself(connection),
            )
        except exc.DBAPIError as error:
            if standing and journal.is_done(standing, statement, error):
                return True
            # A server that went away may have done it.
            if standing and faults.classify(error) not in faults.GONE:
                self._journals[connection].took_back()
            # As SQLAlchemy expects it from a driver.
            raise t.cast(BaseException, error.orig) from None
        except SchemaLockError:
            if standing:
                self._journals[connection].took_back()
            raise
        self._segment.kept |= self._stays(connection, statement)
        if _is_of_revision(statement) and not self._segment.in_directive:
            self._segment.changed.append(text)
        return True

    def _note(
        self, connection: sa.Connection, statement: str
    ) -> journal.Standing | None:
        """Note a schema change that no database will take back.

        A directive works out from the database what is left to do.
        """
        segment = self._segment
        noted, revision = self._journals.get(connection), segment.revision
        if noted is None or revision is None or segment.in_directive:
            return None
        if not segment.staged:
            return None
        if _ROWS.match(statement) and not self._is_own(connection, statement):
            noted.refuse_rows(revision, statement)
        if not self._stays(connection, statement):
            return None
        standing = noted.note(revision, statement, self._segment.contract)
        self._segment.kept |= standing is not journal.Standing.NEW
        return standing

    def _is_own(self, connection: sa.Connection, statement: str) -> bool:
        """Tell whether a change of rows is one of the version, or of what is noted."""
        return any(table in statement for table in (self._versions, "datamigrate_"))

    def _stays(self, connection: sa.Connection, statement: str) -> bool:
        """Tell whether a statement, which was run, stays if its revision fails."""
        return _is_of_revision(statement) and locks.commits_itself(connection)

    def _waits(self, connection: sa.Connection, statement: str) -> bool:
        """Tell whether a statement may wait for a lock that others wait behind."""
        if _SCHEMA.match(statement):
            self._watched[connection] = True
            return not _CONCURRENTLY.search(statement)
        # With the lock of a schema change held, no row is waited for either.
        return (
            self._watched[connection]
            and family(connection.dialect) == "postgresql"
            and not _WAITS_FOR_NOTHING.match(statement)
        )


def _is_of_revision(statement: str) -> bool:
    """Tell whether a statement changes the schema as a revision says."""
    return bool(_SCHEMA.match(statement) and not _OWN.search(statement))
