"""Backfills that the upgrade registers, and ``flask db data run`` does."""

from __future__ import annotations

import json
import threading
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate.backfill.reporting import Reporter
from flask_datamigrate.errors import InterruptedRun
from flask_datamigrate.upgrading import deferred
from tests.backfill.engine import at_each_batch
from tests.upgrading.conftest import ADD
from tests.upgrading.conftest import ADD_FOR_GOOD
from tests.upgrading.conftest import COLUMN
from tests.upgrading.conftest import COUNTERS
from tests.upgrading.conftest import CREATE
from tests.upgrading.conftest import Bench

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

TWO = (
    COUNTERS
    + """
first = Backfill(sa.update(counters).values(n=counters.c.n + 1), deferred=True)
second = Backfill(sa.update(counters).values(n=counters.c.n + 1), deferred=True)

def upgrade():
    op.backfill(first)
    op.backfill(second)

def downgrade():
    pass
"""
)

DEFERRED = ADD_FOR_GOOD.format(by=1, options=", deferred=True")
PLAIN = ADD_FOR_GOOD.format(by=1, options="")


def states(bench: Bench) -> dict[str, str]:
    found = json.loads(bench.flask("db", "data", "status", "--json").stdout)
    return {entry["name"]: entry["state"] for entry in found}


def test_the_upgrade_goes_on_and_data_run_does_the_work(bench: Bench) -> None:
    bench.chain(CREATE, DEFERRED, COLUMN.format(name="a"))

    ran = bench.flask("db", "upgrade")

    assert ran.exit_code == 0, ran.output
    assert "Deferred: r2. Do the work with: flask db data run" in ran.output
    assert (bench.heads, bench.counts) == ({"r3"}, [10, 20, 50])
    assert states(bench) == {"r2": "pending"}
    ran = bench.flask("db", "data", "run")
    assert ran.exit_code == 0, ran.output
    assert bench.counts == [11, 21, 51]
    assert states(bench) == {"r2": "finished"}


def test_they_run_in_the_order_of_their_revision(bench: Bench) -> None:
    two = (
        COUNTERS
        + """
first = Backfill(
    sa.update(counters).values(n=counters.c.n + 1), name="z", deferred=True
)
second = Backfill(
    sa.update(counters).values(n=counters.c.n * 2), name="a", deferred=True
)

def upgrade():
    op.backfill(first)
    op.backfill(second)

def downgrade():
    pass
"""
    )
    bench.chain(CREATE, two)
    bench.upgrade()
    assert bench.flask("db", "data", "run").exit_code == 0
    assert bench.counts == [22, 42, 102]


@on_sqlite
def test_a_finished_one_is_not_run_again(bench: Bench) -> None:
    bench.chain(CREATE, DEFERRED)
    bench.upgrade()
    bench.flask("db", "data", "run")
    for command in (["run"], ["run", "r2"]):
        ran = bench.flask("db", "data", *command)
        assert ran.exit_code == 0, ran.output
        assert "Nothing to run" in ran.output
    assert bench.counts == [11, 21, 51]


@on_sqlite
def test_an_inline_one_is_not_run_again_either(bench: Bench) -> None:
    bench.chain(CREATE, PLAIN)
    bench.upgrade()
    assert "Nothing to run" in bench.flask("db", "data", "run", "r2").output
    assert bench.counts == [11, 21, 51]


@on_sqlite
@pytest.mark.parametrize(
    ("body", "config", "options", "deferred"),
    [
        (PLAIN, {}, {"defer": True}, True),
        (PLAIN, {"DATAMIGRATE_BACKFILLS": "deferred"}, {}, True),
        (PLAIN, {"DATAMIGRATE_BACKFILLS": "deferred"}, {"defer": False}, False),
        (PLAIN, {}, {}, False),
        (DEFERRED, {}, {"defer": False}, True),
        (PLAIN.replace("+ 1)", "+ 1), deferred=False"), {}, {"defer": True}, False),
    ],
)
def test_who_decides(
    bench: Bench,
    body: str,
    config: dict[str, t.Any],
    options: dict[str, t.Any],
    deferred: bool,
) -> None:
    bench.chain(CREATE, body)
    bench.app = bench.make_app(**config)
    report = bench.upgrade(**options)
    assert report.deferred == (("r2",) if deferred else ())
    assert bench.counts == ([10, 20, 50] if deferred else [11, 21, 51])


