"""What an operator asks of a backfill from another process: pause, resume, tune."""

from __future__ import annotations

import json
import typing as t

import pytest

from tests.backfill.engine import at_each_batch
from tests.upgrading.conftest import ADD_FOR_GOOD
from tests.upgrading.conftest import CREATE
from tests.upgrading.conftest import Bench

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

BY_ONE = ADD_FOR_GOOD.format(by=1, options=", batch_size=1")
DEFERRED = ADD_FOR_GOOD.format(by=1, options=", batch_size=1, deferred=True")


@pytest.fixture
def watchful(bench: Bench) -> Bench:
    """Return a bench whose runners look at what is asked before every batch."""
    bench.app.config["DATAMIGRATE_POLL_SECONDS"] = 0
    bench.app.config["DATAMIGRATE_MAX_BATCH_SIZE"] = 1
    return bench


def entry(bench: Bench, name: str = "r2") -> dict[str, t.Any]:
    found = json.loads(bench.flask("db", "data", "status", "--json").stdout)
    return {e["name"]: e for e in found}[name]


def after_the_first_batch(bench: Bench, *command: str) -> t.Any:
    """Type a command while another one is between its first two batches."""

    def act(progress: t.Any) -> None:
        if progress.batches == 1:
            # Of an app of its own, as another process has one.
            asked = bench.make_app().test_cli_runner().invoke(args=list(command))
            assert asked.exit_code == 0, asked.output
            said.append(asked.output)

    said: list[str] = []
    return at_each_batch(act)


def test_a_paused_run_stops_after_its_batch_until_it_is_resumed(
    watchful: Bench,
) -> None:
    watchful.chain(CREATE, DEFERRED)
    watchful.upgrade()

    with after_the_first_batch(watchful, "db", "data", "pause", "r2"):
        ran = watchful.flask("db", "data", "run")

    assert ran.exit_code == 3, ran.output
    assert "paused by an operator" in ran.output
    assert "flask db data resume r2" in ran.output
    assert watchful.counts == [11, 20, 50]
    assert entry(watchful)["state"] == "paused"
    for command in (["data", "run"], ["data", "run", "r2"]):
        held = watchful.flask("db", *command)
        assert held.exit_code == 3, held.output
        assert "Nothing was changed by this run" in held.output
    assert watchful.counts == [11, 20, 50]

    resumed = watchful.flask("db", "data", "resume", "r2")
    assert "Go on with: flask db data run r2" in resumed.output
    assert watchful.counts == [11, 20, 50]
    assert watchful.flask("db", "data", "run").exit_code == 0
    assert watchful.counts == [11, 21, 51]


def test_a_paused_upgrade_exits_with_3_and_the_next_one_leaves_it_alone(
    watchful: Bench,
) -> None:
    watchful.chain(CREATE, BY_ONE)
    with after_the_first_batch(watchful, "db", "data", "pause", "r2"):
        assert watchful.flask("db", "upgrade").exit_code == 3
    assert watchful.flask("db", "upgrade").exit_code == 3
    assert (watchful.heads, watchful.counts) == ({"r1"}, [11, 20, 50])

    resumed = watchful.flask("db", "data", "resume", "r2")

    assert "Go on with: flask db upgrade" in resumed.output
    assert watchful.flask("db", "upgrade").exit_code == 0
    assert (watchful.heads, watchful.counts) == ({"r2"}, [11, 21, 51])


def test_one_paused_before_it_began_is_passed_over_and_others_are_run(
    watchful: Bench,
) -> None:
    watchful.chain(CREATE, DEFERRED, DEFERRED)
    watchful.upgrade()
    paused = watchful.flask("db", "data", "pause", "r2")
    assert paused.exit_code == 0, paused.output
    assert "it is pending, nobody runs it" in paused.output

    assert watchful.flask("db", "data", "run").exit_code == 3

    assert entry(watchful, "r2")["state"] == "pending"
    assert entry(watchful, "r3")["state"] == "finished"
    shown = watchful.flask("db", "data", "status").output
    assert "r2: paused by an operator" in shown
    assert watchful.flask("db", "data", "resume", "--run", "r2").exit_code == 0
    assert watchful.counts == [12, 22, 52]


def test_a_paused_undo_goes_on_when_it_is_resumed(watchful: Bench) -> None:
    undoable = BY_ONE.replace("batch_size=1", "batch_size=1, undo=True").replace(
        "    pass", "    op.undo_backfill(backfill)"
    )
    watchful.chain(CREATE, undoable)
    watchful.upgrade()
    with after_the_first_batch(watchful, "db", "data", "pause", "r2"):
        # The first batch of the run is one too, and is no more.
        assert watchful.flask("db", "downgrade").exit_code == 3
    assert watchful.counts == [10, 21, 51]
    assert watchful.flask("db", "downgrade").exit_code == 3

    resumed = watchful.flask("db", "data", "resume", "r2")

    assert "Go on with: flask db downgrade" in resumed.output
    assert watchful.flask("db", "downgrade").exit_code == 0
    assert watchful.counts == [10, 20, 50]


