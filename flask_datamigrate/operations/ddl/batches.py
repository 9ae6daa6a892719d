"""The schema changes of revisions on SQLite.

SQLite rolls schema changes back, but its driver begins no transaction for them. So it
is begun here for a revision of a staged change, in front of the first one, and ends
with the version. Any other revision may be written for what Alembic does, and nobody
else could write to the file meanwhile; there each batch is a transaction.

Alembic's own batch mode is kept from deleting rows of other tables: with foreign keys
on, dropping the old table deletes its rows first, and with them each row that refers to
one ON DELETE CASCADE. The setting can only be changed outside of a transaction:
https://www.sqlite.org/foreignkeys.html#fk_schemacommands

A batch would lose the triggers of this package as well, which are made anew, and the
names of foreign keys that the inspector of SQLAlchemy does not see.
"""

from __future__ import annotations

import contextlib
import re
import threading
import typing as t

import sqlalchemy as sa
from alembic.ddl.base import RenameTable
from sqlalchemy import event

from ...backfill.connections import begin_immediate
from ..segment import current
from . import rebuild
from .sqlite_constraints import ForeignKey

_PREFIX = "_alembic_tmp_"

_DROPS = re.compile(r"\s*DROP\s+TABLE\b", re.IGNORECASE)
_READS = re.compile(r"\s*(SELECT|PRAGMA)\b", re.IGNORECASE)
# What SQLite does not do, or does not heed, inside of a transaction.
_APART = re.compile(
    r"\s*(BEGIN|VACUUM|ATTACH|DETACH|PRAGMA\s+(foreign_keys|journal_mode)\s*=)",
    re.IGNORECASE,
)


