"""What the doctor sees of a database: each finding provoked, each advice followed."""

from __future__ import annotations

import signal
import threading

import pytest
import sqlalchemy as sa

from flask_datamigrate.backfill.reporting import Reporter
from flask_datamigrate.settings import read
from flask_datamigrate.upgrading import lock
from tests.databases.database import Database
from tests.upgrading.conftest import ADD
from tests.upgrading.conftest import ADD_FOR_GOOD
from tests.upgrading.conftest import COLUMN
from tests.upgrading.conftest import COUNTERS
from tests.upgrading.conftest import CREATE
from tests.upgrading.test_lock import STOP_AT_THE_LAST_ROW
from tests.upgrading.test_multidb import ADD_TO
from tests.upgrading.test_multidb import BOTH
from tests.upgrading.test_multidb import CREATE_BOTH

from .conftest import Clinic

NOTHING = """
def upgrade():
    pass

def downgrade():
    pass
"""
DEFERRED = ADD.replace("undo=True", "undo=True, deferred=True")
FAILS = (
    COUNTERS
    + """
def fail(row):
    raise ValueError("no such thing")

backfill = Backfill.rows(counters, fail, reads=["n"], writes=["n"])

def upgrade():
    op.backfill(backfill)

def downgrade():
    pass
"""
)


def test_nothing_is_wrong_and_nothing_is_changed(clinic: Clinic) -> None:
    clinic.chain(CREATE, ADD_FOR_GOOD.format(by=1, options=""))
    before = clinic.database.tables()
    assert clinic.doctor().exit_code == 3
    assert clinic.database.tables() == before == []
    clinic.upgrade()
    assert clinic.doctor().exit_code == 0
    text = clinic.flask("db", "data", "doctor")
    assert text.exit_code == 0
    assert "ok       version: at r2" in text.stdout
    assert "0 problems, 0 warnings" in text.stdout


def test_a_database_that_may_only_be_read(clinic: Clinic) -> None:
    clinic.chain(CREATE, ADD.format(by=1))
    clinic.upgrade()
    url = clinic.database.url
    if clinic.database.name == "postgresql":
        url += "?options=-c default_transaction_read_only=on"
    elif clinic.database.name == "sqlite":
        path = sa.make_url(url).database
        url = f"sqlite:///file:{path}?mode=ro&uri=true"
    else:
        url += "?init_command=SET SESSION TRANSACTION READ ONLY"
    clinic.project.url = url
    clinic.app = clinic.make_app()
    assert clinic.doctor().exit_code == 0


def test_behind_the_files(clinic: Clinic) -> None:
    clinic.chain(CREATE, COLUMN.format(name="a"), COLUMN.format(name="b"))
    clinic.upgrade("r1")
    level, what, mend = clinic.doctor().one("version")
    assert (level, mend) == ("warning", "flask db upgrade")
    assert "at r1, behind the files by 2 revisions" in what


def test_a_revision_that_no_file_has(clinic: Clinic) -> None:
    clinic.chain(CREATE, COLUMN.format(name="a"))
    clinic.upgrade()
    (clinic.project.migrations / "versions" / "r2.py").unlink()
    said = clinic.doctor()
    level, what, _ = said.one("version")
    assert (said.exit_code, level) == (3, "problem")
    assert "at revision r2, and no file here has it" in what


def test_a_backfill_that_failed(clinic: Clinic) -> None:
    clinic.chain(CREATE, FAILS.replace('writes=["n"]', 'writes=["n"], deferred=True'))
    clinic.upgrade()
    assert clinic.flask("db", "data", "run").exit_code == 1
    said = clinic.doctor()
    level, what, mend = said.one("backfills")
    assert (said.exit_code, level) == (3, "problem")
    assert what.startswith("r2 has failed") and "no such thing" in what
    assert "flask db data retry r2" in mend


def test_a_runner_that_was_killed(clinic: Clinic) -> None:
    clinic.chain(CREATE, STOP_AT_THE_LAST_ROW)
    killed = clinic.project.run(
        "db",
        "upgrade",
        FLASK_DATAMIGRATE_MAX_BATCH_SIZE="1",
        FLASK_DATAMIGRATE_LOCK="row",
    )
    assert killed.code == -signal.SIGKILL
    said = clinic.doctor()
    level, what, mend = said.one("backfills")
    assert level == "problem"
    assert what.startswith("r2 is paused, and nobody is at it (process ")
    assert "has died" in what and mend.startswith("flask db upgrade")
    level, what, _ = said.one("migration lock")
    assert level == "note" and "left it when it died" in what


