"""The hardest promise: whatever dies when, each row is changed exactly once."""

from __future__ import annotations

import pathlib

import sqlalchemy as sa

from tests.apps import Project
from tests.databases.database import Database
from tests.kills import kill_until_done

ROWS = 15_000
KILLS = 30

SCHEMA = """
def upgrade():
    op.create_table(
        "counters",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("seen", sa.Integer, nullable=False),
    )

def downgrade():
    op.drop_table("counters")
"""

DATA = """
counters = frozen.table(
    "counters",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("n", sa.Integer),
    sa.Column("seen", sa.Integer),
)
plus_one = Backfill(
    sa.update(counters).values(n=counters.c.n + 1), batch_size=20, undo=True
)
in_python = Backfill.rows(
    counters, lambda row: {"seen": row["seen"] + 1}, reads=["seen"], writes=["seen"],
    batch_size=20, undo=True,
)

def upgrade():
    op.backfill(plus_one)
    op.backfill(in_python)

def downgrade():
    op.undo_backfill(in_python)
    op.undo_backfill(plus_one)
"""


def project(tmp_path: pathlib.Path, database: Database) -> Project:
    made = Project(tmp_path, database.url).init()
    # Many small batches, so that a kill falls between and inside of them.
    made.config = {"DATAMIGRATE_TARGET_SECONDS": 0.01, "DATAMIGRATE_MAX_BATCH_SIZE": 10}
    made.revision("r1", SCHEMA)
    made.flask("db", "upgrade", "r1")
    engine = database.engine()
    table = sa.Table("counters", sa.MetaData(), autoload_with=engine)
    with engine.begin() as connection:
        rows = [{"id": i * 3, "n": i, "seen": -i} for i in range(1, ROWS + 1)]
        connection.execute(sa.insert(table), rows)
    made.revision("r2", DATA, down="r1")
    return made


def test_killed_at_any_moment_each_row_is_changed_exactly_once(
    tmp_path: pathlib.Path, database: Database
) -> None:
    made = project(tmp_path, database)

    count = kill_until_done(made, database, "db", "upgrade", kills=KILLS)

    assert count >= KILLS, f"only {count} kills before it was done: too few rows"
    wrong = "SELECT count(*) FROM counters WHERE n <> id / 3 + 1 OR seen <> 1 - id / 3"
    assert database.scalar(wrong) == 0
    assert database.scalar("SELECT count(*) FROM counters") == ROWS
    assert database.scalar("SELECT version_num FROM alembic_version") == "r2"