def test_the_option_of_the_command(bench: Bench) -> None:
    bench.chain(CREATE, PLAIN)
    bench.flask("db", "upgrade", "--defer")
    assert (bench.heads, bench.counts) == ({"r2"}, [10, 20, 50])


@on_sqlite
def test_taken_back_before_it_ran_and_registered_again(bench: Bench) -> None:
    bench.chain(CREATE, DEFERRED)
    for _ in range(3):
        assert bench.upgrade().deferred in (("r2",), ())
        assert bench.heads == {"r2"}
        bench.downgrade()
    bench.upgrade()
    bench.flask("db", "data", "run")
    assert bench.counts == [11, 21, 51]


@on_sqlite
def test_taken_back_before_it_ran_and_then_run_inline(bench: Bench) -> None:
    bench.chain(CREATE, PLAIN)
    bench.upgrade(defer=True)
    bench.downgrade()
    bench.upgrade(defer=False)
    assert (bench.heads, bench.counts) == ({"r2"}, [11, 21, 51])


@on_sqlite
def test_taken_back_after_it_ran_and_registered_again(bench: Bench) -> None:
    bench.chain(CREATE, DEFERRED)
    bench.upgrade()
    bench.flask("db", "data", "run")
    bench.downgrade()
    assert bench.upgrade().deferred == ("r2",)
    assert states(bench) == {"r2": "pending"}
    bench.flask("db", "data", "run")
    assert bench.counts == [12, 22, 52]


def test_one_that_never_ran_has_nothing_to_undo(bench: Bench) -> None:
    bench.chain(CREATE, ADD.format(by=1))
    bench.upgrade(defer=True)
    bench.downgrade()
    assert (bench.heads, bench.counts) == ({"r1"}, [10, 20, 50])
    bench.upgrade()
    assert bench.counts == [11, 21, 51]
    bench.downgrade()
    assert bench.counts == [10, 20, 50]


def test_one_that_ran_is_undone(bench: Bench) -> None:
    bench.chain(CREATE, ADD.format(by=1))
    bench.upgrade(defer=True)
    bench.flask("db", "data", "run")
    assert bench.counts == [11, 21, 51]
    bench.downgrade()
    assert (bench.heads, bench.counts) == ({"r1"}, [10, 20, 50])


@on_sqlite
def test_an_unknown_name(bench: Bench) -> None:
    bench.chain(CREATE, DEFERRED)
    bench.upgrade()
    ran = bench.flask("db", "data", "run", "r3")
    assert ran.exit_code == 1
    assert "no database has begun r3 (known: r2)" in ran.output


@on_sqlite
def test_one_half_done_goes_on_after_the_revision_is_written(bench: Bench) -> None:
    """Between registering and the version, the work may already have begun."""
    bench.chain(CREATE, DEFERRED)
    bench.upgrade()
    bench.database.execute("UPDATE datamigrate_backfills SET applied = 0")
    bench.database.execute("UPDATE datamigrate_backfills SET state = 'paused'")
    bench.database.execute("UPDATE alembic_version SET version_num = 'r1'")
    bench.upgrade()
    assert bench.heads == {"r2"}
    bench.flask("db", "data", "run")
    assert bench.counts == [11, 21, 51]


