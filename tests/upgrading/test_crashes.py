"""A crash between the last batch and the version does not run the rows twice."""

from __future__ import annotations

import pathlib

import pytest

from flask_datamigrate.errors import DataMigrateError
from tests.upgrading.conftest import ADD_FOR_GOOD
from tests.upgrading.conftest import COLUMN
from tests.upgrading.conftest import CREATE
from tests.upgrading.conftest import Bench

PLAIN = ADD_FOR_GOOD.format(by=1, options="")


def body_with(statement: str) -> str:
    call = "op.backfill(backfill)"
    return PLAIN.replace(call, f"{call}\n    {statement}", 1)


def test_a_statement_that_fails_below_the_backfill(bench: Bench) -> None:
    bench.chain(CREATE, body_with("op.execute('SELECT missing FROM counters')"))
    for _ in range(2):
        with pytest.raises(DataMigrateError) as caught:
            bench.upgrade()
        assert "revision r2" in str(caught.value)
        assert (bench.heads, bench.counts) == ({"r1"}, [11, 21, 51])
    bench.revision("r2", PLAIN, down="r1")
    assert bench.upgrade().revisions == ("r2",)
    assert (bench.heads, bench.counts) == ({"r2"}, [11, 21, 51])


def test_a_listener_that_fails_when_the_version_is_written(bench: Bench) -> None:
    env = bench.project.migrations / "env.py"
    whole = env.read_text()
    env.write_text(
        "def fail(ctx, step, heads, run_args):\n"
        "    if step.up_revision_id == 'r2': raise ValueError('no room')\n"
        + whole.replace(
            "connection=connection,", "connection=connection, on_version_apply=fail,"
        )
    )
    bench.chain(CREATE, PLAIN)
    with pytest.raises(DataMigrateError, match="no room"):
        bench.upgrade()
    assert (bench.heads, bench.counts) == ({"r1"}, [11, 21, 51])
    env.write_text(whole)
    bench.upgrade()
    assert (bench.heads, bench.counts) == ({"r2"}, [11, 21, 51])


def test_a_process_killed_before_the_version_is_written(bench: Bench) -> None:
    killed = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    bench.chain(CREATE, body_with(killed), COLUMN.format(name="a"))
    ran = bench.project.run("db", "upgrade")
    assert ran.code == -9
    assert (bench.heads, bench.counts) == ({"r1"}, [11, 21, 51])
    bench.revision("r2", PLAIN, down="r1")
    bench.project.flask("db", "upgrade")
    assert (bench.heads, bench.counts) == ({"r3"}, [11, 21, 51])


def test_the_failing_revision_is_one_message(bench: Bench) -> None:
    bench.chain(CREATE, COLUMN.format(name="a"), body_with("1 / 0"))
    ran = bench.flask("db", "upgrade")
    assert ran.exit_code == 1
    assert isinstance(ran.exception, SystemExit), ran.exception
    assert "revision r3 (r3.py, line " in ran.output
    assert "ZeroDivisionError" in ran.output
    assert "Traceback" not in ran.output
    assert (bench.heads, bench.counts) == ({"r2"}, [11, 21, 51])


def test_sql_that_fails_is_one_message_with_the_state_of_the_data(
    bench: Bench,
) -> None:
    bench.chain(
        CREATE,
        "def upgrade(): op.execute('ALTER TABLE missing ADD COLUMN a INTEGER')",
    )
    ran = bench.flask("db", "upgrade")
    assert ran.exit_code == 1
    assert isinstance(ran.exception, SystemExit), ran.exception
    assert "revision r2: the database refused the statement" in ran.output
    assert "in: ALTER TABLE missing ADD COLUMN a INTEGER" in ran.output
    assert "rolled back" in ran.output or "not roll DDL back" in ran.output
    assert "Traceback" not in ran.output


def test_a_script_that_cannot_be_read(bench: Bench) -> None:
    path: pathlib.Path = bench.revision("r1", "def upgrade(:\n    pass")
    ran = bench.flask("db", "upgrade")
    assert ran.exit_code == 1
    assert isinstance(ran.exception, SystemExit), ran.exception
    assert path.name in ran.output
    assert "SyntaxError" in ran.output
