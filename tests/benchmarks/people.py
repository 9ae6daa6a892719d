"""The table of six columns that most benchmarks change, and fresh copies of it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from flask_datamigrate import frozen
from tests.databases.database import Database

people = frozen.table(
    "people",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("full_name", sa.String(100), nullable=False),
    sa.Column("email", sa.String(100), nullable=False),
    sa.Column("sort_name", sa.String(100)),
    sa.Column("login", sa.String(100)),
    sa.Column("score", sa.Integer),
)

_FIRST = "Ada Barbara Edsger Grace Niklaus Radia Tony Zoë José Kōji".split()
_LAST = "Lovelace Liskov Dijkstra Hopper Wirth Perlman Hoare Núñez Sørensen Ng".split()
_SEED = 1000
"""Rows that Python writes; the others are copies of them under other keys."""

_COPY = {
    # A table as new: no dead rows, known to the planner, and written to disk, so that
    # no run pays for what was before it. Autovacuum would come in the middle of some
    # runs and not of others.
    "postgresql": (
        "CREATE TABLE people AS SELECT * FROM people_original ORDER BY id",
        "ALTER TABLE people ADD PRIMARY KEY (id), SET (autovacuum_enabled = off)",
        "VACUUM ANALYZE people",
        "CHECKPOINT",
    ),
    "mysql": (
        "CREATE TABLE people LIKE people_original",
        "INSERT INTO people SELECT * FROM people_original ORDER BY id",
        "ANALYZE TABLE people",
        "FLUSH TABLES people FOR EXPORT",
        "UNLOCK TABLES",
    ),
    "sqlite": (
        str(CreateTable(people).compile(dialect=sqlite.dialect())),
        "INSERT INTO people SELECT * FROM people_original ORDER BY id",
        "PRAGMA wal_checkpoint(TRUNCATE)",
    ),
}


class People:
    """The rows as they were, and the copy that one run changes.

    :param database: an empty database.
    :param rows: how many people there are.
    """

    def __init__(self, database: Database, rows: int) -> None:
        self._engine = sa.create_engine(
            database.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT"
        )
        self._copy = _COPY[database.name]
        self._fill(rows)

    def refresh(self) -> None:
        """Replace the table by a fresh copy of the original."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("DROP TABLE IF EXISTS people")
            for statement in self._copy:
                connection.exec_driver_sql(statement)

    def _fill(self, rows: int) -> None:
        original = people.to_metadata(sa.MetaData(), name="people_original")
        seed = [
            {
                "id": i,
                "full_name": f"{_FIRST[i % 10]} {_LAST[i // 10 % 10]} {i}",
                "email": f"person.{i}@example.org",
            }
            for i in range(1, min(rows, _SEED) + 1)
        ]
        with self._engine.connect() as connection:
            original.create(connection)
            connection.execute(sa.insert(original), seed)
            filled = len(seed)
            names = ["id", "full_name", "email"]
            c = original.c
            while filled < rows:
                again = sa.select(c.id + filled, c.full_name, c.email).where(
                    c.id <= rows - filled
                )
                connection.execute(sa.insert(original).from_select(names, again))
                filled = min(rows, 2 * filled)
