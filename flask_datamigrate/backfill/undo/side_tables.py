"""The tables that kept rows are in: named, created, filled, counted and dropped."""

from __future__ import annotations

import hashlib
import typing as t

import sqlalchemy as sa

from ...quoting import single_percents
from ..keys import Key
from ..keys import Position


def name(backfill: str, key: Key, kept: t.Sequence[str]) -> str:
    """Return the name of a backfill's side table, within each database's limit.

    With other columns it is another table, so that an edited definition never
    takes the old values of one column for those of another.

    :param kept: the columns whose values are kept, or what else is.
    """
    columns = [str(getattr(column, "name", "")) for column in key.columns]
    of = "\n".join([backfill, *columns, "", *kept])
    return f"datamigrate_undo_{hashlib.sha256(of.encode()).hexdigest()[:16]}"


def create(
    connection: sa.Connection, side: sa.Table, key: Key, rows: sa.Select[t.Any]
) -> None:
    """Create a side table, empty, with the types the database itself has.

    Where a table is not made all at once, one that was begun is finished.

    :param key: of the side table.
    :param rows: a query of the rows it is to hold.
    """
    inspector = sa.inspect(connection)
    if not inspector.has_table(side.name, schema=side.schema):
        _create_like(connection, side, key, rows)
    if key.dialect == "mysql":
        _forget_defaults(connection, side)
    else:
        index = sa.Index(f"{side.name}_key", *key.columns, unique=True)
        connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))
        side.indexes.discard(index)


def _create_like(
    connection: sa.Connection, side: sa.Table, key: Key, rows: sa.Select[t.Any]
) -> None:
    none = rows.where(sa.literal_column("1") == 0)
    prepare = connection.dialect.identifier_preparer
    keys = ", ".join(prepare.quote(str(getattr(c, "name", ""))) for c in key.columns)
    sql = str(none.compile(connection, compile_kwargs={"literal_binds": True}))
    inner = ""
    if key.dialect == "mysql":
        # Whatever the server's default engine is: this one has transactions.
        inner = f" (PRIMARY KEY ({keys})) ENGINE=InnoDB"
    _run(connection, f"CREATE TABLE {prepare.format_table(side)}{inner} AS {sql}")


def same_row(side_key: Key, key: Key) -> sa.ColumnElement[bool]:
    """Return the condition that a kept row is that of a row of the table."""
    pairs = zip(side_key.columns, key.columns, strict=True)
    return sa.and_(*(kept == column for kept, column in pairs))


def in_range(of: Key, by: Key, low: Position | None) -> sa.ColumnElement[bool]:
    """Return the condition that a row is of a range of keys.

    :param of: the key of the row: that of the table or of its side table.
    :param by: the same of the other, whose order tells what a range is.
    """
    if of.dialect != "sqlite":
        return of.between(low)
    # There the side table lacks the collations of the keys, and with them their order.
    keys = sa.select(*by.columns).where(by.between(low))
    columns = of.columns
    return (columns[0] if len(columns) == 1 else sa.tuple_(*columns)).in_(keys)


def is_taken(
    side_key: Key,
    key: Key,
    table: sa.Table,
    low: Position | None,
    *conditions: sa.ColumnElement[bool],
) -> sa.ColumnElement[bool]:
    """Return the condition that a row of a range is in the side table.

    :param conditions: what must hold of the kept row as well.
    """
    taken = sa.and_(same_row(side_key, key), *conditions)
    if key.dialect != "sqlite":
        # The planner knows nothing of a table this young, and would read all of it
        # for each batch.
        taken = sa.and_(taken, side_key.between(low))
    return sa.exists().where(taken).correlate(table)


def counts(side: sa.Table, key: Key) -> dict[tuple[()] | None, sa.Select[t.Any]]:
    """Return what counts the kept rows of a first range (None) and of any other.

    :param key: of the side table.
    """
    counted = sa.select(sa.func.count()).select_from(side)
    return {low: counted.where(key.between(low)) for low in (None, ())}


def count(connection: sa.Connection, side: sa.Table) -> int:
    """Return how many rows are kept."""
    return connection.execute(sa.select(sa.func.count()).select_from(side)).scalar_one()


def exists(connection: sa.Connection, side: sa.Table) -> bool:
    """Tell whether a side table is there."""
    return sa.inspect(connection).has_table(side.name, schema=side.schema)


def has_columns(
    connection: sa.Connection, table: sa.Table, names: t.Iterable[str]
) -> bool:
    """Tell whether a table is there, with columns whose values were kept."""
    inspector = sa.inspect(connection)
    if not inspector.has_table(table.name, schema=table.schema):
        return False
    found = inspector.get_columns(table.name, schema=table.schema)
    return {column["name"] for column in found}.issuperset(names)


def drop(connection: sa.Connection, name: str, schema: str | None) -> None:
    """Drop a side table if it is there."""
    sa.Table(name, sa.MetaData(schema=schema)).drop(connection, checkfirst=True)


# https://mariadb.com/kb/en/information-schema-columns-table/
_TIMED = sa.text(
    "SELECT COLUMN_NAME, COLUMN_TYPE FROM information_schema.COLUMNS "
    "WHERE TABLE_SCHEMA = COALESCE(:schema, DATABASE()) AND TABLE_NAME = :name "
    "AND LOWER(EXTRA) LIKE '%on update%'"
)


def _forget_defaults(connection: sa.Connection, side: sa.Table) -> None:
    """Take ``ON UPDATE CURRENT_TIMESTAMP`` off the columns of a table.

    ``CREATE TABLE ... AS`` copies it, and under ``explicit_defaults_for_timestamp=OFF``
    gives it to a first ``TIMESTAMP`` of itself: each update of another column would
    then make the time kept into that of the update.
    """
    values = {"schema": side.schema, "name": side.name}
    found = connection.execute(_TIMED, values).all()
    # Said out loud, NULL and a constant keep the server from giving it back.
    kinds = {True: "NOT NULL DEFAULT '2000-01-01 00:00:00'", False: "NULL DEFAULT NULL"}
    prepare = connection.dialect.identifier_preparer
    keys = {column.name.lower() for column in side.primary_key}
    changes = ", ".join(
        f"MODIFY {prepare.quote(name)} {kind} {kinds[name.lower() in keys]}"
        for name, kind in found
    )
    if changes:
        _run(connection, f"ALTER TABLE {prepare.format_table(side)} {changes}")


def _run(connection: sa.Connection, sql: str) -> None:
    """Run SQL as it was compiled, with the percent signs of names and values."""
    sql = single_percents(connection.dialect, sql)
    connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
