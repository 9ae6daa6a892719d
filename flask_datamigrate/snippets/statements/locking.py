"""The rows a statement changes, on a database that does not return them.

MySQL and MariaDB's UPDATE: the keys of the rows are read under a lock into a temporary
table, and the statement then changes the rows of that table alone. So what is reported
is what was changed, whatever other sessions do meanwhile, and the keys of a million
rows are not held here.
"""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from ... import expressions
from ...errors import DefinitionError

_NAME = "datamigrate_changed"


def is_joined(statement: sa.Update | sa.Delete) -> bool:
    """Tell whether a statement reads other tables beside its own."""
    where = statement.whereclause
    if where is None:
        return False
    found = sa.select(sa.literal(1)).where(where).get_final_froms()
    return any(other is not statement.table for other in found)


@contextlib.contextmanager
def changed(
    connection: sa.Connection,
    statement: sa.Update | sa.Delete,
    columns: t.Sequence[sa.ColumnElement[t.Any]],
    parameters: t.Any,
    limit: int | None,
) -> t.Iterator[tuple[int, sa.Result[t.Any]]]:
    """Run a statement; give how many rows it changed, and columns of them.

    :param limit: the most rows to read.
    :raises DefinitionError: for what cannot be done this way.
    """
    table = t.cast(sa.Table, statement.table)
    _check(connection, statement, table)
    key = tuple(table.primary_key.columns)
    kept = _create(connection, table, key)
    same = sa.and_(
        *(kept.c[f"k{i}"] == column for i, column in enumerate(key)),
    )
    where = expressions.of_rows(statement.whereclause, table)
    keys = sa.select(*key) if where is None else sa.select(*key).where(where)
    names = [column.name for column in kept.columns]
    lock = kept.insert().from_select(names, keys.with_for_update())
    read = sa.select(*columns).select_from(table.join(kept, same)).limit(limit)
    # Under REPEATABLE READ, a plain read could give what was there before another
    # session's commit.
    read = read.with_for_update()
    change: t.Any = statement.where(same)
    try:
        count = connection.execute(lock, parameters).rowcount
        if isinstance(statement, sa.Delete):
            found = connection.execute(read).freeze()()
            connection.execute(change, parameters)
        else:
            connection.execute(change, parameters)
            found = connection.execute(read).freeze()()
        yield count, found
    except BaseException:
        # The connection may be lost, and what went wrong is to be told.
        with contextlib.suppress(exc.SQLAlchemyError):
            _drop(connection)
        raise
    _drop(connection)


def _check(
    connection: sa.Connection, statement: sa.Update | sa.Delete, table: sa.Table
) -> None:
    wrong = ""
    following = "Select the rows in a statement of its own"
    key = {column.name for column in table.primary_key.columns}
    raw: t.Any = connection.connection.dbapi_connection
    if not key:
        wrong = "the frozen table has no primary key to find its rows again by"
        following = "Mark its column primary_key=True"
    elif isinstance(statement, sa.Update) and (
        key & expressions.assignments(statement).keys()
    ):
        wrong = "it changes the key, by which the rows would have to be found again"
    elif raw.get_autocommit():
        wrong = "the connection commits each statement, so no lock would last"
        following = "Run it in a transaction"
    elif _limits(statement):
        wrong = "it has a LIMIT"
    if wrong:
        raise DefinitionError(
            f"{wrong}; this database returns no rows of an "
            f"{type(statement).__name__.upper()}",
            where=f"snippets.returning, table {table.name}",
            state="Nothing was changed",
            next=following,
        )


def _limits(statement: sa.Update | sa.Delete) -> bool:
    options = ("mysql_limit", "mariadb_limit")
    # Since SQLAlchemy 2.1 as an extension of the statement.
    return getattr(statement, "_post_criteria_clause", None) is not None or any(
        statement.kwargs.get(option) is not None for option in options
    )


def _create(
    connection: sa.Connection, table: sa.Table, key: t.Sequence[sa.Column[t.Any]]
) -> sa.Table:
    """Make a temporary table for keys, with the types that the server has for them."""
    columns = [sa.Column(f"k{i}", c.type) for i, c in enumerate(key)]
    kept = sa.Table(_NAME, sa.MetaData(), *columns)
    none = sa.select(*(c.label(f"k{i}") for i, c in enumerate(key))).where(
        sa.literal_column("1") == 0
    )
    sql = str(none.compile(connection, compile_kwargs={"literal_binds": True}))
    names = ", ".join(column.name for column in columns)
    _drop(connection)
    # Only with TEMPORARY do these two leave the transaction open.
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE {_NAME} (PRIMARY KEY ({names})) AS {sql}"
    )
    return kept


def _drop(connection: sa.Connection) -> None:
    connection.exec_driver_sql(f"DROP TEMPORARY TABLE IF EXISTS {_NAME}")
