"""Triggers that are gone while their change is under way: seen, held, and mended."""

from __future__ import annotations

import json
import signal
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate.errors import GateError
from tests.stages.conftest import Split
from tests.stages.test_sync import COLUMNS
from tests.stages.test_sync import DROP
from tests.stages.test_sync import EXPAND
from tests.stages.test_sync import FILL
from tests.stages.test_sync import PEOPLE
from tests.stages.test_sync import SYNC
from tests.stages.test_sync import names
from tests.stages.test_sync import triggers

CONTRACT = (
    EXPAND[: EXPAND.index("\nchange")]
    + f"""
import os, signal

change = "split"
stage = "contract"

def upgrade():{DROP}
    if os.environ.get("KILLED") == "up":
        os.kill(os.getpid(), signal.SIGKILL)

def downgrade():{SYNC}
    if os.environ.get("KILLED") == "down":
        os.kill(os.getpid(), signal.SIGKILL)
"""
)
GONE = """
change = "split"
stage = "contract"

def upgrade():
    op.archive_column("people", "full_name")

def downgrade():
    op.restore_column("people", "full_name")
"""
NOT_ROLLED_BACK = pytest.mark.parametrize(
    "database", ["sqlite", "mysql"], indirect=True
)
OLD = "UPDATE people SET full_name = 'Grace Hopper' WHERE id = 1"


def prepared(split: Split) -> None:
    split.chain(PEOPLE, EXPAND, FILL.format(options=""), CONTRACT, GONE)
    split.at("migrate").upgrade()


def killed(split: Split, *command: str, at: str = "up") -> None:
    """Run a command of code at contract; it dies behind what it does to triggers."""
    stages = json.dumps({"split": "contract"})
    ran = split.project.run("db", *command, KILLED=at, FLASK_DATAMIGRATE_STAGES=stages)
    assert ran.code == -signal.SIGKILL, ran.err


def drop(split: Split) -> None:
    """Lose the triggers, as in a dump without them."""
    engine = split.database.engine()
    query = {
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
        "mysql": "SELECT trigger_name FROM information_schema.triggers "
        "WHERE trigger_schema = database()",
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    }[split.database.name]
    on = " ON people" if split.database.name == "postgresql" else ""
    with engine.begin() as connection:
        for (name,) in connection.exec_driver_sql(query).all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}{on}")


def said(split: Split, *command: str) -> tuple[int, str]:
    ran = split.flask("db", *command)
    return ran.exit_code, " ".join((ran.stdout + ran.stderr).split())


@NOT_ROLLED_BACK
def test_a_contract_that_was_killed_is_gone_on_with(split: Split) -> None:
    prepared(split)
    killed(split, "upgrade")
    assert triggers(split) == 0
    split.at("contract")
    # Code at contract can live with it, and writes the new columns alone.
    assert split.flask("db", "data", "check").exit_code == 0
    split.database.execute("UPDATE people SET last_name = 'King' WHERE id = 1")
    split.upgrade()
    query = "SELECT first_name, last_name FROM people"
    assert split.database.rows(query) == [("Ada", "King")]
    assert split.flask("db", "data", "check").exit_code == 0


@NOT_ROLLED_BACK
def test_earlier_code_behind_a_killed_contract_is_a_conflict(split: Split) -> None:
    prepared(split)
    killed(split, "upgrade")
    for stage in ("migrate", "expand", None):
        split.at(stage)
        code, text = said(split, "data", "check")
        assert code == 3
        assert "of table people are missing, and its contract is not applied" in text
        assert "Its contract was begun and cut off. If only code at contract" in text
    _, text = said(split, "data", "doctor")
    assert "of table people are missing" in text
    _, text = said(split, "data", "status")
    assert "of table people are missing" in text
    assert "split: next: Its contract was begun and cut off" in text
    client = split.at("migrate", DATAMIGRATE_CHECK="error").app.test_client()
    assert client.get("/").status_code == 503


