"""Alembic's own batch mode on SQLite, kept from deleting rows of other tables.

It would lose the triggers of this package as well, which are made anew, and the names
of foreign keys that the inspector of SQLAlchemy does not see.

With foreign keys on, dropping the old table deletes its rows first, and with them each
row that refers to one ON DELETE CASCADE:
https://www.sqlite.org/foreignkeys.html#fk_schemacommands
"""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa
from alembic.ddl.base import RenameTable
from sqlalchemy import event

from ...backfill.connections import begin_immediate
from ..segment import current
from . import rebuild
from .sqlite_constraints import ForeignKey

_PREFIX = "_alembic_tmp_"


class Batches:
    """Watches a connection for rebuilds of tables, and has foreign keys off for them.

    They stay off until the revision's next change of rows, or its end; the whole
    rebuild is one transaction.

    :param connection: the one Alembic runs the revisions on.
    :param version_table: the table whose changes belong to Alembic.
    """

    def __init__(self, connection: sa.Connection, version_table: str) -> None:
        self._connection = connection
        self._version_table = version_table
        self._raw = t.cast(t.Any, connection.connection.dbapi_connection)
        self._off = False
        self._renamed = False
        self._triggers: list[str] = []
        self._keys: dict[str, list[ForeignKey]] = {}
        event.listen(connection, "before_execute", self._before)
        event.listen(connection, "after_execute", self._after)

    def end(self) -> None:
        """Have foreign keys as they were; called when the revision is committed."""
        if not self._off or self._raw.in_transaction:
            return
        # Without a pool the connection may be closed, and nothing is left to restore.
        with contextlib.suppress(
            self._connection.dialect.loaded_dbapi.ProgrammingError
        ):
            self._raw.execute("PRAGMA foreign_keys = ON")
        self._off = False

    def _before(self, connection: sa.Connection, element: t.Any, *rest: t.Any) -> None:
        if isinstance(element, sa.schema.CreateTable):
            if element.element.name.startswith(_PREFIX):
                self._keep_triggers(element.element)
                self._keep_names(element.element)
                self._begin(element.element)
        elif self._off and self._renamed and self._changes_rows(element):
            self._raw.commit()
            segment = current.get()
            if segment is not None:
                segment.kept = True
            self.end()

    def _after(self, connection: sa.Connection, element: t.Any, *rest: t.Any) -> None:
        if isinstance(element, RenameTable) and element.table_name.startswith(_PREFIX):
            self._renamed = True
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

    def _begin(self, new: sa.Table) -> None:
        self._renamed = False
        connection = self._connection
        names = sa.inspect(connection).get_table_names(new.schema)
        tables = self._rebuilt(new)
        if new.name in names and tables:
            # A batch was cut off that was no transaction yet.
            rebuild.drop_left_over(connection, tables[0], new.schema)
        if not connection.exec_driver_sql("PRAGMA foreign_keys").scalar():
            return
        if self._raw.in_transaction:
            for table in tables:
                where = f"op.batch_alter_table, table {table}"
                rebuild.refuse_children(connection, table, new.schema, where)
            return
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        self._off = True
        begin_immediate(connection)

    def _changes_rows(self, element: t.Any) -> bool:
        if isinstance(element, sa.Insert | sa.Update | sa.Delete):
            return getattr(element.table, "name", None) != self._version_table
        return isinstance(element, sa.TextClause)
