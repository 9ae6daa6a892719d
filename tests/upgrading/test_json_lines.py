"""``--json``: what a command does, for machines."""

from __future__ import annotations

import json
import typing as t

import pytest

from tests.upgrading.conftest import CREATE
from tests.upgrading.conftest import Bench
from tests.upgrading.test_operating import SMALL
from tests.upgrading.test_ordering import BY_ONE
from tests.upgrading.test_ordering import DEFERRED


def lines(ran: t.Any) -> list[dict[str, t.Any]]:
    """Return what a command printed to standard output."""
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_a_run_tells_its_progress_and_its_report(bench: Bench) -> None:
    bench.app.config["DATAMIGRATE_LOG_SECONDS"] = 1e-9
    bench.app.config["DATAMIGRATE_MAX_BATCH_SIZE"] = 1
    bench.chain(CREATE, DEFERRED)
    bench.upgrade()

    ran = bench.flask("db", "data", "run", "--json")

    assert ran.exit_code == 0, ran.output
    *progress, report = lines(ran)
    assert [(p["event"], p["changed"]) for p in progress] == [
        ("progress", 1),
        ("progress", 2),
        ("progress", 3),
    ]
    assert (report["event"], report["name"], report["state"]) == (
        "finished",
        "r2",
        "finished",
    )
    assert report["changed"] == 3
    assert report["sample"][0]["before"] == {"n": 10}
    assert lines(bench.flask("db", "data", "run", "--json")) == []


def test_an_upgrade_tells_what_it_applied(bench: Bench) -> None:
    bench.chain(CREATE, BY_ONE, DEFERRED)
    ran = bench.flask("db", "upgrade", "--json")
    assert ran.exit_code == 0, ran.output
    report, upgraded = lines(ran)
    assert report["event"] == "finished"
    assert upgraded["event"] == "upgraded"
    assert upgraded["revisions"] == ["r1", "r2", "r3"]
    assert upgraded["deferred"] == ["r3"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_error_is_a_line_and_a_message(bench: Bench) -> None:
    bench.chain(CREATE, SMALL)
    bench.upgrade("r1")
    bench.database.execute("UPDATE counters SET n = 99 WHERE id = 1")
    bench.upgrade()

    ran = bench.flask("db", "data", "run", "--json")

    assert ran.exit_code == 1
    (error,) = lines(ran)
    assert (error["event"], error["exit_code"]) == ("error", 1)
    assert error["where"] == "revision r2, table counters, row id=1"
    assert "99 is too much" in error["what"]
    assert error["next"]
    assert "Error: revision r2" in ran.stderr
    wrong = bench.flask("db", "upgrade", "--sql", "--json")
    assert wrong.exit_code == 2


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_every_event_is_a_log_record(bench: Bench) -> None:
    bench.chain(CREATE, DEFERRED)
    bench.upgrade()
    ini = bench.project.migrations / "alembic.ini"
    before, _, flask = ini.read_text().partition("[logger_flask_migrate]")
    flask = flask.replace("level = INFO", "level = DEBUG", 1)
    ini.write_text(f"{before}[logger_flask_migrate]{flask}")

    ran = bench.project.flask("db", "data", "cancel", "r2")

    assert "DEBUG [flask_migrate.data.events] r2: pending to cancelled" in ran.err
