"""Real processes, killed in the middle of their batches."""

from __future__ import annotations

import random
import time

import sqlalchemy as sa

from tests.apps import Project
from tests.databases.database import Database


def batches(watch: sa.Connection) -> int:
    """Return how many batches are committed."""
    try:
        found = watch.exec_driver_sql("SELECT sum(batches) FROM datamigrate_ranges")
        return int(found.scalar() or 0)
    except sa.exc.DBAPIError:
        # The table is not there before the first run; or SQLite is being written to.
        return 0


def kill_until_done(
    made: Project, database: Database, *command: str, kills: int
) -> int:
    """Run a command again and again until it succeeds, killing it up to a number.

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
        if process.returncode == 0:
            return count
        assert process.returncode == -9, err
