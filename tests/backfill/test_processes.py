"""Several processes at one backfill: killed, frozen, joined by another."""

from __future__ import annotations

import contextlib
import pathlib
import signal
import time
import typing as t

import pytest
import sqlalchemy as sa

import flask_datamigrate
from tests.apps import Project
from tests.databases.database import Database
from tests.kills import SCHEMA
from tests.nursery import Process

SERVERS = pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
ROWS = 300

# No batch begins before the test says so, and each is slow enough to look at it. Who is
# told to nap does so between two batches, where it keeps no row from others.
DATA = """
import os
import pathlib
import time

counters = frozen.table(
    "counters",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("n", sa.Integer),
)
asked = []

def slowly():
    while not pathlib.Path("go").exists():
        time.sleep(0.01)
    time.sleep(0.02)
    asked.append(1)
    if "NAP" in os.environ and len(asked) == 5:
        pathlib.Path("nap").touch()
        time.sleep(2)

backfill = Backfill(
    sa.update(counters).values(n=counters.c.n + 1),
    batch_size=5, deferred=True, throttle=slowly,
)

def upgrade():
    op.backfill(backfill)

def downgrade():
    pass
"""


def deferred(tmp_path: pathlib.Path, database: Database, **config: t.Any) -> Project:
    """Return a project with a registered backfill that adds one to every ``n``."""
    made = Project(tmp_path, database.url).init()
    made.config = {
        "DATAMIGRATE_MAX_BATCH_SIZE": 5,
        "DATAMIGRATE_TARGET_SECONDS": 60,
        **{f"DATAMIGRATE_{key}": value for key, value in config.items()},
    }
    made.revision("r1", SCHEMA)
    made.revision("r2", DATA, down="r1")
    upgrade(made, "r1")
    table = sa.table("counters", *map(sa.column, ("id", "n", "seen")))
    rows = [{"id": i, "n": i, "seen": 0} for i in range(1, ROWS + 1)]
    with database.engine().begin() as connection:
        connection.execute(sa.insert(table), rows)
    upgrade(made, "r2")
    return made


def upgrade(made: Project, revision: str) -> None:
    with made.app().app_context():
        flask_datamigrate.upgrade(revision=revision)


@contextlib.contextmanager
def running(
    made: Project, database: Database, *options: str, **first: str
) -> t.Iterator[list[Process]]:
    """Start two processes that run the backfill, and kill what is left of them.

    The block begins when each of them has a range.

    :param first: of the environment of the first one.
    """
    started = [
        made.start("db", "data", "run", *options, **first),
        made.start("db", "data", "run", *options),
    ]
    owners = "SELECT owner FROM datamigrate_ranges WHERE owner IS NOT NULL"
    try:
        wait_for(lambda: len({pid(owner) for (owner,) in database.rows(owners)}) == 2)
        (made.path / "go").touch()
        yield started
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
            process.communicate()


def pid(owner: str) -> str:
    """Return the process number of a name tag."""
    return owner.rsplit(":", 3)[1]


def wait_for(condition: t.Callable[[], t.Any]) -> None:
    """Wait until something is true."""
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def ended(process: Process) -> tuple[int, str]:
    _, err = process.communicate(timeout=120)
    return process.returncode, err


def assert_each_once(database: Database) -> None:
    assert database.scalar("SELECT count(*) FROM counters WHERE n <> id + 1") == 0
    assert database.scalar("SELECT sum(changed) FROM datamigrate_ranges") == ROWS
    finished = "SELECT count(*) FROM datamigrate_events WHERE to_state = 'finished'"
    assert database.scalar(finished) == 1
    held = "SELECT count(*) FROM datamigrate_ranges WHERE owner IS NOT NULL"
    assert database.scalar(held) == 0


BATCHES = "SELECT sum(batches) FROM datamigrate_ranges"


@SERVERS
def test_one_of_two_processes_is_killed_and_the_other_takes_its_ranges_over(
    tmp_path: pathlib.Path, database: Database
) -> None:
    made = deferred(tmp_path, database)

    with running(made, database, "--workers", "2") as (dead, alive):
        wait_for(lambda: database.scalar(BATCHES) > 10)
        dead.kill()
        code, err = ended(alive)

    assert (dead.returncode, code) == (-signal.SIGKILL, 0), err
    assert_each_once(database)
    log = database.rows("SELECT kind, detail FROM datamigrate_events ORDER BY id")
    assert ("join", None) in log
    pid = dead.pid
    assert any(
        kind == "takeover" and detail.startswith(f"from process {pid} on ")
        for kind, detail in log
    )
    assert f"{ROWS} rows changed" in err


@SERVERS
def test_a_process_frozen_past_its_lease_changes_nothing_when_it_wakes_up(
    tmp_path: pathlib.Path, database: Database
) -> None:
    made = deferred(tmp_path, database, LEASE_SECONDS=1)

    with running(made, database, NAP="1") as (frozen, alive):
        wait_for((made.path / "nap").exists)
        frozen.send_signal(signal.SIGSTOP)
        code, err = ended(alive)
        frozen.send_signal(signal.SIGCONT)
        frozen_code, frozen_err = ended(frozen)

    assert (code, frozen_code) == (0, 0), err + frozen_err
    assert "taken over" in frozen_err
    assert_each_once(database)


@SERVERS
def test_ctrl_c_in_one_of_two_processes_leaves_the_other_at_work(
    tmp_path: pathlib.Path, database: Database
) -> None:
    made = deferred(tmp_path, database)

    with running(made, database) as (interrupted, other):
        wait_for(lambda: database.scalar(BATCHES) > 5)
        interrupted.send_signal(signal.SIGINT)
        first_code, first_err = ended(interrupted)
        code, err = ended(other)

    assert (first_code, code) == (130, 0), first_err + err
    assert "everything is saved" in first_err
    assert_each_once(database)
    paused = "SELECT count(*) FROM datamigrate_events WHERE to_state = 'paused'"
    assert database.scalar(paused) == 0
