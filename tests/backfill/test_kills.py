"""The hardest promise: whatever dies when, each row is changed exactly once."""

from __future__ import annotations

import pathlib

from tests.databases.database import Database
from tests.kills import counters
from tests.kills import kill_until_done

ROWS = 15_000
KILLS = 30

CHOOSY = """
counters = frozen.table(
    "counters",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("n", sa.Integer),
)

def plus_one(row):
    if row["id"] % 100 == 0:
        raise ValueError("a round number")
    return {"n": row["n"] + 1}

backfill = Backfill.rows(
    counters, plus_one, reads=["n"], writes=["n"], on_row_error="skip"
)

def upgrade():
    op.backfill(backfill)

def downgrade():
    pass
"""


def test_killed_at_any_moment_each_row_is_changed_exactly_once(
    tmp_path: pathlib.Path, database: Database
) -> None:
    made = counters(tmp_path, database, ROWS)

    count = kill_until_done(made, database, "db", "upgrade", kills=KILLS)

    assert count >= KILLS, f"only {count} kills before it was done: too few rows"
    wrong = "SELECT count(*) FROM counters WHERE n <> id + 1 OR seen <> 1 - id"
    assert database.scalar(wrong) == 0
    assert database.scalar("SELECT count(*) FROM counters") == ROWS
    assert database.scalar("SELECT version_num FROM alembic_version") == "r2"


def test_killed_while_it_leaves_rows_out_it_names_each_of_them_once(
    tmp_path: pathlib.Path, database: Database
) -> None:
    made = counters(tmp_path, database, 1000)
    made.revision("r2", CHOOSY, down="r1")

    count = kill_until_done(made, database, "db", "upgrade", kills=3, ending=3)

    assert count == 3
    changed = "SELECT count(*) FROM counters WHERE n = id + 1"
    assert database.scalar(changed) == 990
    refused = database.rows("SELECT position FROM datamigrate_refusals")
    assert {p for (p,) in refused} == {f"[{i}]" for i in range(100, 1001, 100)}
    assert len(refused) == database.scalar("SELECT skipped FROM datamigrate_ranges")
