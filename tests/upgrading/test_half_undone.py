"""Undos that stop half-way: gone on with, given up, and told of as they are."""

from __future__ import annotations

import json
import typing as t

import pytest

from tests.backfill.engine import at_each_batch
from tests.upgrading.conftest import ADD
from tests.upgrading.conftest import CREATE
from tests.upgrading.conftest import Bench

ONE_A_BATCH = ADD.format(by=1).replace("undo=True", "undo=True, batch_size=1")
DEFERRED = ONE_A_BATCH.replace("undo=True", "undo=True, deferred=True")


def half_undone(bench: Bench, body: str, *command: str) -> None:
    """Run a backfill, and pause its undo after the first row."""

    def pause(progress: t.Any) -> None:
        if progress.batches == 1:
            asked = bench.make_app().test_cli_runner()
            assert asked.invoke(args=["db", "data", "pause", "r2"]).exit_code == 0

    bench.app.config["DATAMIGRATE_POLL_SECONDS"] = 0
    bench.app.config["DATAMIGRATE_MAX_BATCH_SIZE"] = 1
    bench.chain(CREATE, body)
    bench.upgrade()
    if body is DEFERRED:
        assert bench.flask("db", "data", "run").exit_code == 0
    with at_each_batch(pause):
        ran = bench.flask("db", *command)
    assert ran.exit_code == 3, ran.output
    assert bench.counts == [10, 21, 51]


def entry(bench: Bench) -> dict[str, t.Any]:
    (found,) = json.loads(bench.flask("db", "data", "status", "--json").stdout)
    return t.cast("dict[str, t.Any]", found)


def test_resume_run_goes_on_with_the_undo_and_not_with_the_run(bench: Bench) -> None:
    half_undone(bench, DEFERRED, "downgrade")
    for command in ("run", "retry"):
        refused = bench.flask("db", "data", command, "r2")
        assert refused.exit_code == 1, refused.output
        ways = "flask db data undo r2, or flask db downgrade r2-1, which"
        assert ways in refused.output

    resumed = bench.flask("db", "data", "resume", "--run", "r2")

    assert resumed.exit_code == 0, resumed.output
    assert "3 rows restored of 3" in resumed.output
    assert "r2: its revision is still applied" in resumed.output
    ways = "flask db downgrade r2-1; to begin anew: flask db data run r2"
    assert ways in resumed.output
    assert (bench.heads, bench.counts) == ({"r2"}, [10, 20, 50])
    assert entry(bench)["state"] == "undone"
    assert bench.flask("db", "downgrade").exit_code == 0
    assert (bench.heads, bench.counts) == ({"r1"}, [10, 20, 50])


def test_resume_run_says_what_goes_on_with_a_downgrade(bench: Bench) -> None:
    half_undone(bench, ONE_A_BATCH, "downgrade")
    resumed = bench.flask("db", "data", "resume", "--run", "r2")
    assert resumed.exit_code == 3, resumed.output
    assert "Go on with: flask db downgrade" in resumed.output
    assert bench.counts == [10, 21, 51]
    assert bench.flask("db", "downgrade").exit_code == 0
    assert (bench.heads, bench.counts) == ({"r1"}, [10, 20, 50])


@pytest.mark.parametrize("body", [DEFERRED, ONE_A_BATCH], ids=["deferred", "inline"])
def test_one_that_is_cancelled_says_which_rows_are_restored(
    bench: Bench, body: str
) -> None:
    half_undone(bench, body, "downgrade")
    bench.flask("db", "data", "resume", "r2")
    restore = "flask db data undo r2" if body is DEFERRED else "flask db downgrade"

    cancelled = bench.flask("db", "data", "cancel", "r2")

    now = "1 of 3 rows is restored, the other 2 stay as it changed them"
    assert cancelled.exit_code == 0, cancelled.output
    assert f"r2: cancelled. {now}. To restore those, too: {restore}" in cancelled.output
    shown = bench.flask("db", "data", "status").stdout
    assert f"r2: its undo was given up. {now}" in shown
    assert "100%" not in shown
    found = entry(bench)
    assert (found["rows_changed"], found["rows_restored"]) == (3, 1)
    assert found["fraction"] is None
    again = bench.flask("db", *restore.split(",")[0].split()[2:])
    assert again.exit_code == 0, again.output
    assert bench.counts == [10, 20, 50]


def test_one_that_is_cancelled_says_whether_its_rows_can_be_restored(
    bench: Bench,
) -> None:
    wrong = 'sa.text("SELECT count(*) FROM counters")'
    bench.chain(CREATE, DEFERRED.replace("undo=True", f"undo=True, verify={wrong}"))
    bench.upgrade()
    assert bench.flask("db", "data", "run").exit_code == 1
    cancelled = bench.flask("db", "data", "cancel", "r2")
    assert "what they were is kept. To restore them: flask db data undo r2" in (
        cancelled.output
    )


def test_what_has_nothing_to_do_says_so(bench: Bench) -> None:
    bench.chain(CREATE, DEFERRED)
    bench.upgrade()

    checked = bench.flask("db", "data", "verify")
    assert "No backfill is finished" in checked.output
    cancelled = bench.flask("db", "data", "cancel", "r2")
    assert "r2: cancelled. It had changed no row." in cancelled.output
    undone = bench.flask("db", "data", "undo", "r2")
    assert "r2: it had changed no row, nothing to restore" in undone.output
    again = bench.flask("db", "data", "undo", "r2")
    assert "r2: undone already" in again.output
    paused = bench.flask("db", "data", "pause", "r2")
    assert paused.exit_code == 1
    assert "To begin it anew: flask db data run r2" in paused.output
