"""``flask db data check`` and ``status``: code and database side by side."""

from __future__ import annotations

import json
import typing as t

import pytest
import sqlalchemy as sa

from .conftest import DEFERRED
from .conftest import PEOPLE
from .conftest import Split
from .test_sync import EXPAND as SYNCED
from .test_sync import FILL

DROP = """
change = "split"
stage = "contract"

def upgrade():
    op.drop_sync("people", change="split")

def downgrade():
    pass
"""

AT = {"none": "r1", "expand": "r2", "verified": "r3", "contract": "r5"}


def illegal(split: Split, database: str) -> dict[str, str]:
    """Return what ``check`` refuses of each stage of code, on a database as it is."""
    refused = {}
    for stage in ("expand", "migrate", "contract"):
        ran = split.at(stage).flask("db", "data", "check")
        assert ran.exit_code in (0, 3), ran.stderr
        if ran.exit_code == 3:
            refused[stage] = ran.stderr
    return refused


def test_each_pair_of_code_and_database(split: Split) -> None:
    split.write()
    expected = {
        "none": {"migrate", "contract"},
        "expand": {"contract"},
        "verified": set(),
        "contract": {"expand", "migrate"},
    }
    for database, revision in AT.items():
        split.at("contract").upgrade(revision)
        refused = illegal(split, database)
        assert refused.keys() == expected[database], database
        assert all("Conflict: change split: " in text for text in refused.values())
    # All of a contract is taken back, however much comes after it.
    back = "flask db downgrade r4-1"
    assert all(back in text for text in refused.values())


def test_a_deferred_backfill_is_a_conflict_until_it_is_run(split: Split) -> None:
    split.write(migrate=DEFERRED)
    split.at("migrate").upgrade()
    ran = split.at("contract").flask("db", "data", "check")
    assert ran.exit_code == 3
    assert "which the database has not filled and checked yet" in ran.stderr
    assert "flask db data run" in ran.stderr
    split.flask("db", "data", "run")
    assert split.flask("db", "data", "check").exit_code == 0


@pytest.mark.parametrize("changes", [False, True])
def test_a_database_that_is_down_is_an_error(split: Split, changes: bool) -> None:
    if changes:
        split.write()
    answering = split.project.app().test_cli_runner()
    if not changes:
        ran = answering.invoke(args=["db", "data", "check"])
        assert (ran.exit_code, "no staged changes" in ran.stderr) == (0, True)
    url = sa.make_url(split.project.url)
    down = url.set(port=1) if url.host else url.set(database="no/such/directory/app.db")
    split.project.url = down.render_as_string(hide_password=False)
    ran = split.project.app().test_cli_runner().invoke(args=["db", "data", "check"])
    assert ran.exit_code == 1
    assert ran.stderr.startswith("Error: ")
    assert "Traceback" not in ran.output


def status(split: Split) -> dict[str, t.Any]:
    shown = json.loads(split.flask("db", "data", "status", "--json").stdout)
    (change,) = (one for one in shown if one["kind"] == "change")
    assert isinstance(change, dict)
    return change


def test_status_shows_a_change_through_its_life(split: Split) -> None:
    split.write(migrate=DEFERRED)
    seen = []
    for stage, command in (
        ("expand", ("upgrade",)),
        ("migrate", ("upgrade",)),
        ("migrate", ("data", "run")),
        ("contract", ("upgrade",)),
    ):
        split.at(stage).flask("db", *command)
        change = status(split)
        seen.append((change["database_stage"], change["verified"], change["gate"][:20]))
    assert seen == [
        ("expand", False, "closed: the config s"),
        ("migrate", False, "closed: the config s"),
        ("migrate", True, "closed: the config s"),
        ("contract", True, "passed"),
    ]
    assert status(split)["next"] == "nothing is left to do"


def test_a_change_that_is_over_may_leave_the_config(split: Split) -> None:
    split.write()
    split.at("contract").upgrade()
    split.at(None)
    change = status(split)
    assert (change["gate"], change["next"]) == ("passed", "nothing is left to do")
    assert split.flask("db", "data", "check").exit_code == 0
    assert split.flask("db", "upgrade").exit_code == 0


def test_status_knows_a_change_that_was_renamed_on_the_way(split: Split) -> None:
    split.chain(PEOPLE, SYNCED, FILL.replace("{options}", ""), DROP)
    split.at("migrate").upgrade()
    for path in split.project.migrations.glob("versions/*.py"):
        path.write_text(path.read_text().replace('"split"', '"apart"'))
    split.app = split.make_app(DATAMIGRATE_STAGES={"apart": "contract"})
    advice = status(split)["next"]
    assert advice.startswith(
        'the triggers on people are those of change "split", which no revision belongs '
        "to any more. If this one was renamed, call it so again, in its revisions and "
        "in the config."
    )
    assert "no triggers of change apart" in split.flask("db", "upgrade").output

    for path in split.project.migrations.glob("versions/*.py"):
        path.write_text(path.read_text().replace('"apart"', '"split"'))
    split.at("contract")
    assert status(split)["next"] == "flask db upgrade"
    assert split.flask("db", "upgrade").exit_code == 0


def test_the_way_back_begins_with_the_config(split: Split) -> None:
    split.write()
    split.at("contract").upgrade()
    key = 'app.config["DATAMIGRATE_STAGES"]["split"] = '
    for revision, stage in (("r2", "migrate"), ("r1", "expand")):
        split.downgrade(revision)
        advice = f'it was taken back: deploy code at an earlier stage ({key}"{stage}")'
        assert status(split)["next"].startswith(advice)
        assert f'{key}"{stage}"' in split.flask("db", "data", "check").stderr
        assert split.at(stage).flask("db", "data", "check").exit_code == 0
        split.at("contract")
    # The first time there is only one way.
    split.downgrade("base")
    for table in ("backfills", "changes"):
        split.database.execute(f"DELETE FROM datamigrate_{table}")
    assert status(split)["next"] == "flask db upgrade"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_status_has_files_mended_that_an_upgrade_refuses(split: Split) -> None:
    split.write()
    split.at("migrate").upgrade("r2")
    contract = split.project.migrations / "versions" / "r4.py"
    contract.write_text(contract.read_text().replace('"split"', '"splitt"'))
    assert split.flask("db", "upgrade").exit_code == 1
    shown = json.loads(split.flask("db", "data", "status", "--json").stdout)
    steps = {one["name"]: one["next"] for one in shown if one["kind"] == "change"}
    assert steps["split"] == (
        "mend the revisions, which flask db upgrade refuses as the warnings say; then: "
        "flask db upgrade"
    )


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_table_names_the_next_step(split: Split) -> None:
    split.write(migrate=DEFERRED)
    split.at("contract").upgrade("r1")
    split.flask("db", "upgrade")
    shown = split.flask("db", "data", "status").stdout
    assert "CHANGE  CONFIG    DATABASE  CONTRACT" in shown
    assert "split   contract  migrate   closed: fill is pending" in shown
    assert "split: next: flask db data run fill" in shown
