"""Deleted rows, kept whole in a side table and put back."""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from ...errors import DefinitionError
from ...frozen.reflection import Reflection
from ..batch import COUNTING
from ..batch import Result
from ..batch import Writer
from ..keys import Key
from ..keys import Position
from ..keys import parameters
from . import copies
from . import references
from . import side_tables

_NO_ROW = "Nothing was changed"


class DeletedRows:
    """The rows a backfill deleted.

    The side table has the columns the table has in the database, under their names
    and in their types, but for generated ones. A batch copies the rows it is about to
    delete, and deletes those it copied.

    :param name: the side table's name.
    :param table: the frozen table.
    :param key: the key its batches follow.
    :param where: which rows the backfill takes.
    """

    def __init__(
        self,
        name: str,
        table: sa.Table,
        key: Key,
        where: sa.ColumnElement[bool] | None,
    ) -> None:
        self.table = table
        self.key = key
        self._where = where
        self.side, self.side_key = copies.side_of(name, table, key)
        self._copy: dict[t.Any, sa.Insert] = {}

    def check(self, connection: sa.Connection, where: str) -> None:
        """Refuse a table whose rows cannot be brought back as they were.

        :raises DefinitionError: naming the foreign keys that stand in the way.
        """
        found = references.find(connection, self.table)
        losing = [r for r in found if r.action in references.LOSING and not r.own]
        for reference in losing[:1]:
            columns = ", ".join(name for name, _ in reference.columns)
            raise DefinitionError(
                f"undo=True cannot be kept: a delete changes rows of {reference.table} "
                f"too (its {columns} refers to them ON DELETE {reference.action}), and "
                "those would not come back",
                where=where,
                state=_NO_ROW,
                next=f"Give the rows of {reference.table} a backfill with undo=True of "
                "their own, in front of this one, and make the foreign key NO ACTION; "
                "or leave undo out",
            )
        if any(reference.own for reference in found):
            raise DefinitionError(
                "undo=True cannot be kept: the table refers to itself, and rows put "
                "back in batches would be there before those they refer to",
                where=where,
                state=_NO_ROW,
                next="Leave undo out, and write the way back by hand in downgrade()",
            )

    def check_back(self, connection: sa.Connection, where: str) -> None:
        """Refuse to put the rows back where a column of theirs is gone.

        :raises UndoError: naming the columns.
        """
        copies.check_columns(connection, self.side, self.table, where)

    def create(self, connection: sa.Connection) -> None:
        """Create the side table, empty."""
        names = copies.stored(connection, self.table)
        rows = copies.rows_of(self.table, names)
        side_tables.create(connection, self.side, self.side_key, rows)

    def restorer(self) -> Writer:
        """Return what puts the rows back."""
        return Reinsert(self)

    def is_anything_left(self, connection: sa.Connection) -> bool:
        """Say yes: where a row did not come back, there is another one."""
        return True

    def is_taken(self, low: Position | None) -> sa.ColumnElement[bool]:
        """Return the condition that a row of a range was copied by this batch.

        A row that began to match, or came in, after the copy was not.
        """
        return side_tables.is_taken(self.side_key, self.key, self.table, low)

    def keep_old(
        self,
        connection: sa.Connection,
        low: Position | None,
        values: t.Mapping[str, t.Any],
    ) -> None:
        """Copy the rows of a range that the backfill is about to delete."""
        if not self._copy:
            names = copies.stored(connection, self.side)
            self._copy = {at: self._copying(names, at) for at in (None, ())}
        connection.execute(self._copy[None if low is None else ()], values)

    def keep_new(
        self,
        connection: sa.Connection,
        low: Position | None,
        values: t.Mapping[str, t.Any],
    ) -> None:
        """Do nothing: of a row that is gone there is no more to keep."""

    def _copying(self, names: t.Sequence[str], low: Position | None) -> sa.Insert:
        query = copies.rows_of(self.table, names).where(self.key.between(low))
        if self._where is not None:
            query = query.where(self._where)
        side = sa.table(self.side.name, *map(sa.column, names), schema=self.side.schema)
        return side.insert().from_select(names, query.with_for_update(of=self.table))


