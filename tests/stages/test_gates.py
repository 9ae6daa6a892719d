"""What an upgrade holds, and what it says of it."""

from __future__ import annotations

import typing as t

import pytest

from flask_datamigrate.backfill.signals import gate_held
from flask_datamigrate.errors import GateError

from .conftest import DEFERRED
from .conftest import Split


def test_a_change_is_rolled_out_stage_by_stage(split: Split) -> None:
    split.write()
    split.at("expand").upgrade("r1")
    report = split.upgrade()
    assert report.revisions == ("r2",)
    (held,) = report.held
    assert (held.change, dict(held.revisions), held.behind) == (
        "split",
        {"r3": "migrate", "r4": "contract"},
        ("r5",),
    )
    assert split.at("migrate").upgrade().revisions == ("r3",)
    assert split.columns == {"id", "full_name", "first_name"}
    report = split.at("contract").upgrade()
    assert (report.revisions, report.held) == (("r4", "r5"), ())
    assert split.columns == {"id", "first_name"}
    assert split.database.rows("SELECT first_name FROM people ORDER BY id") == [
        ("Ada",),
        ("Alan",),
    ]


def test_the_command_says_what_waits_and_what_to_do(split: Split) -> None:
    split.write()
    ran = split.at("migrate").flask("db", "upgrade")
    assert ran.exit_code == 0
    assert ran.stderr.rstrip().endswith(
        "Held: change split: held is r4 (contract), since the config says migrate. "
        "Behind it waits r5. Deploy code that lives with contract, with "
        'app.config["DATAMIGRATE_STAGES"]["split"] = "contract", and run flask db '
        "upgrade with it."
    )
    again = split.flask("db", "upgrade")
    assert (again.exit_code, again.stderr.count("Held:")) == (0, 1)


@pytest.mark.parametrize(
    "command", [("migrate",), ("data", "change", "next")], ids=["migrate", "change"]
)
def test_a_new_revision_that_must_wait_says_what_holds_it(
    split: Split, command: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    split.write(migrate=DEFERRED)
    split.at("migrate").upgrade("r2")
    files = sorted(split.project.migrations.glob("versions/*.py"))

    def said() -> str:
        caplog.clear()
        ran = split.flask("db", *command)
        assert ran.exit_code == 1
        # Flask-Migrate logs what Alembic says.
        assert "Target database is not up to date." in ran.stderr + caplog.text
        assert sorted(split.project.migrations.glob("versions/*.py")) == files
        return str(ran.stderr.rstrip())

    assert said().endswith("Not applied: r3. Run flask db upgrade first.")
    split.upgrade()
    held = "Held: change split: held is r4 (contract), since "
    assert f"{held}the config says migrate. Behind it waits r5. Deploy" in said()
    split.at("contract")
    assert f"{held}backfill fill is pending. Behind it waits r5. Finish that" in said()
    split.flask("db", "data", "run")
    assert said().endswith("Not applied: r4, r5. Run flask db upgrade first.")


def test_unfinished_backfills_hold_the_contract(split: Split) -> None:
    split.write(migrate=DEFERRED)
    split.at("contract").upgrade("r1")
    ran = split.flask("db", "upgrade")
    assert ran.exit_code == 3
    assert ran.stderr.rstrip().endswith(
        "Error: change split: held is r4 (contract), since backfill fill is pending. "
        "Behind it waits r5. Finish that first: flask db data run fill; then run "
        "flask db upgrade again."
    )
    assert split.heads == {"r3"}
    assert split.flask("db", "data", "run").exit_code == 0
    assert split.flask("db", "upgrade").exit_code == 0
    assert split.heads == {"r5"}


def test_a_program_gets_the_report_with_the_error(split: Split) -> None:
    split.write(migrate=DEFERRED)
    told: list[t.Any] = []

    def receive(name: str, held: t.Any) -> None:
        told.append((name, held.closed))

    split.at("contract").upgrade("r1")
    with gate_held.connected_to(receive), pytest.raises(GateError) as caught:
        split.upgrade()
    assert caught.value.report is not None
    assert caught.value.report.revisions == ("r2", "r3")
    assert told == [("split", True)]


def test_a_change_without_config_is_applied_to_an_empty_database_only(
    split: Split,
) -> None:
    split.write()
    assert split.at(None).upgrade().held == ()
    assert split.heads == {"r5"}
    split.downgrade("r3")
    report = split.upgrade()
    assert (report.revisions, split.heads) == ((), {"r3"})
    (held,) = report.held
    assert held.reason == "the config does not name the change"
    assert '["split"] = "contract"' in held.next


def test_an_empty_database_takes_a_deferred_change_as_a_whole(split: Split) -> None:
    split.write(migrate=DEFERRED)
    report = split.at(None, DATAMIGRATE_BACKFILLS="deferred").upgrade()
    assert (report.deferred, report.held, split.heads) == ((), (), {"r5"})


def test_an_operator_may_allow_less_but_not_more(split: Split) -> None:
    split.write()
    report = split.at("contract").upgrade(through="expand")
    assert report.revisions == ("r1", "r2")
    assert split.flask("db", "upgrade", "--through", "migrate").exit_code == 0
    assert split.heads == {"r3"}
    assert split.at("migrate").upgrade(through="contract").held
    assert split.heads == {"r3"}


def test_other_branches_go_on(split: Split) -> None:
    split.write()
    split.revision("side", "def upgrade(): pass\ndef downgrade(): pass", down="r1")
    report = split.at("expand").upgrade("heads")
    assert set(report.revisions) == {"r1", "r2", "side"}
    assert report.held[0].behind == ("r5",)


def test_the_way_down_takes_the_stages_backwards(split: Split) -> None:
    split.write()
    split.at("contract").upgrade()
    split.at("expand").downgrade("r1")
    assert split.columns == {"id", "full_name"}