def test_what_has_ended_is_not_paused(watchful: Bench) -> None:
    watchful.chain(CREATE, DEFERRED)
    watchful.upgrade()
    watchful.flask("db", "data", "run")
    for command in ("pause", "resume", "tune --pause 1"):
        asked = watchful.flask("db", "data", *command.split(), "r2")
        assert asked.exit_code == 1
        assert "it is finished, so nothing can be asked of it" in asked.output
    assert entry(watchful)["state"] == "finished"
    assert entry(watchful)["paused_by"] is None


@on_sqlite
def test_a_name_that_matches_nothing_is_answered_with_the_nearest(
    watchful: Bench,
) -> None:
    watchful.chain(
        CREATE, DEFERRED.replace("deferred", "name='lower_emails', deferred")
    )
    watchful.upgrade()
    asked = watchful.flask("db", "data", "pause", "lower_email")
    assert asked.exit_code == 1
    assert "no database has begun lower_email" in asked.output
    assert "Did you mean lower_emails?" in asked.output
    assert watchful.flask("db", "data", "pause").exit_code == 2
    assert watchful.flask("db", "data", "pause", "r2").exit_code == 0
    assert entry(watchful, "lower_emails")["paused_by"] is not None


def test_the_pace_is_tuned_between_two_batches(watchful: Bench) -> None:
    watchful.chain(CREATE, DEFERRED.replace("batch_size=1", "batch_size=2"))
    watchful.app.config["DATAMIGRATE_MAX_BATCH_SIZE"] = 2
    watchful.upgrade()
    sizes = []

    with (
        at_each_batch(lambda progress: sizes.append(progress.batch_size)),
        after_the_first_batch(
            watchful, "db", "data", "tune", "r2", "--batch-size", "1"
        ),
    ):
        watchful.flask("db", "data", "run")

    assert sizes == [2, 1]


@on_sqlite
def test_a_pace_that_cannot_be_is_wrong_usage(watchful: Bench) -> None:
    watchful.chain(CREATE, DEFERRED)
    watchful.upgrade()
    for options in (
        ["--pause", "-1"],
        ["--batch-size", "0"],
        ["--batch-size", "99999999999999999999"],
        ["--target", "0"],
        ["--target", "nan"],
        ["--target", "inf"],
        ["--pause", "nan"],
        ["--pause", "inf"],
        ["--pause", "1e9"],
        [],
    ):
        assert watchful.flask("db", "data", "tune", "r2", *options).exit_code == 2
    assert entry(watchful)["tuned"] == {}
    watchful.flask("db", "data", "tune", "r2", "--pause", "0.5", "--batch-size", "7")
    assert entry(watchful)["tuned"] == {"batch-size": 7, "pause": 0.5}
    assert "tuned to batch-size 7, pause 0.5" in (
        watchful.flask("db", "data", "status").output
    )
    reset = watchful.flask("db", "data", "tune", "r2", "--reset")
    assert "r2: back to the app's settings, from its next run on." in reset.output
    assert entry(watchful)["tuned"] == {}


def test_a_run_stops_when_its_time_is_over(watchful: Bench) -> None:
    watchful.chain(CREATE, DEFERRED)
    watchful.upgrade()

    ran = watchful.flask("db", "data", "run", "--max-duration", "0.000001s")

    assert ran.exit_code == 3, ran.output
    assert "the time of --max-duration is over" in ran.output
    assert "Go on: flask db data run r2" in ran.output
    assert watchful.flask("db", "data", "run", "--max-duration", "1h").exit_code == 0
    assert watchful.counts == [11, 21, 51]


@on_sqlite
@pytest.mark.parametrize("span", ["soon", "30", "0s", "-5m", "1h 2m"])
def test_a_time_span_that_cannot_be_read_is_wrong_usage(
    watchful: Bench, span: str
) -> None:
    ran = watchful.flask("db", "data", "run", "--max-duration", span)
    assert ran.exit_code == 2
    assert "write 90s, 30m, 2h" in ran.output


def test_the_log_tells_every_step_with_its_process(watchful: Bench) -> None:
    watchful.chain(CREATE, DEFERRED)
    watchful.upgrade()
    with after_the_first_batch(watchful, "db", "data", "pause", "r2"):
        watchful.flask("db", "data", "run")
    watchful.flask("db", "data", "resume", "--run", "r2")

    lines = watchful.flask("db", "data", "log", "r2", "--json").stdout.splitlines()

    events = [json.loads(line) for line in lines]
    assert [(e["kind"], e["to_state"]) for e in events] == [
        ("state", "pending"),
        ("state", "running"),
        ("pause", None),
        ("state", "paused"),
        ("resume", None),
        ("state", "running"),
        ("state", "verifying"),
        ("state", "finished"),
    ]
    assert all(e["process"].startswith("process ") for e in events)
    assert "paused by an operator" in events[3]["detail"]
    shown = watchful.flask("db", "data", "log", "r2").stdout
    assert "running → paused (process" in shown
