"""The old values of changed rows, kept in a side table and put back."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite

from ..batch import Result
from ..batch import Writer
from ..keys import Key
from ..keys import Position
from ..keys import parameters
from . import side_tables
from .sameness import identical


class UndoLog:
    """The old and new values of the rows a backfill changed.

    The side table has the key of each row, and for each changed column the value
    before (``old…``) and after (``new…``), in the columns' own types. A row is
    entered in the transaction that changes it, and is ``taken`` until its new values
    are noted there: a batch changes and notes the rows it took, and no others. So a
    later walk over the same keys leaves alone what somebody made of a row since.

    :param name: the side table's name.
    :param table: the frozen table.
    :param key: the key its batches follow.
    :param changes: the columns that change.
    :param where: which rows the backfill takes.
    """

    def __init__(
        self,
        name: str,
        table: sa.Table,
        key: Key,
        changes: t.Sequence[str],
        where: sa.ColumnElement[bool] | None,
    ) -> None:
        self.table = table
        self.key = key
        self.changes = tuple(changes)
        self._where = where
        columns = [
            sa.Column(f"k{i}", c.type, primary_key=True)
            for i, c in enumerate(key.columns)
        ]
        for prefix in ("old", "new"):
            columns += [
                sa.Column(f"{prefix}{i}", table.c[column].type)
                for i, column in enumerate(self.changes)
            ]
        columns.append(sa.Column("taken", sa.Integer))
        self.side = sa.Table(name, sa.MetaData(schema=table.schema), *columns)
        self.side_key = Key(
            tuple(self.side.c[f"k{i}"] for i in range(len(key.columns))), key.dialect
        )
        self._met = {low: self._any_kept(low) for low in (None, ())}
        self._old = {None: self._insert_old(None), (): self._insert_old(())}
        self._again = {low: self._take_again(low) for low in (None, ())}
        self._new = {None: self._update_new(None), (): self._update_new(())}
        self._idle = {None: self._delete_idle(None), (): self._delete_idle(())}

    def create(self, connection: sa.Connection) -> None:
        """Create the side table, empty, with the types the database itself has.

        Where a table is not made all at once, one that was begun is finished.
        """
        labelled = [c.label(f"k{i}") for i, c in enumerate(self.key.columns)]
        for prefix in ("old", "new"):
            labelled += [
                self.table.c[column].label(f"{prefix}{i}")
                for i, column in enumerate(self.changes)
            ]
        labelled.append(sa.literal_column("1").label("taken"))
        side_tables.create(connection, self.side, self.side_key, sa.select(*labelled))

    def check(self, connection: sa.Connection, where: str) -> None:
        """Find nothing to refuse: the values of any column can be put back."""

    def check_back(self, connection: sa.Connection, where: str) -> None:
        """Find nothing to refuse."""

    def restorer(self) -> Writer:
        """Return what puts the old values back."""
        return RestoreWriter(self)

    def is_anything_left(self, connection: sa.Connection) -> bool:
        """Tell whether a row is there whose values are not the old ones."""
        if not side_tables.has_columns(connection, self.table, self.changes):
            return False
        as_before = (
            identical(self.table.c[column], self.side.c[f"old{i}"], self.key.dialect)
            for i, column in enumerate(self.changes)
        )
        met = side_tables.same_row(self.side_key, self.key)
        query = sa.select(self.side_key.columns[0]).where(
            met, sa.not_(sa.and_(*as_before))
        )
        return connection.execute(query.limit(1)).first() is not None

    def is_taken(self, low: Position | None) -> sa.ColumnElement[bool]:
        """Return the condition that a row of a range was taken by this batch.

        A row that began to match, or came in, after the old values were read was not.
        """
        taken = self.side.c.taken == 1
        return side_tables.is_taken(self.side_key, self.key, self.table, low, taken)

    def keep_old(
        self,
        connection: sa.Connection,
        low: Position | None,
        values: t.Mapping[str, t.Any],
    ) -> None:
        """Take the rows of a range that the backfill is about to change."""
        at: tuple[()] | None = None if low is None else ()
        # A first walk meets none, and an insert that need not look is quicker.
        met = connection.execute(self._met[at], values).first() is not None
        connection.execute((self._again if met else self._old)[at], values)

    def keep_new(
        self,
        connection: sa.Connection,
        low: Position | None,
        values: t.Mapping[str, t.Any],
    ) -> None:
        """Enter what the rows taken are now; drop those that did not change."""
        at: tuple[()] | None = None if low is None else ()
        connection.execute(self._new[at], values)
        connection.execute(self._idle[at], values)

    def _any_kept(self, low: Position | None) -> sa.Select[t.Any]:
        return sa.select(self.side_key.columns[0]).where(self._entered(low)).limit(1)

    def _insert_old(self, low: Position | None) -> sa.Insert:
        names = [column.name for column in self.side.columns]
        return self.side.insert().from_select(names, self._matching(low))

    def _take_again(self, low: Position | None) -> sa.Insert:
        return _upserting(
            self.key.dialect,
            self.side,
            self._matching(low),
            [column.name for column in self.side.primary_key],
            self._taken_again,
        )

    def _matching(self, low: Position | None) -> sa.Select[t.Any]:
        """Return the rows of a range as the side table takes them, locked.

        The new values begin as the old ones: the server made both columns NOT NULL
        where the table's own is.
        """
        now = [self.table.c[column] for column in self.changes]
        query = sa.select(*self.key.columns, *now, *now, sa.literal_column("1"))
        query = query.where(self.key.between(low))
        if self._where is not None:
            query = query.where(self._where)
        return query.with_for_update(key_share=True, of=self.table)

    def _taken_again(self, entered: t.Any) -> dict[str, t.Any]:
        """Return what becomes of a kept row that is taken once more.

        What a row was before counts from the last time that somebody else had it:
        if it is not as we left it, then from now.

        :param entered: the columns of the row as it would be entered anew.
        """
        size = len(self.changes)
        as_left = sa.and_(
            *(
                identical(self.side.c[f"new{i}"], entered[f"old{i}"], self.key.dialect)
                for i in range(size)
            )
        )
        old: dict[str, t.Any] = {
            f"old{i}": sa.case(
                (as_left, self.side.c[f"old{i}"]), else_=entered[f"old{i}"]
            )
            for i in range(size)
        }
        return {**old, "taken": 1}

    def _update_new(self, low: Position | None) -> sa.Update:
        return (
            sa.update(self.side)
            .where(
                side_tables.same_row(self.side_key, self.key),
                self._entered(low),
                self.side.c.taken == 1,
            )
            .values(
                {
                    **{
                        self.side.c[f"new{i}"]: self.table.c[column]
                        for i, column in enumerate(self.changes)
                    },
                    self.side.c.taken: 0,
                }
            )
        )

    def _delete_idle(self, low: Position | None) -> sa.Delete:
        same = (
            identical(self.side.c[f"old{i}"], self.side.c[f"new{i}"], self.key.dialect)
            for i in range(len(self.changes))
        )
        return sa.delete(self.side).where(self._entered(low), *same)

    def _entered(self, low: Position | None) -> sa.ColumnElement[bool]:
        """Return the condition that a row of the side table is of a range of keys."""
        return side_tables.in_range(self.side_key, self.key, low)


_Again = t.Callable[[t.Any], "dict[str, t.Any]"]


def _upserting(
    dialect: str,
    side: sa.Table,
    query: sa.Select[t.Any],
    key: t.Sequence[str],
    again: _Again,
) -> sa.Insert:
    """Insert a query's rows, and change those whose key is there already."""
    names = [column.name for column in side.columns]
    if dialect == "mysql":
        insert = mysql.insert(side).from_select(names, query)
        # In MySQL an assignment reads what those before it assigned; these read
        # none of that.
        return insert.on_duplicate_key_update(again(insert.inserted))
    if dialect == "sqlite":
        lite = sqlite.insert(side).from_select(names, query)
        return lite.on_conflict_do_update(key, set_=again(lite.excluded))
    full = postgresql.insert(side).from_select(names, query)
    return full.on_conflict_do_update(index_elements=key, set_=again(full.excluded))


class RestoreWriter:
    """Puts the old values of a range back, where the row is still as we left it."""

    def __init__(self, log: UndoLog) -> None:
        columns = [log.table.c[column] for column in log.changes]
        untouched = [
            identical(column, log.side.c[f"new{i}"], log.key.dialect)
            for i, column in enumerate(columns)
        ]
        self._statements = {
            low: sa.update(log.table)
            .where(
                side_tables.same_row(log.side_key, log.key),
                log.side_key.between(low),
                *untouched,
            )
            .values({column: log.side.c[f"old{i}"] for i, column in enumerate(columns)})
            for low in (None, ())
        }
        self._counts = side_tables.counts(log.side, log.side_key)

    def write(
        self, connection: sa.Connection, low: Position | None, high: Position
    ) -> Result:
        """Restore a range; rows changed by somebody since are counted as skipped."""
        at: tuple[()] | None = None if low is None else ()
        values = parameters(low, high)
        kept = connection.execute(self._counts[at], values).scalar_one()
        changed = connection.execute(self._statements[at], values).rowcount
        return Result(changed, kept - changed)
