"""Old values, kept in a side table and put back."""

from __future__ import annotations

import hashlib
import typing as t

import sqlalchemy as sa

from ..frozen.families import family as type_family
from .batch import Result
from .keys import Key
from .keys import Position
from .keys import parameters


def side_table_name(name: str, key: Key, changes: t.Sequence[str]) -> str:
    """Return the name of a backfill's side table, within each database's limit.

    With other columns it is another table, so that an edited definition never
    takes the old values of one column for those of another.
    """
    columns = [str(getattr(column, "name", "")) for column in key.columns]
    of = "\n".join([name, *columns, "", *changes])
    return f"datamigrate_undo_{hashlib.sha256(of.encode()).hexdigest()[:16]}"


class UndoLog:
    """The old and new values of the rows a backfill changed.

    The side table has the key of each row, and for each changed column the value
    before (``old_…``) and after (``new_…``), in the columns' own types. A row is
    entered in the transaction that changes it.

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
        self.side = sa.Table(name, sa.MetaData(schema=table.schema), *columns)
        self.side_key = Key(
            tuple(self.side.c[f"k{i}"] for i in range(len(key.columns))), key.dialect
        )
        self._old = {None: self._insert_old(None), (): self._insert_old(())}
        self._new = {None: self._update_new(None), (): self._update_new(())}
        self._idle = {None: self._delete_idle(None), (): self._delete_idle(())}

    def create(self, connection: sa.Connection) -> None:
        """Create the side table, empty, with the types the database itself has."""
        if sa.inspect(connection).has_table(self.side.name, schema=self.side.schema):
            return
        labelled = [c.label(f"k{i}") for i, c in enumerate(self.key.columns)]
        for prefix in ("old", "new"):
            labelled += [
                self.table.c[column].label(f"{prefix}{i}")
                for i, column in enumerate(self.changes)
            ]
        query = sa.select(*labelled).where(sa.literal_column("1") == 0)
        prepare = connection.dialect.identifier_preparer
        name = prepare.format_table(self.side)
        keys = ", ".join(f"k{i}" for i in range(len(self.key.columns)))
        sql = str(query.compile(connection, compile_kwargs={"literal_binds": True}))
        inner = f" (PRIMARY KEY ({keys}))" if self.key.dialect == "mysql" else ""
        connection.exec_driver_sql(f"CREATE TABLE {name}{inner} AS {sql}")
        if not inner:
            index = sa.Index(
                f"{self.side.name}_key", *self.side_key.columns, unique=True
            )
            index.create(connection)
            self.side.indexes.discard(index)

    def is_kept(self, low: Position | None) -> sa.ColumnElement[bool]:
        """Return the condition that a row of a range has its old values kept."""
        kept = self._same_row()
        if self.key.dialect == "postgresql":
            # The planner knows nothing of a table this young, and would read all of
            # it for each batch.
            kept = sa.and_(kept, self.side_key.between(low))
        return sa.exists().where(kept).correlate(self.table)

    def keep_old(
        self,
        connection: sa.Connection,
        low: Position | None,
        values: t.Mapping[str, t.Any],
    ) -> None:
        """Enter the rows of a range that the backfill is about to change."""
        connection.execute(self._old[None if low is None else ()], values)

    def keep_new(
        self,
        connection: sa.Connection,
        low: Position | None,
        values: t.Mapping[str, t.Any],
    ) -> None:
        """Enter what the rows of a range are now; drop those that did not change."""
        at: tuple[()] | None = None if low is None else ()
        connection.execute(self._new[at], values)
        connection.execute(self._idle[at], values)

    def count(self, connection: sa.Connection) -> int:
        """Return how many rows are kept."""
        return connection.execute(
            sa.select(sa.func.count()).select_from(self.side)
        ).scalar_one()

    def _same_row(self) -> sa.ColumnElement[bool]:
        return sa.and_(
            *(
                self.side.c[f"k{i}"] == column
                for i, column in enumerate(self.key.columns)
            )
        )

    def _insert_old(self, low: Position | None) -> sa.Insert:
        # The new values begin as the old ones: the server made both columns NOT NULL
        # where the table's own is.
        now = [self.table.c[column] for column in self.changes]
        query = sa.select(*self.key.columns, *now, *now).where(
            self.key.between(low), ~self.is_kept(low)
        )
        if self._where is not None:
            query = query.where(self._where)
        names = [f"k{i}" for i in range(len(self.key.columns))]
        names += [f"old{i}" for i in range(len(self.changes))]
        names += [f"new{i}" for i in range(len(self.changes))]
        return self.side.insert().from_select(
            names, query.with_for_update(key_share=True, of=self.table)
        )

    def _update_new(self, low: Position | None) -> sa.Update:
        return (
            sa.update(self.side)
            .where(self._same_row(), self._entered(low))
            .values(
                {
                    self.side.c[f"new{i}"]: self.table.c[column]
                    for i, column in enumerate(self.changes)
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
        if self.key.dialect != "sqlite":
            return self.side_key.between(low)
        # There the side table lacks the collations of the keys, and with them their
        # order.
        of = self.side_key.columns
        keys = sa.select(*self.key.columns).where(self.key.between(low))
        return (of[0] if len(of) == 1 else sa.tuple_(*of)).in_(keys)


def drop(connection: sa.Connection, name: str, schema: str | None) -> None:
    """Drop a side table if it is there."""
    sa.Table(name, sa.MetaData(schema=schema)).drop(connection, checkfirst=True)


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
            .where(log._same_row(), log.side_key.between(low), *untouched)
            .values({column: log.side.c[f"old{i}"] for i, column in enumerate(columns)})
            for low in (None, ())
        }
        self._counts = {
            low: sa.select(sa.func.count())
            .select_from(log.side)
            .where(log.side_key.between(low))
            for low in (None, ())
        }

    def write(
        self, connection: sa.Connection, low: Position | None, high: Position
    ) -> Result:
        """Restore a range; rows changed by somebody since are counted as skipped."""
        at: tuple[()] | None = None if low is None else ()
        values = parameters(low, high)
        kept = connection.execute(self._counts[at], values).scalar_one()
        changed = connection.execute(self._statements[at], values).rowcount
        return Result(changed, kept - changed)


def identical(
    left: sa.ColumnElement[t.Any], right: sa.ColumnElement[t.Any], dialect: str
) -> sa.ColumnElement[bool]:
    """Return the condition that two values are the same, byte by byte, NULL included.

    A collation may call ``a`` and ``A`` equal, and PostgreSQL's ``json`` has no
    equality at all.
    """
    family = type_family(left.type)
    if dialect == "postgresql":
        if family == "text":
            left, right = _bytewise(left), _bytewise(right)
        elif family not in ("number", "boolean", "temporal", "uuid"):
            left, right = sa.cast(left, sa.Text), sa.cast(right, sa.Text)
    elif family not in ("number", "boolean"):
        left, right = sa.cast(left, sa.LargeBinary), sa.cast(right, sa.LargeBinary)
    return left.is_not_distinct_from(right)


def _bytewise(text: sa.ColumnElement[t.Any]) -> sa.ColumnElement[t.Any]:
    return sa.collate(sa.cast(text, sa.Text), "C")
