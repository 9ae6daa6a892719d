"""Ctrl-C and SIGTERM to a real process whose command has hardly begun."""

from __future__ import annotations

import pathlib
import signal

import pytest

from tests.apps import Project
from tests.databases.database import Database
from tests.kills import counters

# It is found by its name, so the signal comes at the same moment on any machine.
AT_IMPORT = """
import importlib.abc, os, signal, sys, time

class Interrupting(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == os.environ.get("SIGNAL_AT"):
            sys.meta_path.remove(self)
            os.kill(os.getpid(), int(os.environ["SIGNAL"]))
            # Its handler runs here, and not where Python would swallow what it raises.
            time.sleep(5)

sys.meta_path.insert(0, Interrupting())
"""
OF_THE_APP = """
import signal, sys
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(77))
"""
PLACES = {
    "upgrade": ("flask_datamigrate.cli.upgrade", ("db", "upgrade")),
    "downgrade": ("flask_datamigrate.cli.upgrade", ("db", "downgrade")),
    "run": ("flask_datamigrate.cli.run", ("db", "data", "run")),
    "its work": ("flask_datamigrate.upgrading.deferred", ("db", "data", "run")),
    "undo": ("flask_datamigrate.upgrading.deferred", ("db", "data", "undo", "r2")),
    "status": ("flask_datamigrate.cli.status", ("db", "data", "status")),
}


@pytest.fixture
def project(tmp_path: pathlib.Path, database: Database) -> Project:
    made = counters(tmp_path, database, 20)
    entry = tmp_path / "entry.py"
    entry.write_text(AT_IMPORT + entry.read_text())
    return made


def interrupt(
    project: Project, number: signal.Signals, at: str, *command: str
) -> tuple[int, str]:
    # Not forked from the nursery, which has imported it all: PYTHON… needs a new one.
    given = {
        "SIGNAL": str(int(number)),
        "SIGNAL_AT": at,
        "PYTHONIOENCODING": "utf-8:strict",
    }
    ran = project.run(*command, **given)
    assert "Traceback" not in ran.out + ran.err
    return ran.code, ran.err


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_a_command_begins_says_so(
    project: Project, database: Database, number: signal.Signals
) -> None:
    for at, command in PLACES.values():
        code, said = interrupt(project, number, at, *command)
        assert (code, said) == (
            130,
            "Error: interrupted before it began. Nothing was changed.\n",
        ), command
    assert database.scalar("SELECT version_num FROM alembic_version") == "r1"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_upgrade_is_imported_stops_it_before_the_first_revision(
    project: Project, database: Database, number: signal.Signals
) -> None:
    at = "flask_datamigrate.upgrading"
    code, said = interrupt(project, number, at, "db", "upgrade")
    assert code == 130
    assert "before the first revision. Nothing was changed" in said
    assert database.scalar("SELECT version_num FROM alembic_version") == "r1"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_handler_of_the_app_stays_in_charge(project: Project) -> None:
    entry = project.path / "entry.py"
    entry.write_text(entry.read_text() + OF_THE_APP)
    at, command = PLACES["run"]
    assert interrupt(project, signal.SIGTERM, at, *command) == (77, "")