def test_indexes_that_are_still_set_aside(clinic: Clinic) -> None:
    index = 'def upgrade(): op.create_index("ix_n", "counters", ["n"])'
    options = 'batch_size=1, set_aside=["ix_n"]'
    stops = STOP_AT_THE_LAST_ROW.replace("batch_size=1", options)
    clinic.chain(CREATE, index, stops)
    killed = clinic.project.run("db", "upgrade")
    assert killed.code == -signal.SIGKILL
    level, what, mend = clinic.doctor().one("indexes set aside")
    assert level == "problem" and what.startswith("r3 has set ix_n aside")
    assert mend.startswith("flask db upgrade, or flask db data cancel r3")
    assert clinic.flask("db", "data", "cancel", "r3").exit_code == 0
    assert clinic.doctor().of("indexes set aside") == []


def test_rows_that_were_refused(clinic: Clinic) -> None:
    options = "on_row_error='skip', deferred=True"
    clinic.chain(CREATE, FAILS.replace('writes=["n"]', f'writes=["n"], {options}'))
    clinic.upgrade()
    assert clinic.flask("db", "data", "run").exit_code == 3
    level, what, mend = clinic.doctor().one("backfills")
    assert level == "warning" and "r2 has left 3 rows out" in what
    assert "flask db data accept --refused r2" in mend
    assert clinic.flask("db", "data", "accept", "--refused", "r2").exit_code == 0
    assert clinic.flask("db", "data", "run").exit_code == 0
    assert clinic.doctor().exit_code == 0


def test_an_undo_that_stopped_half_way(clinic: Clinic) -> None:
    clinic.chain(CREATE, ADD.format(by=1))
    clinic.upgrade()
    clinic.database.execute("UPDATE datamigrate_backfills SET state = 'undoing'")
    level, what, mend = clinic.doctor().one("backfills")
    assert level == "problem" and "undo of r2 stopped half way" in what
    assert "flask db downgrade" in mend


def test_a_pause_that_was_forgotten(clinic: Clinic) -> None:
    clinic.chain(CREATE, DEFERRED.format(by=1))
    clinic.upgrade()
    assert clinic.flask("db", "data", "pause", "r2").exit_code == 0
    said = clinic.doctor()
    assert said.exit_code == 0
    assert said.one("backfills")[0] == "note"
    clinic.database.execute("UPDATE datamigrate_events SET at = at - 90000")
    said = clinic.doctor()
    level, what, mend = said.one("backfills")
    assert (said.exit_code, level) == (3, "warning")
    assert "paused by an operator (process " in what and "for 25 h" in what
    assert mend == "flask db data resume r2, then flask db data run r2"


def test_a_backfill_that_no_file_defines(clinic: Clinic) -> None:
    clinic.chain(CREATE, DEFERRED.format(by=1))
    clinic.upgrade()
    clinic.revision("r2", NOTHING, down="r1")
    found = clinic.doctor().of("backfills")
    assert found[0]["level"] == "warning"
    assert "no file defines the backfill r2" in found[0]["what"]
    assert clinic.flask("db", "data", "cancel", "r2").exit_code == 0
    said = clinic.doctor()
    assert (said.exit_code, said.one("backfills")[0]) == (0, "note")


@pytest.mark.parametrize("kind", ["session", "row"])
def test_who_holds_the_migration_lock(clinic: Clinic, kind: str) -> None:
    clinic.chain(CREATE)
    clinic.upgrade()
    engine = clinic.database.engine()
    settings = read({"DATAMIGRATE_LOCK": kind})
    patience = lock.Patience(0, Reporter(), threading.Event())
    assert clinic.doctor().of("migration lock") == []
    with lock.hold(engine, settings, patience):
        level, what, _ = clinic.doctor().one("migration lock")
    assert level == "note" and "an upgrade holds it: " in what
    row = kind == "row" or clinic.database.name == "sqlite"
    assert ("process " if row else "session ") in what
    assert clinic.doctor().of("migration lock") == []


def test_each_database_of_an_app(two: Clinic, second_database: Database) -> None:
    two.chain(CREATE_BOTH, ADD_TO.format(by=1, first=BOTH, second=BOTH))
    two.upgrade()
    said = two.doctor()
    assert said.exit_code == 0
    assert "begins a transaction" in said.one("env.py")[1]
    assert {f["bind"] for f in said.of("kept rows")} == {None, "other"}
    second_database.execute("UPDATE datamigrate_backfills SET state = 'running'")
    (found,) = two.doctor().of("backfills")
    assert (found["level"], found["bind"]) == ("problem", "other")