def test_one_whose_revision_was_taken_back_is_left_alone(bench: Bench) -> None:
    bench.chain(CREATE, DEFERRED, COLUMN.format(name="a"))
    bench.upgrade()
    bench.downgrade("r1")

    ran = bench.flask("db", "data", "run")
    assert "Nothing to run" in ran.output
    named = bench.flask("db", "data", "run", "r2")
    assert named.exit_code == 1
    assert "its revision is not applied" in named.output
    assert "flask db upgrade r2" in named.output

    assert bench.counts == [10, 20, 50]
    bench.downgrade("base")
    assert bench.upgrade("r1").deferred == ()


@on_sqlite
def test_status_knows_which_revisions_are_applied(bench: Bench) -> None:
    bench.chain(CREATE, PLAIN, DEFERRED)
    bench.upgrade()
    applied = json.loads(bench.flask("db", "data", "status", "--json").stdout)
    assert [entry["applied"] for entry in applied] == [True, True]
    bench.downgrade("r1")
    taken = json.loads(bench.flask("db", "data", "status", "--json").stdout)
    assert [entry["applied"] for entry in taken] == [False, False]
    table = bench.flask("db", "data", "status").stdout
    assert "finished, its revision not applied" in table
    bench.flask("db", "stamp", "r3")
    bench.database.execute("DELETE FROM datamigrate_backfills")
    assert "not run here, its revision applied" in (
        bench.flask("db", "data", "status").stdout
    )


def test_one_that_was_given_up_is_run_when_it_is_named(bench: Bench) -> None:
    bench.chain(CREATE, DEFERRED)
    bench.upgrade()
    assert bench.flask("db", "data", "cancel", "r2").exit_code == 0
    assert "Nothing to run" in bench.flask("db", "data", "run").output
    ran = bench.flask("db", "data", "run", "r2")
    assert ran.exit_code == 0, ran.output
    assert bench.counts == [11, 21, 51]
    assert states(bench) == {"r2": "finished"}


def test_one_that_was_given_up_before_it_began_does_not_stop_a_downgrade(
    bench: Bench,
) -> None:
    bench.chain(CREATE, ADD.format(by=1))
    bench.upgrade(defer=True)
    bench.flask("db", "data", "cancel", "r2")
    bench.downgrade()
    assert (bench.heads, bench.counts) == ({"r1"}, [10, 20, 50])


def test_one_that_was_given_up_half_way_keeps_its_old_values(bench: Bench) -> None:
    wrong = 'sa.text("SELECT count(*) FROM counters")'
    failing = ADD.format(by=1).replace("undo=True", f"undo=True, verify={wrong}")
    bench.chain(CREATE, failing)
    bench.upgrade(defer=True)
    assert bench.flask("db", "data", "run").exit_code == 1
    assert bench.counts == [11, 21, 51]
    assert bench.flask("db", "data", "cancel", "r2").exit_code == 0
    again = bench.flask("db", "data", "run", "r2")
    assert again.exit_code == 1
    assert "whose old values are kept" in again.output
    assert "flask db data undo r2" in again.output
    bench.downgrade()
    assert (bench.heads, bench.counts) == ({"r1"}, [10, 20, 50])


def test_one_that_was_given_up_half_way_is_undone_and_run_after_all(
    bench: Bench,
) -> None:
    undoable = ADD.format(by=1).replace("undo=True", "undo=True, deferred=True")
    bench.chain(CREATE, undoable, COLUMN.format(name="a"))
    bench.upgrade()
    run_one_batch(bench)
    refused = bench.flask("db", "data", "undo", "r2")
    assert refused.exit_code == 1
    assert "Give it up first: flask db data cancel r2" in refused.output
    bench.flask("db", "data", "cancel", "r2")

    undone = bench.flask("db", "data", "undo", "r2")

    assert undone.exit_code == 0, undone.output
    assert (bench.heads, bench.counts) == ({"r3"}, [10, 20, 50])
    assert states(bench) == {"r2": "undone"}
    assert "Nothing to run" in bench.flask("db", "data", "run").output
    ran = bench.flask("db", "data", "run", "r2")
    assert ran.exit_code == 0, ran.output
    assert (bench.counts, states(bench)) == ([11, 21, 51], {"r2": "finished"})
    bench.downgrade("r1")
    assert bench.counts == [10, 20, 50]


