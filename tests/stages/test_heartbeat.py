"""A contract waits for the processes that still run older code."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate.errors import GateError
from tests.apps import make_app
from tests.nursery import Process

from .conftest import Split
from .test_plain_alembic import alembic

SERVE = """
import signal

@app.cli.command("serve")
def serve():
    app = make_app({url!r}, directory={directory!r}, DATAMIGRATE_HEARTBEAT={every},
                   DATAMIGRATE_STAGES={stages!r})
    assert app.test_client().get("/").status_code == 404
    print("served", flush=True)
    signal.pause()
"""


@contextlib.contextmanager
def serve(split: Split, stage: str | None, *, every: float = 60) -> t.Iterator[Process]:
    """Have a process of the app that has served a request, for the time of a block."""
    text = SERVE.format(
        url=split.database.url,
        directory=str(split.project.migrations),
        every=every,
        stages={"split": stage} if stage else {},
    )
    with (split.project.path / "entry.py").open("a") as entry:
        entry.write(text)
    process = split.project.start("serve")
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "served\n", process.communicate()
        yield process
    finally:
        process.kill()
        process.communicate()


def end(process: Process) -> None:
    """End a process as Ctrl-C does, which leaves it the time to say goodbye."""
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


def reports(split: Split) -> list[str]:
    query = "SELECT process FROM datamigrate_processes"
    return [process for (process,) in split.database.rows(query)]


def test_a_contract_waits_for_a_process_of_older_code(split: Split) -> None:
    split.write()
    split.at("migrate").upgrade()
    with serve(split, "migrate") as old, serve(split, "contract") as new:
        split.at("contract", DATAMIGRATE_HEARTBEAT=60)
        ran = split.flask("db", "upgrade")
        assert ran.exit_code == 3
        assert f"since process {old.pid} on " in ran.stderr
        assert "is alive and at stage migrate" in ran.stderr
        assert f"process {new.pid}" not in ran.stderr
        with pytest.raises(GateError, match=f"process {old.pid} on"):
            alembic(split, "upgrade", "head")
        assert split.heads == {"r3"}

        # It takes its report back when it ends.
        end(old)
        assert len(reports(split)) == 1
        assert split.flask("db", "upgrade").exit_code == 0
        end(new)
    assert split.heads == {"r5"}
    assert reports(split) == []


def test_status_and_check_know_who_holds_the_contract(split: Split) -> None:
    split.write()
    split.at("migrate").upgrade()
    with serve(split, "migrate") as old:
        split.at("contract", DATAMIGRATE_HEARTBEAT=60)
        named = f"process {old.pid} on {socket.gethostname()} is alive and at stage"
        advice = 'Give it the code with app.config["DATAMIGRATE_STAGES"]["split"]'
        shown = split.flask("db", "data", "status").stdout
        assert f"migrate, verified  closed: {named} migrate" in shown
        assert f"split: next: {advice}" in shown
        change = json.loads(split.flask("db", "data", "status", "--json").stdout)[-1]
        assert change["gate"] == f"closed: {named} migrate"
        assert change["next"].endswith("or stop it; then run flask db upgrade")
        assert change["processes"] == [
            {"host": socket.gethostname(), "pid": old.pid, "stage": "migrate"}
        ]
        ran = split.flask("db", "data", "check")
        assert ran.exit_code == 0
        assert f"the gate of its contract is closed: {named} migrate. {advice}" in (
            ran.stderr
        )

        # The config holds it before any process does.
        split.at("migrate", DATAMIGRATE_HEARTBEAT=60)
        assert "closed: the config says migrate" in (
            split.flask("db", "data", "status").stdout
        )
        end(old)
    split.at("contract", DATAMIGRATE_HEARTBEAT=60)
    change = json.loads(split.flask("db", "data", "status", "--json").stdout)[-1]
    assert (change["gate"], change["processes"]) == ("open", [])
    assert change["next"] == "flask db upgrade"


def test_a_killed_process_is_not_waited_for(split: Split) -> None:
    split.write()
    split.at("migrate").upgrade()
    with serve(split, None) as old:
        split.at("contract", DATAMIGRATE_HEARTBEAT=60)
        ran = split.flask("db", "upgrade")
        assert "is alive and of code that does not name the change" in ran.stderr
        old.kill()
    assert len(reports(split)) == 1
    assert split.flask("db", "upgrade").exit_code == 0


def test_a_process_of_another_host_is_forgotten_after_three_beats(split: Split) -> None:
    split.write()
    split.at("migrate").upgrade()
    with serve(split, "migrate") as old:
        split.database.execute("UPDATE datamigrate_processes SET process = 'far:1:2:3'")
        old.kill()
    split.at("contract", DATAMIGRATE_HEARTBEAT=60)
    ran = split.flask("db", "upgrade")
    assert "process 1 on far is alive and at stage migrate" in ran.stderr
    split.database.execute("UPDATE datamigrate_processes SET dead_at = dead_at - 181")
    assert split.flask("db", "upgrade").exit_code == 0


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_processes_that_are_waited_for_are_counted(
    split: Split, count: int
) -> None:
    split.write()
    split.at("migrate").upgrade()
    with serve(split, "migrate") as old:
        for number in range(2, count + 1):
            split.database.execute(
                "INSERT INTO datamigrate_processes (process, stages, dead_at) "
                f"SELECT 'far:{number}:2:3', stages, dead_at "
                "FROM datamigrate_processes WHERE process NOT LIKE 'far:%'"
            )
        split.at("contract", DATAMIGRATE_HEARTBEAT=60)
        ran = split.flask("db", "upgrade")
        assert ran.exit_code == 3
        assert ran.stderr.count(" is alive and at stage migrate") == min(count, 3)
        assert ("; and 2 more. " in ran.stderr) is (count == 5)
        them = "it" if count == 1 else "them"
        assert f". Give {them} the code with " in ran.stderr
        assert f", or stop {them}; then run" in ran.stderr
        with pytest.raises(GateError, match=f"or stop {them}"):
            alembic(split, "upgrade", "head")
        end(old)


def test_reports_go_on(split: Split) -> None:
    split.write()
    split.at("migrate").upgrade()
    with serve(split, "migrate", every=0.05) as old:
        query = "SELECT max(dead_at) FROM datamigrate_processes"
        first = split.database.scalar(query)
        while split.database.scalar(query) == first:
            assert old.poll() is None
        end(old)


def test_switched_off_it_asks_nothing(split: Split) -> None:
    split.write()
    split.at("migrate").upgrade()
    with serve(split, "migrate") as old:
        assert split.at("contract").flask("db", "upgrade").exit_code == 0
        end(old)
    code = split.make_app(DATAMIGRATE_STAGES={"split": "contract"})
    with code.app_context():
        engine = code.extensions["sqlalchemy"].engine
    asked: list[object] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *a: asked.append(a))
    assert code.test_client().get("/").status_code == 404
    assert asked == []
    engine.dispose()


def test_the_first_process_makes_the_table(split: Split) -> None:
    split.write()
    with serve(split, "migrate") as old:
        (process,) = reports(split)
        assert process.split(":")[-3] == str(old.pid)
        end(old)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_process_that_cannot_report_serves_all_the_same(
    split: Split, capfd: pytest.CaptureFixture[str]
) -> None:
    split.write()
    split.at("migrate").upgrade("r1")
    url = split.database.url.replace("sqlite:///", "sqlite:///file:") + "?mode=ro&uri=1"
    code = make_app(url, directory=split.project.migrations, DATAMIGRATE_HEARTBEAT=60)
    # An upgrade in this process has alembic.ini disable the loggers there were before.
    code.logger.disabled = False
    assert code.test_client().get("/").status_code == 404
    assert "could not say that it is alive" in capfd.readouterr().err
    with code.app_context():
        code.extensions["sqlalchemy"].engine.dispose()
