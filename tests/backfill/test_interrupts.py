"""Ctrl-C, SIGTERM and SIGKILL to a real ``flask db upgrade`` and ``downgrade``."""

from __future__ import annotations

import pathlib
import signal
import subprocess
import sys
import time

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from flask_datamigrate.cli.group import LazyGroup
from tests.databases.database import Database
from tests.kills import counters
from tests.kills import kill_until_done
from tests.nursery import Process


def done(database: Database) -> int:
    """Return how many rows the cursor's own row says are changed."""
    if "datamigrate_ranges" not in database.tables():
        return 0
    found = database.rows(
        "SELECT changed FROM datamigrate_ranges WHERE backfill = 'r2' "
        "AND direction = 'forward'"
    )
    return int(found[0][0]) if found else 0


def wait_for_batches(database: Database, process: Process) -> None:
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
    made = counters(tmp_path, database, 20_000)
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
    made = counters(tmp_path, database, 2_000)
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


AT_ONCE = """
import os, signal, threading

for waiting in threading.enumerate():
    if waiting.name == "datamigrate-stop":
        os.kill(os.getpid(), signal.SIGINT)
        waiting.join()
"""


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_signal_before_the_first_revision_changes_nothing(
    tmp_path: pathlib.Path, database: Database
) -> None:
    made = counters(tmp_path, database, 20)
    env = made.migrations / "env.py"
    whole = env.read_text()
    for command, version in (("upgrade", "r1"), ("downgrade", "r2")):
        env.write_text(AT_ONCE + whole)
        ran = made.run("db", command)
        assert ran.code == 130, ran.err
        assert "before the first revision. Nothing was changed" in ran.err
        assert "Traceback" not in ran.out + ran.err
        assert database.scalar("SELECT version_num FROM alembic_version") == version
        env.write_text(whole)
        made.flask("db", "upgrade")


def test_a_signal_while_a_command_is_imported_changes_nothing(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "interrupted.py").write_text("raise KeyboardInterrupt")
    monkeypatch.syspath_prepend(tmp_path)
    group = LazyGroup("db", lazy={"upgrade": "interrupted:upgrade"})
    ran = CliRunner().invoke(group, ["upgrade"])
    assert ran.exit_code == 130
    assert ran.stderr == "Error: interrupted before it began. Nothing was changed.\n"


OFTEN = """
import os, signal
from flask_datamigrate.cli.interrupts import stopping

for _ in range(400):
    with stopping() as stop:
        signal.signal(signal.SIGALRM, signal.getsignal(signal.SIGTERM))
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        while not stop.wait(0.0001):
            pass
"""


def test_a_signal_at_any_moment_of_a_wait_ends_it() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", OFTEN],
        cwd=pathlib.Path(__file__).parent.parent.parent,
        stderr=subprocess.DEVNULL,
        timeout=60,
    )
    assert ran.returncode == 0


KILLS = 30


def test_an_undo_killed_at_any_moment_restores_each_row_once(
    tmp_path: pathlib.Path, database: Database
) -> None:
    rows = 800 * KILLS
    made = counters(tmp_path, database, rows)
    fast = {"FLASK_DATAMIGRATE_MAX_BATCH_SIZE": "5000"}
    made.flask("db", "upgrade", **fast)
    assert database.scalar("SELECT count(*) FROM counters WHERE n = id + 1") == rows
    # Somebody's own changes since, which must be left alone.
    database.execute("UPDATE counters SET n = -5 WHERE id % 100 = 0")

    count = kill_until_done(made, database, "db", "downgrade", "r1", kills=KILLS)

    assert count >= KILLS, f"only {count} kills before it was done: too few rows"
    wrong = "SELECT count(*) FROM counters WHERE n <> {} AND id % 100 {} 0"
    assert database.scalar(wrong.format("id", "<>")) == 0
    assert database.scalar(wrong.format("-5", "=")) == 0
    assert database.scalar("SELECT count(*) FROM counters WHERE seen <> -id") == 0
    assert database.scalar("SELECT version_num FROM alembic_version") == "r1"
    conflicts = "SELECT conflicts FROM datamigrate_backfills WHERE name = 'r2'"
    assert database.scalar(conflicts) == rows // 100