def test_an_undo_of_one_that_was_given_up_is_stopped_and_goes_on(bench: Bench) -> None:
    two = TWO.replace("deferred=True", "undo=True, deferred=True")
    bench.chain(CREATE, two)
    bench.upgrade()
    assert bench.flask("db", "data", "run").exit_code == 0
    bench.database.execute(
        "UPDATE datamigrate_backfills SET state = 'cancelled' WHERE name = 'r2'"
    )
    stop = threading.Event()
    bench.app.config["DATAMIGRATE_MAX_BATCH_SIZE"] = 1
    with at_each_batch(lambda progress: stop.set()), bench.app.app_context():
        with pytest.raises(InterruptedRun):
            deferred.undo(None, ["r2"], Reporter(), stop)
    assert states(bench)["r2"] == "undoing"
    resumed = bench.flask("db", "data", "resume", "r2")
    assert "Go on with: flask db data undo r2" in resumed.output
    found = bench.flask("db", "data", "doctor").output
    assert "Finish that: flask db data undo r2, or flask db downgrade" in found

    undone = bench.flask("db", "data", "undo", "r2")

    assert undone.exit_code == 0, undone.output
    assert "r2.second: passed over, it is finished" in undone.output
    assert states(bench) == {"r2": "undone", "r2.second": "finished"}


def test_rows_that_one_had_changed_are_not_changed_twice_without_a_word(
    bench: Bench,
) -> None:
    bench.chain(CREATE, DEFERRED.replace("deferred", "batch_size=1, deferred"))
    bench.upgrade()
    run_one_batch(bench)
    bench.flask("db", "data", "cancel", "r2")
    shown = json.loads(bench.flask("db", "data", "status", "--json").stdout)
    assert shown[0]["rows_changed"] == 1

    for command in (["r2"], ["--anew"]):
        refused = bench.flask("db", "data", "run", *command)
        assert refused.exit_code in (1, 2), refused.output
    refused = bench.flask("db", "data", "run", "r2")

    assert "given up after it had changed 1 row" in refused.output
    assert "flask db data run --anew r2" in refused.output
    assert (bench.counts, states(bench)) == ([11, 20, 50], {"r2": "cancelled"})
    ran = bench.flask("db", "data", "run", "--anew", "r2")
    assert ran.exit_code == 0, ran.output
    assert bench.counts == [12, 21, 51]


def test_one_that_gives_the_same_again_is_run_anew_without_asking(bench: Bench) -> None:
    same = DEFERRED.replace("counters.c.n + 1", "counters.c.id * 2")
    bench.chain(CREATE, same.replace("deferred", "batch_size=1, deferred"))
    bench.upgrade()
    run_one_batch(bench)
    bench.flask("db", "data", "cancel", "r2")
    ran = bench.flask("db", "data", "run", "r2")
    assert ran.exit_code == 0, ran.output
    assert bench.counts == [2, 4, 10]


def test_an_upgrade_that_changes_rows_once_more_says_so(bench: Bench) -> None:
    bench.chain(CREATE, PLAIN.replace("+ 1)", "+ 1), batch_size=1"))
    stop = threading.Event()
    with at_each_batch(lambda progress: stop.set()), pytest.raises(InterruptedRun):
        bench.upgrade(stop=stop)
    bench.flask("db", "data", "cancel", "r2")
    ran = bench.flask("db", "upgrade")
    assert ran.exit_code == 0, ran.output
    assert "given up after it had changed 1 row; it begins anew" in ran.output
    assert bench.counts == [12, 21, 51]


def run_one_batch(bench: Bench) -> None:
    """Stop a run of what is deferred after its first batch."""
    stop = threading.Event()
    bench.app.config["DATAMIGRATE_MAX_BATCH_SIZE"] = 1
    with at_each_batch(lambda progress: stop.set()), bench.app.app_context():
        with pytest.raises(InterruptedRun):
            deferred.run(None, [], Reporter(), stop)


