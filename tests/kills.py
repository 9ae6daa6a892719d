"""Real processes, killed in the middle of their batches."""

from __future__ import annotations

import pathlib
import random
import time

import sqlalchemy as sa

from tests.apps import Project
from tests.databases.database import Database

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


def counters(tmp_path: pathlib.Path, database: Database, rows: int) -> Project:
    """Return a project whose r2, yet to come, adds one to ``n`` and ``seen`` of a row.

    Before it, ``n`` is the row's ``id`` and ``seen`` is its negative.
    """
    made = Project(tmp_path, database.url).init()
    # Many small batches, so that a kill falls between and inside of them.
    made.config = {"DATAMIGRATE_TARGET_SECONDS": 0.01, "DATAMIGRATE_MAX_BATCH_SIZE": 10}
    made.revision("r1", SCHEMA)
    made.flask("db", "upgrade", "r1")
    engine = database.engine()
    table = sa.Table("counters", sa.MetaData(), autoload_with=engine)
    with engine.begin() as connection:
        values = [{"id": i, "n": i, "seen": -i} for i in range(1, rows + 1)]
        connection.execute(sa.insert(table), values)
    made.revision("r2", DATA, down="r1")
    return made


def batches(watch: sa.Connection) -> int:
    """Return how many batches are committed."""
    try:
        found = watch.exec_driver_sql("SELECT sum(batches) FROM datamigrate_ranges")
        return int(found.scalar() or 0)
    except sa.exc.DBAPIError:
        # The table is not there before the first run; or SQLite is being written to.
        return 0


def kill_until_done(
    made: Project, database: Database, *command: str, kills: int, ending: int = 0
) -> int:
    """Run a command again and again until it ends, killing it up to a number.

    :param ending: the exit code it then has.
    :returns: how often it was killed.
    """
    chance = random.Random(7)
    count = 0
    engine = database.engine(isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    while True:
        process = made.start(*command)
        if count < kills:
            with engine.connect() as watch:
                if database.name == "sqlite":
                    # A reader that waits for the writer would see the kill's moment
                    # pass by.
                    watch.exec_driver_sql("PRAGMA busy_timeout = 0")
                # Some batches further, and then at any moment of the next ones.
                until = batches(watch) + chance.randint(1, 20)
                while process.poll() is None and batches(watch) < until:
                    time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.005))
            if process.poll() is None:
                process.kill()
                count += 1
        _, err = process.communicate(timeout=100)
        if process.returncode == ending:
            return count
        assert process.returncode == -9, err