class Batches:
    """Watches a connection for the schema changes of revisions.

    Foreign keys are off for them until the revision's next change of rows, or its end.
    That change, and a table that is dropped, need them: what was done before is
    committed then.

    :param connection: the one Alembic runs the revisions on.
    :param version_table: the table whose changes belong to Alembic.
    """

    def __init__(self, connection: sa.Connection, version_table: str) -> None:
        self._connection = connection
        self._version_table = version_table
        self._raw = t.cast(t.Any, connection.connection.dbapi_connection)
        self._thread = threading.get_ident()
        self._open = False
        """Whether the transaction at hand, if there is one, was begun here."""
        self._off = False
        self._rebuilding = False
        self._alone = False
        """Whether the table that is about to be dropped is one nothing refers to."""
        self._triggers: list[str] = []
        self._keys: dict[str, list[ForeignKey]] = {}
        event.listen(connection, "before_execute", self._before)
        event.listen(connection, "after_execute", self._after)
        engine = connection.engine
        event.listen(engine, "engine_connect", self._on_connect)
        self.close = lambda: event.remove(engine, "engine_connect", self._on_connect)
        """Stop to watch the engine."""

    def prepare(self, statement: str) -> None:
        """Begin the transaction in front of a schema change, if there is none.

        :param statement: the schema change.
        """
        if not _is_staged():
            return
        drops = bool(_DROPS.match(statement)) and not (
            self._rebuilding or self._alone or _in_directive()
        )
        if drops and self._off:
            # To drop a table with foreign keys off would leave what refers to its rows.
            self._commit()
        if not self._raw.in_transaction:
            self._begin(keys=drops)

    def begin_rebuild(self) -> None:
        """Have a table rebuilt in the revision's transaction, with foreign keys off.

        One that somebody else has begun is left as it is.
        """
        if self._open and self._keys_are_on:
            self._commit()
        if not self._raw.in_transaction and _is_staged():
            self._begin(keys=False)

    def part_with(self, statement: str) -> None:
        """Commit in front of what SQLite does not do in a transaction."""
        if self._open and _APART.match(statement):
            self._commit()

    def end(self) -> None:
        """Have foreign keys as they were; called when the revision is committed."""
        self._rebuilding = False
        if self._raw.in_transaction:
            return
        self._open = False
        if not self._off:
            return
        # Without a pool the connection may be closed, and nothing is left to restore.
        with contextlib.suppress(
            self._connection.dialect.loaded_dbapi.ProgrammingError
        ):
            self._raw.execute("PRAGMA foreign_keys = ON")
        self._off = False

    @property
    def _keys_are_on(self) -> bool:
        return bool(self._connection.exec_driver_sql("PRAGMA foreign_keys").scalar())

    def _begin(self, *, keys: bool) -> None:
        """Begin a transaction.

        :param keys: whether foreign keys stay as they are.
        """
        raw = self._raw
        if getattr(raw, "autocommit", -1) is True or raw.isolation_level is None:
            # Somebody has asked for each statement to be committed by itself.
            return
        connection = self._connection
        if not keys and self._keys_are_on:
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            self._off = True
        begin_immediate(connection)
        self._open = True

    def _commit(self) -> None:
        """Commit what was done, which then stays, and have foreign keys on again."""
        if self._raw.in_transaction:
            self._raw.commit()
            segment = current.get()
            if segment is not None:
                segment.kept = True
                segment.stays = list(segment.changed)
        self.end()

    def _on_connect(self, connection: sa.Connection) -> None:
        """Let another connection of the revision's see, and write, what is there."""
        if self._open and threading.get_ident() == self._thread:
            self._commit()

    def _before(self, connection: sa.Connection, element: t.Any, *rest: t.Any) -> None:
        self._alone = isinstance(element, sa.schema.DropTable) and not (
            self._is_referred_to(element.element)
        )
        if isinstance(element, sa.schema.CreateTable):
            if element.element.name.startswith(_PREFIX):
                self._keep_triggers(element.element)
                self._keep_names(element.element)
                self._rebuild(element.element)
        elif self._off and not self._rebuilding and self._changes_rows(element):
            self._commit()

    def _after(self, connection: sa.Connection, element: t.Any, *rest: t.Any) -> None:
        if isinstance(element, RenameTable) and element.table_name.startswith(_PREFIX):
            self._rebuilding = False
            for sql in self._triggers:
                connection.exec_driver_sql(sql)
            self._triggers = []
            for name, keys in self._keys.items():
                rebuild.name_again(connection, name, element.schema, keys)
            self._keys = {}

    def _keep_triggers(self, new: sa.Table) -> None:
        """Take down the triggers of this package, which go with the old table."""
        found = self._connection.execute(
            sa.text(
                "SELECT tbl_name, sql FROM sqlite_master WHERE type = 'trigger' "
                "AND (name LIKE 'datamigrate!_sync!_%' ESCAPE '!' "
                "OR name LIKE 'datamigrate!_touch!_%' ESCAPE '!')"
            )
        )
        self._triggers = [
            sql for table, sql in found if f"{_PREFIX}{table}"[:50] == new.name
        ]

    def _keep_names(self, new: sa.Table) -> None:
        self._keys = {
            name: rebuild.unseen_keys(self._connection, name, new.schema)
            for name in self._rebuilt(new)
        }

    def _rebuilt(self, new: sa.Table) -> list[str]:
        """Return the table that a batch is about to put another in the place of."""
        names = sa.inspect(self._connection).get_table_names(new.schema)
        return [name for name in names if f"{_PREFIX}{name}"[:50] == new.name]

    def _rebuild(self, new: sa.Table) -> None:
        """Prepare for the table that a batch puts in the place of another one."""
        connection = self._connection
        tables = self._rebuilt(new)
        self.begin_rebuild()
        if self._keys_are_on:
            if not self._raw.in_transaction:
                self._begin(keys=False)
            else:
                for table in tables:
                    where = f"op.batch_alter_table, table {table}"
                    rebuild.refuse_children(connection, table, new.schema, where)
        self._rebuilding = True
        names = sa.inspect(connection).get_table_names(new.schema)
        if new.name in names and tables:
            # A batch was cut off that was no transaction yet.
            rebuild.drop_left_over(connection, tables[0], new.schema)

    def _is_referred_to(self, table: t.Any) -> bool:
        """Tell whether another table has a foreign key to one."""
        inspector = sa.inspect(self._connection)
        return any(
            key["referred_table"].lower() == table.name.lower()
            for name in inspector.get_table_names(table.schema)
            if name.lower() != table.name.lower()
            for key in inspector.get_foreign_keys(name, table.schema)
        )

    def _changes_rows(self, element: t.Any) -> bool:
        if _in_directive():
            return False
        if isinstance(element, sa.Insert | sa.Update | sa.Delete):
            return getattr(element.table, "name", None) != self._version_table
        return isinstance(element, sa.TextClause) and not _READS.match(element.text)


def _is_staged() -> bool:
    segment = current.get()
    return segment is not None and segment.staged


def _in_directive() -> bool:
    segment = current.get()
    return segment is not None and segment.in_directive