@NOT_ROLLED_BACK
def test_what_old_code_wrote_behind_a_killed_contract_is_not_lost(
    split: Split,
) -> None:
    prepared(split)
    killed(split, "upgrade")
    # The code is put back, its container upgrades as each does, and it writes.
    split.at("migrate").upgrade()
    split.database.execute(OLD)
    assert names(split, 1) == ("Grace Hopper", "Ada", "Lovelace")
    split.at("contract")
    with pytest.raises(GateError, match="held is r4 .* of table people are missing"):
        split.upgrade()
    code, text = said(split, "upgrade")
    assert (code, split.heads) == (3, {"r3"})
    assert "run flask db downgrade r2-1, and then flask db upgrade" in text
    # As it says.
    split.at("expand").downgrade("r2-1")
    split.at("contract").upgrade()
    query = "SELECT first_name, last_name FROM people"
    assert split.database.rows(query) == [("Grace", "Hopper")]


def test_triggers_that_were_lost_hold_the_contract(split: Split) -> None:
    prepared(split)
    assert split.flask("db", "data", "check").exit_code == 0
    drop(split)
    code, text = said(split, "data", "check")
    assert code == 3 and "of table people" in text and "begun" not in text
    with pytest.raises(GateError, match="held is r4"):
        split.at("contract").upgrade()
    (name,) = {
        row[0]
        for row in split.database.rows("SELECT name FROM datamigrate_ddl")
        if row[0].startswith("datamigrate_synced")
    }
    code, text = said(split, "upgrade")
    command = f"DELETE FROM datamigrate_ddl WHERE name IN ('{name}')"
    assert code == 3 and command in text
    split.database.execute(command)
    split.upgrade()
    # Taken back, the triggers are there again, and known.
    split.downgrade("r3")
    split.at("migrate")
    assert split.flask("db", "data", "check").exit_code == 0
    drop(split)
    assert split.flask("db", "data", "check").exit_code == 3


@NOT_ROLLED_BACK
def test_the_doctor_drops_no_trigger_of_a_downgrade_that_was_killed(
    split: Split,
) -> None:
    prepared(split)
    split.at("contract").upgrade()
    killed(split, "downgrade", "r3", at="down")
    count = triggers(split)
    assert count > 0
    _, text = said(split, "data", "doctor")
    assert "DROP TRIGGER" not in text
    split.downgrade("r3")
    assert triggers(split) == count


@NOT_ROLLED_BACK
def test_an_expand_whose_downgrade_was_killed_is_seen(split: Split) -> None:
    killing = EXPAND.replace(
        f"def downgrade():{DROP}",
        f"import os, signal\n\ndef downgrade():{DROP}"
        '    if os.environ.get("KILLED"):\n'
        "        os.kill(os.getpid(), signal.SIGKILL)\n",
    )
    assert COLUMNS in killing
    split.chain(PEOPLE, killing)
    split.at("expand").upgrade()
    killed(split, "downgrade", "r1")
    assert split.flask("db", "data", "check").exit_code == 3
    split.downgrade("r1")
    assert split.flask("db", "data", "check").exit_code == 0
    split.upgrade()
    assert split.flask("db", "data", "check").exit_code == 0


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_the_tables_of_two_schemas_are_told_apart(split: Split) -> None:
    other = SYNC.replace('change="split",', 'change="split", schema="other",')
    split.chain(PEOPLE, EXPAND.replace(SYNC, SYNC + other))
    split.database.execute("CREATE SCHEMA other")
    columns = "id integer, full_name text, first_name text, last_name text"
    split.database.execute(f"CREATE TABLE other.people ({columns})")
    split.at("expand").upgrade()
    assert split.flask("db", "data", "check").exit_code == 0
    ((name,),) = split.database.rows(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = 'people'::regclass "
        "AND NOT tgisinternal"
    )
    for table, of in (("people", "people"), ("other.people", "other.people, people")):
        split.database.execute(f"DROP TRIGGER {name} ON {table}")
        code, text = said(split, "data", "check")
        assert code == 3 and f" of table {of} " in text


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_who_may_not_see_triggers_misses_none(split: Split) -> None:
    prepared(split)
    name = sa.make_url(split.project.url).database
    user = f"trial_sync_{name}"[-30:]
    split.database.execute(f"CREATE USER '{user}'@'%' IDENTIFIED BY 'x'")
    try:
        grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{name}`.* TO '{user}'@'%'"
        split.database.execute(grant)
        url = sa.make_url(split.project.url).set(username=user, password="x")
        whole: t.Any = url.render_as_string(hide_password=False)
        split.project.url = whole
        split.at("migrate")
        assert split.flask("db", "data", "check").exit_code == 0
    finally:
        split.database.execute(f"DROP USER '{user}'@'%'")