class Reinsert:
    """Puts the deleted rows of a range back, where their place is still free.

    A row whose key, or another value that has to be unique, somebody else has by now
    is left in the side table and counted as skipped.
    """

    def __init__(self, log: DeletedRows) -> None:
        self._log = log
        self._statements: dict[t.Any, _Reinsertion] = {}
        self._counts = side_tables.counts(log.side, log.side_key)

    def write(
        self, connection: sa.Connection, low: Position | None, high: Position
    ) -> Result:
        """Restore a range."""
        if not self._statements:
            self._statements = {
                at: self._statement(connection, at) for at in (None, ())
            }
        at: tuple[()] | None = None if low is None else ()
        values = parameters(low, high)
        kept = connection.execute(self._counts[at], values).scalar_one()
        with _as_given(connection, self._log.key.dialect):
            restored = connection.execute(
                self._statements[at], values, execution_options=COUNTING
            ).rowcount
        return Result(restored, kept - restored)

    def _statement(
        self, connection: sa.Connection, low: Position | None
    ) -> _Reinsertion:
        log = self._log
        side = copies.whole(connection, log.side, log.side)
        table = copies.whole(connection, log.table, log.table)
        names = [column.name for column in side.columns]
        key = tuple(side.c[c.name] for c in log.side_key.columns)
        query = sa.select(*side.columns).where(Key(key, log.key.dialect).between(low))
        for unique in self._unique(connection, {name.lower() for name in names}):
            there = table.alias("dm_there")
            # The table's own column first: SQLite compares by its collation.
            same = (
                there.c[copies.named(table, name).name] == copies.named(side, name)
                for name in unique
            )
            query = query.where(~sa.exists().where(*same).correlate(side))
        return _Reinsertion(table, names, query)

    def _unique(
        self, connection: sa.Connection, kept: t.Container[str]
    ) -> t.Iterator[list[str]]:
        """Return the sets of columns of which no two rows may have the same values."""
        log = self._log
        own = [str(getattr(c, "name", "")) for c in log.key.columns]
        yield own
        facts = Reflection(connection, log.table.name, log.table.schema)
        for unique in [facts.primary(), *facts.unique()]:
            if unique and unique != own and all(n.lower() in kept for n in unique):
                yield unique


class _Reinsertion(sa.Executable, sa.ClauseElement):
    """``INSERT ... SELECT`` of rows with the keys they had."""

    inherit_cache = False
    __visit_name__ = "datamigrate_reinsertion"

    def __init__(
        self, table: sa.Table, names: t.Sequence[str], query: sa.Select[t.Any]
    ) -> None:
        self.table = table
        self.names = names
        self.query = query


_OVERRIDING = {
    # An identity column that is GENERATED ALWAYS takes no value of its own otherwise.
    "postgresql": " OVERRIDING SYSTEM VALUE",
    "mysql": "",
    "mariadb": "",
    "sqlite": "",
}


@compiles(_Reinsertion)
def _reinsertion(element: _Reinsertion, compiler: SQLCompiler, **kw: t.Any) -> str:
    prepare = compiler.preparer
    names = ", ".join(map(prepare.quote, element.names))
    how = _OVERRIDING[compiler.dialect.name]
    query = compiler.process(element.query, **kw)
    return f"INSERT INTO {prepare.format_table(element.table)} ({names}){how} {query}"


@contextlib.contextmanager
def _as_given(connection: sa.Connection, dialect: str) -> t.Iterator[None]:
    """Keep MySQL from giving a row a new key in the place of 0."""
    if dialect != "mysql":
        yield
        return
    mode = connection.exec_driver_sql("SELECT @@SESSION.sql_mode").scalar_one()
    setting = sa.text("SET SESSION sql_mode = :mode")
    connection.execute(setting, {"mode": f"{mode},NO_AUTO_VALUE_ON_ZERO".lstrip(",")})
    try:
        yield
    finally:
        # A connection that is gone takes the setting with it.
        with contextlib.suppress(exc.DBAPIError):
            connection.execute(setting, {"mode": mode})
