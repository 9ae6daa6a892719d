"""SQLite's way to change a table: a new one, the rows copied, the old one dropped.

https://www.sqlite.org/lang_altertable.html#otheralter
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.operations import BatchOperations
from alembic.operations import Operations

from ...backfill.connections import begin_immediate
from ...errors import SchemaError
from ...quoting import full_name
from ...quoting import quoted
from ..segment import current
from . import sqlite_constraints
from . import sqlite_text


def rebuilt(
    table: str,
    schema: str | None,
    change: t.Callable[[BatchOperations], t.Any],
    where: str,
) -> t.Callable[[Operations], None]:
    """Return the step that rebuilds a table, all or nothing, and keeps its triggers.

    :param change: what is changed, in Alembic's batch mode.
    :param where: what it is called in errors.
    """

    def step(operations: Operations) -> None:
        connection = operations.get_bind()
        with _alone(connection, table, schema, where):
            triggers = _triggers(connection, table, schema)
            keys = unseen_keys(connection, table, schema)
            drop_left_over(connection, table, schema)
            with operations.batch_alter_table(
                table, schema=schema, recreate="always"
            ) as batch:
                change(batch)
            name_again(connection, table, schema, keys)
            # Those of this package are kept by every batch.
            kept = _triggers(connection, table, schema)
            for trigger in triggers:
                if trigger not in kept:
                    _run(connection, trigger)

    return step


def unseen_keys(
    connection: sa.Connection, table: str, schema: str | None
) -> list[sqlite_constraints.ForeignKey]:
    """Return the foreign keys whose names a rebuild would lose."""
    found = sa.inspect(connection).get_foreign_keys(table, schema)
    seen = {key["name"] for key in found}
    sql = sqlite_text.read(connection, table, schema)
    keys = sqlite_constraints.foreign_keys(sql)
    return [key for key in keys if key.name not in seen]


def name_again(
    connection: sa.Connection,
    table: str,
    schema: str | None,
    keys: list[sqlite_constraints.ForeignKey],
) -> None:
    """Give the foreign keys of a table that was rebuilt the names they had."""
    rebuilt = sqlite_text.read(connection, table, schema)
    named = sqlite_constraints.with_names(rebuilt, keys)
    if named != rebuilt:
        sqlite_text.write(connection, table, schema, named)


class _alone:
    """A transaction with foreign keys off: the revision's, or else one of its own.

    With foreign keys on, dropping the old table would delete its rows, and with them
    every row of another table that refers to them ON DELETE CASCADE. The setting can
    only be changed outside of a transaction.
    """

    def __init__(
        self, connection: sa.Connection, table: str, schema: str | None, where: str
    ) -> None:
        self._connection = connection
        self._table = table
        self._schema = schema
        self._where = where

    def __enter__(self) -> None:
        connection = self._connection
        raw = t.cast(t.Any, connection.connection.dbapi_connection)
        segment = current.get()
        if segment is not None and segment.begin is not None:
            segment.begin()
        self._keys = bool(connection.exec_driver_sql("PRAGMA foreign_keys").scalar())
        self._inside = bool(raw.in_transaction)
        if not self._inside:
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            begin_immediate(connection)
        elif self._keys:
            refuse_children(connection, self._table, self._schema, self._where)

    def __exit__(self, kind: t.Any, *exception: t.Any) -> None:
        if self._inside:
            return
        try:
            self._connection.exec_driver_sql("COMMIT" if kind is None else "ROLLBACK")
        except sa.exc.DBAPIError:
            self._connection.exec_driver_sql("ROLLBACK")
            raise
        finally:
            if self._keys:
                self._connection.exec_driver_sql("PRAGMA foreign_keys = ON")


def refuse_children(
    connection: sa.Connection, table: str, schema: str | None, where: str
) -> None:
    """Refuse to drop a table that rows of others hang on, with foreign keys on.

    :raises SchemaError: naming the tables.
    """
    children = sorted(_children(connection, table, schema))
    if children:
        raise SchemaError(
            f"rebuilding it would delete or change the rows of {', '.join(children)} "
            "that refer to it, since foreign keys are on and the revision is in a "
            "transaction already",
            where=where,
            state="No row was changed",
            next="Put it into a revision of its own, or in front of the statements "
            "that change rows",
        )


def _children(
    connection: sa.Connection, table: str, schema: str | None
) -> t.Iterator[str]:
    """Return the tables whose rows a drop of the table would change."""
    inspector = sa.inspect(connection)
    for name in inspector.get_table_names(schema):
        for key in inspector.get_foreign_keys(name, schema):
            action = key["options"].get("ondelete", "").upper()
            acts = action in ("CASCADE", "SET NULL", "SET DEFAULT")
            if acts and key["referred_table"].lower() == table.lower():
                yield name


def _triggers(connection: sa.Connection, table: str, schema: str | None) -> list[str]:
    found = connection.execute(
        sa.text(
            f"SELECT sql FROM {_master(connection, schema)} "
            "WHERE type = 'trigger' AND lower(tbl_name) = lower(:table)"
        ),
        {"table": table},
    )
    return [row[0] for row in found]


def drop_left_over(connection: sa.Connection, table: str, schema: str | None) -> None:
    """Drop what a batch left that was cut off before it dropped the old table."""
    name = full_name(connection.dialect, f"_alembic_tmp_{table}"[:50], schema)
    _run(connection, f"DROP TABLE IF EXISTS {name}")


def _master(connection: sa.Connection, schema: str | None) -> str:
    if schema is None:
        return "sqlite_master"
    return f"{quoted(connection.dialect, schema)}.sqlite_master"


def _run(connection: sa.Connection, sql: str) -> None:
    connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
