"""A table with two unique keys, for the inserts that meet rows already there."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database

WAYS = {
    "upsert": lambda table, rows: sn.upsert(table, rows, key=["code"]),
    "insert_missing": lambda table, rows: sn.insert_missing(table, rows, key=["code"]),
}
DRIVERS = [("postgresql", "psycopg"), ("postgresql", None), ("mysql", None)]
DRIVERS += [("sqlite", None)]


def places(mail_first: bool = False) -> sa.Table:
    """Return a table with two unique keys.

    :param mail_first: whether the other key than the one named is made first.
    """
    names = ["mail", "code"] if mail_first else ["code", "mail"]
    return frozen.table(
        "places",
        sa.Column("id", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.String(20), unique=True) for name in names),
        sa.Column("n", sa.Integer, nullable=False),
    )


def with_places(database: Database, mail_first: bool = False) -> sa.Table:
    table = places(mail_first)
    create(database, table)
    fill(
        database,
        table,
        [{"code": "a", "mail": "a@x", "n": 1}, {"code": "b", "mail": "b@x", "n": 2}],
    )
    return table


def row(code: t.Any, n: t.Any, mail: str | None = None) -> dict[str, t.Any]:
    return {"code": code, "mail": mail or f"{code}@x", "n": n}


def counted(database: Database, statement: t.Any, driver: str | None = None) -> int:
    with database.engine(driver=driver).begin() as connection:
        return int(connection.execute(statement).rowcount)


def codes(database: Database, table: sa.Table) -> list[tuple[t.Any, ...]]:
    return contents(database, table, "code", "mail", "n")
