"""What must hold of the database before a backfill changes its first row."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from .. import expressions
from ..dialects import family
from ..errors import DefinitionError
from ..frozen.compare import check as check_table
from ..frozen.compare import check_key
from ..quoting import full_name
from . import keys
from .definition import Backfill
from .jobs import Insert
from .jobs import Rows
from .jobs import Update

_NO_TRANSACTIONS = {
    # The engine of a table, if that is one without transactions.
    "mysql": """
        SELECT t.ENGINE FROM information_schema.TABLES t
        JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE
        WHERE t.TABLE_NAME = :name AND t.TABLE_SCHEMA = COALESCE(:schema, DATABASE())
          AND e.TRANSACTIONS <> 'YES'
    """,
}


def check(connection: sa.Connection, backfill: Backfill, *, where: str) -> None:
    """Check the tables of a backfill, the one it writes to and those it reads.

    :param where: how errors name what defines it.
    :raises FrozenMismatchError: when a frozen table differs from the database.
    :raises DefinitionError: when the table it writes to has no transactions.
    """
    for table in _tables(backfill):
        check_table(connection, table, where=where)
    _check_transactions(connection, _target(backfill), where)


def check_paging(connection: sa.Connection, backfill: Backfill, *, where: str) -> None:
    """Check that the key tells rows apart, and can be written down.

    :param where: how errors name what defines it.
    :raises DefinitionError: when it does not or cannot.
    """
    check_key(connection, backfill.table, backfill.key, where=where)
    with keys.read_as_declared(backfill.key):
        row = connection.execute(sa.select(*backfill.key).limit(1)).first()
    if row is not None:
        keys.encode(tuple(row), backfill.key)


def _tables(backfill: Backfill) -> list[sa.Table]:
    job = backfill.job
    parts: list[t.Any] = [job.table]
    if isinstance(job, Rows):
        parts.append(job.where)
    elif isinstance(job, Insert):
        parts += [job.statement.table, job.statement.select]
    else:
        parts.append(job.statement)
        if isinstance(job, Update) and job.joined is not None:
            parts.append(job.joined.source)
    return expressions.tables(part for part in parts if part is not None)


def _target(backfill: Backfill) -> sa.Table:
    job = backfill.job
    return t.cast(
        sa.Table, job.statement.table if isinstance(job, Insert) else job.table
    )


def engine_without_transactions(
    connection: sa.Connection, table: sa.Table
) -> str | None:
    """Return the storage engine of a table, if that is one without transactions."""
    query = _NO_TRANSACTIONS.get(family(connection.dialect))
    if query is None:
        return None
    values = {"name": table.name, "schema": table.schema}
    engine: str | None = connection.execute(sa.text(query), values).scalar()
    return engine


def _check_transactions(connection: sa.Connection, table: sa.Table, where: str) -> None:
    engine = engine_without_transactions(connection, table)
    if engine is not None:
        name = full_name(connection.dialect, table.name, table.schema)
        raise DefinitionError(
            f'table "{table.fullname}" is stored in {engine}, which has no '
            "transactions, so a crash could leave rows changed that nobody knows of",
            where=where,
            state="Nothing was changed",
            next=f"First run: ALTER TABLE {name} ENGINE=InnoDB",
        )
