"""``sn.upsert`` and ``sn.insert_missing``: inserts that meet rows already there."""

from __future__ import annotations

import copy
import typing as t

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite

from ...dialects import family
from ...errors import DefinitionError
from ...errors import SourceError
from ...frozen.reflection import Reflection
from . import mysql
from . import sources
from .assignments import checked
from .proposed import Excluded
from .statement import Counted
from .statement import Parameters
from .statement import Statement
from .statement import form
from .statement import names_of
from .statement import table_of

Rows: t.TypeAlias = "t.Sequence[t.Mapping[t.Any, t.Any]]"
FromSelect: t.TypeAlias = "tuple[t.Sequence[t.Any], sa.Select[t.Any]]"


class Insertion(Statement):
    """An insert that minds the rows that have its keys already.

    :param names: the columns it fills.
    :param assigned: what it sets in a row that is there; ``None`` to leave it alone.
    :param where: which of those rows it changes.
    """

    def __init__(
        self,
        table: sa.Table,
        names: tuple[str, ...],
        source: sa.Select[t.Any] | list[dict[str, t.Any]],
        key: tuple[sa.Column[t.Any], ...],
        assigned: dict[str, sa.ClauseElement] | None,
        where: sa.ColumnElement[bool] | None,
    ) -> None:
        self.table = table
        self.names = names
        self.source = source
        self.key = key
        self.assigned = assigned
        self.where = where

    @property
    def what(self) -> str:
        """How errors name it."""
        name = "insert_missing" if self.assigned is None else "upsert"
        return f"snippets.{name} into table {self.table.name}"

    @property
    def select(self) -> sa.Select[t.Any] | None:
        """The query it takes its rows from, if it is not given them."""
        return self.source if isinstance(self.source, sa.Select) else None

    def of(self, query: sa.Select[t.Any]) -> Insertion:
        """Return the same for other rows."""
        other = copy.copy(self)
        other.source = query
        return other

    def plan(self, dialect: sa.Dialect) -> sa.Insert:
        return t.cast(sa.Insert, form(_PLANS, dialect, self.what)(self))

    def prove(self, connection: sa.Connection, parameters: Parameters = None) -> None:
        """Refuse a key that is not unique, and a source that has a key twice.

        :raises DefinitionError: for the first.
        :raises SourceError: for the second.
        """
        form(_PLANS, connection.dialect, self.what)
        facts = Reflection(connection, self.table.name, self.table.schema)
        names = {column.name for column in self.key}
        if facts.columns() is not None and not any(
            set(unique) == names for unique in [facts.primary(), *facts.unique()]
        ):
            raise DefinitionError(
                f"the database has no unique key of just {', '.join(sorted(names))}",
                where=self.what,
                state="Nothing was changed",
                next="Name the columns of a primary key, a unique constraint or a "
                "unique index in key=[...], or make one with "
                "op.create_unique_constraint",
            )
        if self.assigned is None:
            return
        query = sources.repeated(self.source, self.names, self.key, connection.dialect)
        twice = connection.execute(query, parameters).first()
        if twice is not None:
            shown = ", ".join(
                f"{column.name}={value!r}"
                for column, value in zip(self.key, twice, strict=True)
            )
            raise SourceError(
                f"its source has the key {shown} more than once",
                where=self.what,
                state="Nothing was changed",
                next="Choose one row for each key, with GROUP BY or DISTINCT",
            )

    def run(
        self,
        connection: sa.Connection,
        parameters: Parameters = None,
        options: t.Mapping[str, t.Any] | None = None,
    ) -> t.Any:
        if family(connection.dialect) != "mysql":
            return super().run(connection, parameters, options)
        mysql.begin_counting(connection)
        result = super().run(connection, parameters, options)
        left = mysql.left_alone(connection)
        if self.assigned is None:
            return Counted(result, result.rowcount - left)
        return Counted(result, self._given(connection, parameters) - left)

    def _given(self, connection: sa.Connection, parameters: Parameters) -> int:
        """Count the rows of the source."""
        if not isinstance(self.source, sa.Select):
            return len(self.source)
        rows = sources.positioned(self.source).subquery()
        return connection.execute(
            sa.select(sa.func.count()).select_from(rows), parameters
        ).scalar_one()

    def translated(self, connection: sa.Connection) -> t.Any:
        if family(connection.dialect) != "mysql":
            return super().translated(connection)
        return mysql.duplicates_named(connection, self)


