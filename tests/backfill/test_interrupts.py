"""Ctrl-C, SIGTERM and SIGKILL to a real ``flask db upgrade`` and ``downgrade``."""

from __future__ import annotations

import pathlib
import signal
import subprocess
import time

import pytest
import sqlalchemy as sa

from tests.apps import Project
from tests.databases.database import Database
from tests.kills import kill_until_done

SCHEMA = """
def upgrade():
    op.create_table(
        "counters",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("word", sa.String(20)),
    )

def downgrade():
    op.drop_table("counters")
"""

DATA = """
counters = frozen.table(
    "counters",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("n", sa.Integer),
    sa.Column("word", sa.String(20)),
)
plus_one = Backfill(
    sa.update(counters).values(n=counters.c.n + 1), batch_size=20, undo=True
)
in_python = Backfill.rows(
    counters, lambda row: {"word": f"w{row.id}"}, reads=[], writes=["word"],
    batch_size=20, undo=True,
)

def upgrade():
    op.backfill(plus_one)
    op.backfill(in_python)

def downgrade():
    op.undo_backfill(in_python)
    op.undo_backfill(plus_one)
"""


def project(tmp_path: pathlib.Path, database: Database, rows: int) -> Project:
    made = Project(tmp_path, database.url).init()
    made.config = {"DATAMIGRATE_TARGET_SECONDS": 0.01, "DATAMIGRATE_MAX_BATCH_SIZE": 20}
    made.revision("r1", SCHEMA)
    made.flask("db", "upgrade", "r1")
    table = sa.Table("counters", sa.MetaData(), autoload_with=database.engine())
    with database.engine().begin() as connection:
        values = [{"id": i, "n": i} for i in range(1, rows + 1)]
        connection.execute(sa.insert(table), values)
    made.revision("r2", DATA, down="r1")
    return made


def done(database: Database) -> int:
    """Return how many rows the cursor's own row says are changed."""
    if "datamigrate_ranges" not in database.tables():
        return 0
    found = database.rows(
        "SELECT changed FROM datamigrate_ranges WHERE backfill = 'r2.plus_one' "
        "AND direction = 'forward'"
    )
    return int(found[0][0]) if found else 0


def wait_for_batches(database: Database, process: subprocess.Popen[str]) -> None:
    while done(database) < 60:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("database", "number"),
    [
        ("postgresql", signal.SIGINT),
        ("mysql", signal.SIGTERM),
        ("sqlite", signal.SIGINT),
        ("sqlite", signal.SIGTERM),
    ],
    indirect=["database"],
)
def test_a_signal_finishes_the_batch_and_says_how_to_go_on(
    tmp_path: pathlib.Path, database: Database, number: signal.Signals
) -> None:
    made = project(tmp_path, database, 20_000)
    process = made.start("db", "upgrade")
    wait_for_batches(database, process)

    process.send_signal(number)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 130, err
    assert "everything is saved" in err
    assert "Run the same command again" in err
    assert "Traceback" not in out + err
    assert database.rows("SELECT state, error FROM datamigrate_backfills") == [
        ("paused", None)
    ]
    changed = database.scalar("SELECT count(*) FROM counters WHERE n = id + 1")
    assert changed == done(database) < 20_000
    assert database.scalar("SELECT version_num FROM alembic_version") == "r1"
    assert "paused" in made.flask("db", "data", "status").out


@pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
def test_a_second_signal_aborts_the_batch_and_loses_nothing(
    tmp_path: pathlib.Path, database: Database
) -> None:
    """The batch waits for a row that somebody holds; the second Ctrl-C ends that."""
    made = project(tmp_path, database, 2_000)
    made.config["DATAMIGRATE_ROW_LOCK_TIMEOUT"] = 300
    with database.engine(poolclass=sa.NullPool).connect() as held:
        held.exec_driver_sql("SELECT id FROM counters WHERE id = 190 FOR UPDATE")
        process = made.start("db", "upgrade")
        wait_for_batches(database, process)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        held.rollback()
    out, err = process.communicate(timeout=60)

    assert process.returncode != 0
    changed = database.scalar("SELECT count(*) FROM counters WHERE n = id + 1")
    assert changed == done(database) < 2_000
    made.flask("db", "upgrade")
    assert database.scalar("SELECT count(*) FROM counters WHERE n = id + 1") == 2_000


KILLS = {"postgresql": 5, "mysql": 5, "sqlite": 30}
"""Thirty on one database: most of the minute they take is starting processes."""


def test_an_undo_killed_at_any_moment_restores_each_row_once(
    tmp_path: pathlib.Path, database: Database
) -> None:
    kills = KILLS[database.name]
    rows = 800 * kills
    made = project(tmp_path, database, rows)
    fast = {"FLASK_DATAMIGRATE_MAX_BATCH_SIZE": "5000"}
    made.flask("db", "upgrade", **fast)
    assert database.scalar("SELECT count(*) FROM counters WHERE n = id + 1") == rows
    # Somebody's own changes since, which must be left alone.
    database.execute("UPDATE counters SET n = -5 WHERE id % 100 = 0")

    count = kill_until_done(made, database, "db", "downgrade", "r1", kills=kills)

    assert count >= kills, f"only {count} kills before it was done: too few rows"
    wrong = "SELECT count(*) FROM counters WHERE n <> {} AND id % 100 {} 0"
    assert database.scalar(wrong.format("id", "<>")) == 0
    assert database.scalar(wrong.format("-5", "=")) == 0
    assert database.scalar("SELECT count(*) FROM counters WHERE word IS NOT NULL") == 0
    assert database.scalar("SELECT version_num FROM alembic_version") == "r1"
    conflicts = "SELECT conflicts FROM datamigrate_backfills WHERE name = 'r2.plus_one'"
    assert database.scalar(conflicts) == rows // 100
