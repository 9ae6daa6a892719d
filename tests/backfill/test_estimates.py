"""How many rows a larger table is said to have."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from flask_datamigrate.backfill import estimates
from tests.databases.database import Database

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

ROWS = estimates.COUNTED + 20_000
FILL = (
    "INSERT INTO many (id, n) WITH RECURSIVE s(i) AS "
    f"(SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {ROWS}) "
    "SELECT {id}, i FROM s"
)


def many(database: Database, id: str, options: str = "") -> None:
    """Make a table of :data:`ROWS` rows, whose ids are computed from their number."""
    database.execute(f"CREATE TABLE many (id INTEGER PRIMARY KEY, n INTEGER) {options}")
    database.execute(FILL.format(id=id))


def estimated(database: Database) -> tuple[int | None, bool]:
    table = sa.Table("many", sa.MetaData())
    with database.engine(poolclass=sa.NullPool).connect() as connection:
        return estimates.rows(connection, table)


@pytest.mark.parametrize(
    "id",
    [
        "i",
        "i * 3",
        "i * 1000 - 5000",
        f"CASE WHEN i < {ROWS} / 2 THEN i ELSE i * 20 END",
    ],
)
def test_ids_with_gaps_are_not_taken_for_rows(database: Database, id: str) -> None:
    many(database, id)

    count, exact = estimated(database)

    assert not exact
    assert count == pytest.approx(ROWS, rel=0.25)


def test_ids_that_show_nothing_leave_it_to_the_statistics(database: Database) -> None:
    many(database, "i")
    database.execute("INSERT INTO many (id, n) VALUES (4611686018427387904, 0)")
    assert estimated(database) == (None, False)

    database.execute("ANALYZE")

    assert estimated(database) == (ROWS + 1, False)


def test_a_table_without_rowids_is_known_by_the_statistics(database: Database) -> None:
    many(database, "i", "WITHOUT ROWID")
    assert estimated(database) == (None, False)

    database.execute("ANALYZE")

    assert estimated(database) == (ROWS, False)
