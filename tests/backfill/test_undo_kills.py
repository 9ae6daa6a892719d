"""A delete and an insert that are killed, and the undo of each that is killed too."""

from __future__ import annotations

import pathlib

import sqlalchemy as sa

from tests.apps import Project
from tests.databases.database import Database
from tests.kills import kill_until_done

ROWS = 300
KILLS = 2

SCHEMA = """
def upgrade():
    op.create_table(
        "visits",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("page", sa.String(50)),
    )
    op.create_table(
        "totals",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("visit", sa.Integer, nullable=False),
    )

def downgrade():
    op.drop_table("totals")
    op.drop_table("visits")
"""

DATA = """
visits = frozen.table("visits", sa.Column("id", sa.Integer, primary_key=True))
totals = frozen.table(
    "totals",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("visit", sa.Integer),
)
copied = Backfill(
    sa.insert(totals).from_select(["visit"], sa.select(visits.c.id)),
    over=visits, undo=True, name="copied",
)
purged = Backfill(
    sa.delete(visits).where(visits.c.id % 3 != 0), undo=True, name="purged"
)

def upgrade():
    op.backfill(copied)
    op.backfill(purged)

def downgrade():
    op.undo_backfill(purged)
    op.undo_backfill(copied)
"""


def test_killed_both_ways_no_row_is_lost_and_none_is_there_twice(
    tmp_path: pathlib.Path, database: Database
) -> None:
    made = Project(tmp_path, database.url).init()
    made.config = {"DATAMIGRATE_TARGET_SECONDS": 0.01, "DATAMIGRATE_MAX_BATCH_SIZE": 10}
    made.revision("r1", SCHEMA)
    made.flask("db", "upgrade", "r1")
    engine = database.engine()
    table = sa.Table("visits", sa.MetaData(), autoload_with=engine)
    rows = [{"id": i, "page": f"page {i} %"} for i in range(1, ROWS + 1)]
    with engine.begin() as connection:
        connection.execute(sa.insert(table), rows)
    made.revision("r2", DATA, down="r1")
    before = database.rows(sa.select(table).order_by(table.c.id))

    assert kill_until_done(made, database, "db", "upgrade", kills=KILLS) == KILLS
    assert database.scalar("SELECT count(*) FROM totals") == ROWS
    assert database.scalar("SELECT count(DISTINCT visit) FROM totals") == ROWS
    assert database.scalar("SELECT count(*) FROM visits") == ROWS // 3

    assert kill_until_done(made, database, "db", "downgrade", kills=KILLS) == KILLS
    assert database.rows(sa.select(table).order_by(table.c.id)) == before
    assert database.scalar("SELECT count(*) FROM totals") == 0
    assert not [name for name in database.tables() if "undo" in name]
