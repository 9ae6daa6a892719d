"""Batches of many rows and of large values, sent in as few statements as go."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from flask_datamigrate import Backfill
from tests.backfill.engine import Engine
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.backfill.test_values import values_table
from tests.databases.database import Database


def test_a_batch_of_many_rows_is_written_at_once(database: Database) -> None:
    table = values_table(sa.Integer())
    create(database, table)
    fill(database, table, [{"id": i} for i in range(1, 5_001)])

    report = Engine(database).run(
        Backfill.rows(
            table, lambda row: {"v": -row.id}, reads=[], writes=["v"], batch_size=5_000
        )
    )

    assert (report.batches, report.changed) == (1, 5_000)
    assert database.scalar("SELECT count(*) FROM things WHERE v = -id") == 5_000


def test_a_batch_of_large_values_is_split_into_packets(database: Database) -> None:
    table = values_table(mysql.LONGTEXT() if database.name == "mysql" else sa.Text())
    create(database, table)
    fill(database, table, [{"id": i} for i in range(1, 301)])
    large = "ü'%\\" * 25_000

    Engine(database).run(
        Backfill.rows(
            table,
            lambda row: {"v": f"{row.id}{large}"},
            reads=[],
            writes=["v"],
            batch_size=300,
        )
    )

    rows = database.rows("SELECT id, v FROM things")
    assert all(v == f"{id}{large}" for id, v in rows)
    assert len(rows) == 300
