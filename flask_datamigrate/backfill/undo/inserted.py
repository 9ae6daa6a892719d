"""Inserted rows, kept in a side table as they came in, and taken out again."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ...errors import DefinitionError
from ...frozen.compare import check_key
from ...snippets.statements import Insertion
from ...snippets.statements import mysql
from ...snippets.statements import sources
from ..batch import COUNTING
from ..batch import Result
from ..batch import RowError
from ..batch import Writer
from ..keys import Key
from ..keys import Position
from ..keys import parameters
from . import copies
from . import references
from . import side_tables
from .sameness import identical

_AT_ONCE = 500
"""Keys in one statement: the most that any database takes is 32,766 values."""


class InsertedRows:
    """The rows a backfill inserted.

    The side table has the columns the table has in the database, under their names
    and in their types, but for generated ones: each row as it was when it had come in,
    with what the database added to it.

    :param name: the side table's name.
    :param table: the frozen table that rows are inserted into.
    :param key: its primary key.
    """

    def __init__(self, name: str, table: sa.Table, key: Key) -> None:
        self.table = table
        self.key = key
        self.side, self.side_key = copies.side_of(name, table, key)
        self._names: list[str] | None = None
        self._copy: sa.Insert | None = None

    def check(self, connection: sa.Connection, where: str) -> None:
        """Refuse a table whose new rows could not be known or taken out again.

        :raises DefinitionError: saying why.
        """
        if not connection.dialect.insert_returning:
            raise DefinitionError(
                "undo=True for an insert needs a database that says which rows it "
                "inserted: PostgreSQL, MariaDB, or SQLite from 3.35 on",
                where=where,
                state="Nothing was changed",
                next="Leave undo out, and write the way back by hand in downgrade()",
            )
        columns = t.cast("tuple[sa.Column[t.Any], ...]", self.key.columns)
        check_key(connection, self.table, columns, where=where)
        if any(reference.own for reference in references.find(connection, self.table)):
            raise DefinitionError(
                f"undo=True cannot be kept: table {self.table.name} refers to itself, "
                "and a row would have to go before those that refer to it",
                where=where,
                state="Nothing was changed",
                next="Leave undo out, and write the way back by hand in downgrade()",
            )

    def check_back(self, connection: sa.Connection, where: str) -> None:
        """Find nothing to refuse."""

    def create(self, connection: sa.Connection) -> None:
        """Create the side table, empty."""
        names = copies.stored(connection, self.table)
        rows = copies.rows_of(self.table, names)
        side_tables.create(connection, self.side, self.side_key, rows)

    def restorer(self) -> Writer:
        """Return what takes the rows out."""
        return TakeOut(self)

    def is_anything_left(self, connection: sa.Connection) -> bool:
        """Tell whether a row is there that was inserted."""
        names = [column.name for column in self.table.primary_key]
        if not side_tables.has_columns(connection, self.table, names):
            return False
        query = sa.select(self.side_key.columns[0]).where(
            side_tables.same_row(self.side_key, self.key)
        )
        return connection.execute(query.limit(1)).first() is not None

    def insert(
        self,
        connection: sa.Connection,
        statement: sa.Insert | Insertion,
        values: t.Mapping[str, t.Any],
    ) -> int:
        """Insert rows, keep them, and return how many they are.

        :raises RowError: when somebody inserted some of them at the same moment.
        """
        if self.key.dialect == "postgresql":
            return self._insert_and_keep(connection, statement, values)
        if isinstance(statement, Insertion):
            keys = self._insert_missing(connection, statement, values)
        else:
            keys = self._returned(connection, statement, values)
        self._keep(connection, keys)
        return len(keys)

    def _insert_and_keep(
        self,
        connection: sa.Connection,
        statement: sa.Insert | Insertion,
        values: t.Mapping[str, t.Any],
    ) -> int:
        """Do both in one statement, which PostgreSQL alone can.

        Looked up by their keys, the rows of a table this young would be searched for
        in all of it.
        """
        if isinstance(statement, Insertion):
            statement = statement.plan(connection.dialect)
        if self._names is None:
            self._names = copies.stored(connection, self.side)
        put = statement.returning(*map(_plain, self._names)).cte("dm_put")
        side = self._described_side(self._names)
        kept = side.insert().from_select(self._names, sa.select(*put.c))
        return connection.execute(kept, values, execution_options=COUNTING).rowcount

    def _returned(
        self, connection: sa.Connection, statement: sa.Insert, values: t.Any
    ) -> list[Position]:
        found = connection.execute(statement.returning(*self.key.columns), values)
        return [tuple(row) for row in found]

    def _insert_missing(
        self, connection: sa.Connection, statement: Insertion, values: t.Any
    ) -> list[Position]:
        plan = statement.plan(connection.dialect)
        if self.key.dialect != "mysql":
            return self._returned(connection, plan, values)
        # MariaDB returns the rows that were there too. Those are locked before; what
        # somebody adds in between shows in the count.
        there = self._there(connection, statement, values)
        mysql.begin_counting(connection)
        with statement.translated(connection):
            met = self._returned(connection, plan, values)
        came = len(met) - mysql.left_alone(connection)
        keys = list(dict.fromkeys(key for key in met if key not in there))
        if len(keys) != came:
            raise RowError("somebody inserted the same rows at the same moment", None)
        return keys

    def _there(
        self, connection: sa.Connection, statement: Insertion, values: t.Any
    ) -> set[Position]:
        """Return the keys of the rows that are there already, locked."""
        assert statement.select is not None
        names = list(statement.names)
        chosen = [names.index(column.name) for column in statement.key]
        source = sources.positioned(statement.select).subquery("dm_source")
        # An empty first part gives the columns the collations of the table's own.
        own = sa.select(*(column.label(column.name) for column in statement.key))
        given = sa.select(*(source.c[f"v{i}"] for i in chosen))
        rows = sa.union_all(own.where(sa.literal_column("1") == 0), given)
        there = rows.subquery("dm_given")
        same = (there.c[column.name] == column for column in statement.key)
        query = sa.select(*self.key.columns).join_from(
            there, self.table, sa.and_(*same)
        )
        found = connection.execute(query.with_for_update(), values)
        return {tuple(row) for row in found}

    def _keep(self, connection: sa.Connection, keys: list[Position]) -> None:
        if self._copy is None:
            self._copy = self._copying(copies.stored(connection, self.side))
        single = len(self.key.columns) == 1
        for start in range(0, len(keys), _AT_ONCE):
            chunk = keys[start : start + _AT_ONCE]
            sent = [key[0] for key in chunk] if single else chunk
            connection.execute(self._copy, {"dm_keys": sent})

    def _copying(self, names: t.Sequence[str]) -> sa.Insert:
        of = self.key.columns
        left: t.Any = of[0] if len(of) == 1 else sa.tuple_(*of)
        query = copies.rows_of(self.table, names).where(
            left.in_(sa.bindparam("dm_keys", expanding=True))
        )
        return self._described_side(names).insert().from_select(names, query)

    def _described_side(self, names: t.Sequence[str]) -> sa.TableClause:
        return sa.table(self.side.name, *map(_plain, names), schema=self.side.schema)


class TakeOut:
    """Deletes the inserted rows of a range, where they are still as they came in.

    One that somebody changed, or that other rows refer to by now, is left alone and
    counted as skipped; so is one that somebody deleted.
    """

    def __init__(self, log: InsertedRows) -> None:
        self._log = log
        self._statements: dict[t.Any, tuple[sa.Select[t.Any], sa.Delete]] = {}
        self._counts = side_tables.counts(log.side, log.side_key)

    def write(
        self, connection: sa.Connection, low: Position | None, high: Position
    ) -> Result:
        """Delete the inserted rows of a range."""
        if not self._statements:
            self._statements = {at: self._pair(connection, at) for at in (None, ())}
        at: tuple[()] | None = None if low is None else ()
        values = parameters(low, high)
        kept = connection.execute(self._counts[at], values).scalar_one()
        lock, delete = self._statements[at]
        # In a statement of its own, so that the delete sees who refers to them by now.
        connection.execute(lock, values)
        gone = connection.execute(delete, values, execution_options=COUNTING).rowcount
        return Result(gone, kept - gone)

    def _pair(
        self, connection: sa.Connection, low: Position | None
    ) -> tuple[sa.Select[t.Any], sa.Delete]:
        log, dialect = self._log, self._log.key.dialect
        side = copies.whole(connection, log.side, log.side)
        table = copies.whole(connection, log.table, log.table)
        side_key = Key(tuple(side.c[c.name] for c in log.side_key.columns), dialect)
        names = [str(getattr(c, "name", "")) for c in log.key.columns]
        key = Key(tuple(copies.named(table, name) for name in names), dialect)
        there = {column.name.lower() for column in table.columns}
        as_it_came = [
            identical(copies.named(table, column.name), column, dialect)
            for column in side.columns
            if column.name.lower() in there
        ]
        same = [a == b for a, b in zip(key.columns, side_key.columns, strict=True)]
        taken = sa.exists().where(side_key.between(low), *same, *as_it_came)
        in_range = side_tables.in_range(key, side_key, low)
        delete = sa.delete(table).where(in_range, taken.correlate(table))
        for reference in references.find(connection, log.table):
            delete = delete.where(~reference.exists(table))
        one: t.Any = sa.literal_column("1").label("one")
        locked = sa.select(one).select_from(table).where(in_range).with_for_update()
        rows = locked.subquery("dm_locked")
        return sa.select(sa.func.count()).select_from(rows), delete


def _plain(name: str) -> sa.ColumnClause[t.Any]:
    return sa.column(name)