def test_one_whose_definition_is_gone_stops_no_other_and_is_given_up(
    bench: Bench,
) -> None:
    bench.chain(CREATE, DEFERRED, DEFERRED)
    bench.upgrade()
    bench.revision("r2", "def upgrade(): pass", down="r1")

    ran = bench.project.run("db", "data", "run")
    assert ran.code == 3
    assert "backfill r2: no revision file defines it any more" in ran.err
    assert "flask db data cancel r2" in ran.err
    assert bench.counts == [11, 21, 51]
    assert bench.flask("db", "data", "run", "r2").exit_code == 1

    assert bench.flask("db", "data", "cancel", "r2").exit_code == 0
    assert states(bench) == {"r2": "cancelled", "r3": "finished"}
    assert "r2" not in bench.project.flask("db", "data", "run").err


def test_a_finished_one_is_not_given_up_while_its_file_is_missing(bench: Bench) -> None:
    bench.chain(CREATE, DEFERRED, DEFERRED)
    bench.upgrade()
    bench.flask("db", "data", "run")
    files = [
        bench.project.migrations / "versions" / f"{name}.py" for name in ("r2", "r3")
    ]
    bodies = [file.read_text() for file in files]
    for file in files:
        file.unlink()

    # The version is that of r3: only the notes of r2 can tell that it is applied.
    shown = bench.flask("db", "data", "status").stdout
    assert shown.count("finished, the file of its revision missing") == 2
    for name in ("r2", "r3"):
        asked = bench.flask("db", "data", "cancel", name)
        assert asked.exit_code == 1, asked.output
        assert "its revision is applied" in asked.output
        assert "Bring its file back first" in asked.output
    for file, body in zip(files, bodies, strict=True):
        file.write_text(body)

    assert states(bench) == {"r2": "finished", "r3": "finished"}
    assert bench.flask("db", "data", "run", "r2", "r3").exit_code == 0
    assert bench.counts == [12, 22, 52]


def test_a_half_done_one_whose_file_is_missing_is_said_to_be_left(bench: Bench) -> None:
    bench.chain(CREATE, DEFERRED.replace("deferred", "batch_size=1, deferred"))
    bench.upgrade()
    run_one_batch(bench)
    file = bench.project.migrations / "versions" / "r2.py"
    body = file.read_text()
    file.unlink()

    ran = bench.flask("db", "data", "run")

    said = "backfill r2: no revision file defines it any more"
    assert ran.exit_code == 3, ran.output
    assert said in ran.output
    assert "flask db data cancel r2" in ran.output
    shown = bench.flask("db", "data", "status").stdout
    assert "paused, the file of its revision missing" in shown
    assert said in shown
    file.write_text(body)
    assert bench.flask("db", "data", "run").exit_code == 0
    assert bench.counts == [11, 21, 51]


@pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
def test_the_schema_of_the_version_is_known_to_env_py_alone(bench: Bench) -> None:
    schema = f"{sa.make_url(bench.database.url).database}_versions"
    bench.database.execute(f"CREATE SCHEMA {schema}")
    try:
        env = bench.project.migrations / "env.py"
        env.write_text(
            env.read_text().replace(
                "connection=connection,",
                f"connection=connection, version_table_schema={schema!r},",
            )
        )
        bench.chain(CREATE, DEFERRED)
        bench.upgrade()
        assert states(bench) == {"r2": "pending"}
        ran = bench.flask("db", "data", "run")
        assert ran.exit_code == 0, ran.output
        assert bench.counts == [11, 21, 51]
        assert "datamigrate_backfills" not in bench.database.tables()
    finally:
        bench.close()
        cascade = " CASCADE" if bench.database.name == "postgresql" else ""
        bench.database.execute(f"DROP SCHEMA {schema}{cascade}")