def upsert(
    table: t.Any,
    rows: Rows | None = None,
    *,
    from_select: FromSelect | None = None,
    key: t.Sequence[t.Any],
    update: t.Sequence[t.Any] | t.Mapping[t.Any, t.Any] | None = None,
    where: sa.ColumnElement[bool] | None = None,
) -> Insertion:
    """Return a statement that inserts rows, and updates those whose key is there.

    ::

        sn.upsert(
            countries,
            [{"code": "NO", "name": "Norway"}, {"code": "IT", "name": "Italy"}],
            key=["code"],
        )

    - PostgreSQL and SQLite:
      ``INSERT … ON CONFLICT (code) DO UPDATE SET name = excluded.name``
    - MySQL and MariaDB: ``INSERT … ON DUPLICATE KEY UPDATE code = CASE WHEN (code =
      VALUES(code)) THEN code ELSE (an error) END, name = VALUES(name)``

    Each is one statement, so two sessions may upsert the same key at once: the later
    one waits, and updates. A row that meets another unique key than the named one is
    an ``IntegrityError`` everywhere. One limit: a row that meets its key in one row
    and another unique key in another row updates the first on PostgreSQL and SQLite;
    on MySQL and MariaDB it does so only if the server looks at the named key first
    (the primary key, then unique keys without NULL, then the others, as they were
    made), and is the error otherwise.

    The key has to be that of a primary key or a unique constraint, and may come once
    in the source; both are asked before anything changes (``--sql`` cannot ask). A
    NULL in the key is equal to none, so such a row is inserted. The ``rowcount`` is
    that of rows inserted and updated, on every database.

    :param table: the frozen table.
    :param rows: dicts of the same columns, up to 30,000 values in all.
    :param from_select: column names, and the select that fills them. In a
        ``Backfill``, with ``over=``.
    :param key: the columns of the unique key.
    :param update: the columns that take the new row's value; by default all but the
        key. Or a dict with an expression for each, in which the table's columns are
        the values before, and :func:`excluded` is the new row's.
    :param where: which rows are updated, of those that are there; written likewise.
    :raises DefinitionError: for what cannot work.
    :raises SourceError: when run, if a key comes twice in the source.
    """
    table = table_of(table, "snippets.upsert")
    what = f"snippets.upsert into table {table.name}"
    names, source = _source(table, rows, from_select, what)
    columns = _key(table, key, names, what)
    of_key = {column.name for column in columns}
    if update is None:
        update = [name for name in names if name not in of_key]
    if not isinstance(update, t.Mapping):
        taken = names_of(update, table, "update=", what)
        lacking = [name for name in taken if name not in names]
        if lacking:
            raise DefinitionError(
                f"update= names {', '.join(lacking)}, for which the new rows have no "
                "value",
                where=what,
                state="Nothing was changed",
            )
        update = {name: Excluded(table.c[name]) for name in taken}
    assigned = checked(update, table, what)
    if not assigned:
        raise DefinitionError(
            "it has nothing to update in a row that is there",
            where=what,
            next="Use snippets.insert_missing",
        )
    if of_key & assigned.keys():
        raise DefinitionError(
            f"it updates {', '.join(sorted(of_key & assigned.keys()))}, its own key",
            where=what,
            state="Nothing was changed",
            next="Leave the key out of update=",
        )
    return Insertion(table, names, source, columns, assigned, where)


def insert_missing(
    table: t.Any,
    rows: Rows | None = None,
    *,
    from_select: FromSelect | None = None,
    key: t.Sequence[t.Any],
) -> Insertion:
    """Return a statement that inserts the rows whose key is not there yet.

    ::

        sn.insert_missing(
            cities,
            from_select=(["name"], sa.select(users.c.city).distinct()),
            key=["name"],
        )

    A row that is there is left as it is. Unlike ``INSERT IGNORE``, this skips nothing
    else: a row that meets another unique key, a NULL in a NOT NULL column, a wrong
    type or a missing parent is an error everywhere (on MySQL and MariaDB in their
    strict mode, the default). It becomes ``ON CONFLICT (key) DO
    NOTHING``, and on MySQL and MariaDB the statement of :func:`upsert` with nothing to
    set; what is said there of two sessions, of two unique keys met at once and of
    NULL holds here. Of two rows of the source with one key, one is inserted.

    :param table: the frozen table.
    :param rows: dicts of the same columns, up to 30,000 values in all.
    :param from_select: column names, and the select that fills them.
    :param key: the columns of the unique key.
    :raises DefinitionError: for what cannot work.
    """
    table = table_of(table, "snippets.insert_missing")
    what = f"snippets.insert_missing into table {table.name}"
    names, source = _source(table, rows, from_select, what)
    return Insertion(table, names, source, _key(table, key, names, what), None, None)


def _source(
    table: sa.Table, rows: Rows | None, from_select: FromSelect | None, what: str
) -> tuple[tuple[str, ...], sa.Select[t.Any] | list[dict[str, t.Any]]]:
    if (rows is None) == (from_select is None):
        raise DefinitionError(
            "it takes either rows or from_select=",
            where=what,
            state="Nothing was changed",
        )
    if rows is not None:
        found = sources.checked_rows(rows, table, what)
        return tuple(found[0]), found
    assert from_select is not None
    columns, query = from_select
    names = names_of(columns, table, "from_select=", what)
    return names, sources.checked_select(query, names, table, what)


def _key(
    table: sa.Table, key: t.Sequence[t.Any], names: t.Sequence[str], what: str
) -> tuple[sa.Column[t.Any], ...]:
    chosen = names_of(key, table, "key=", what)
    lacking = [name for name in chosen if name not in names]
    if lacking or not chosen:
        raise DefinitionError(
            f"the new rows have no value for {', '.join(lacking)}, of their key"
            if lacking
            else "key= is empty",
            where=what,
            state="Nothing was changed",
        )
    return tuple(table.c[name] for name in chosen)


def _on_conflict(insert: t.Any) -> t.Callable[[Insertion], sa.Insert]:
    def plan(wanted: Insertion) -> sa.Insert:
        statement = insert(wanted.table)
        if isinstance(wanted.source, sa.Select):
            # Without a WHERE, SQLite would read the ON of ON CONFLICT as a join's.
            query = wanted.source.where(sa.true())
            statement = statement.from_select(wanted.names, query)
        else:
            statement = statement.values(wanted.source)
        target = [column.name for column in wanted.key]
        if wanted.assigned is None:
            return t.cast(
                sa.Insert, statement.on_conflict_do_nothing(index_elements=target)
            )
        return t.cast(
            sa.Insert,
            statement.on_conflict_do_update(
                index_elements=target, set_=wanted.assigned, where=wanted.where
            ),
        )

    return plan


_PLANS: dict[str, t.Callable[[Insertion], sa.Insert]] = {
    "postgresql": _on_conflict(postgresql.insert),
    "sqlite": _on_conflict(sqlite.insert),
    "mysql": mysql.on_duplicate_key,
}
