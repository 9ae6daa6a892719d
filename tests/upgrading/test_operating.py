"""``flask db data retry``, ``verify``, ``cancel`` and ``status --watch``."""

from __future__ import annotations

import json
import re
import signal

import pytest
import sqlalchemy as sa

from tests.backfill.engine import at_each_batch
from tests.nursery import Process
from tests.upgrading.conftest import COUNTERS
from tests.upgrading.conftest import CREATE
from tests.upgrading.conftest import Bench
from tests.upgrading.test_deferred import run_one_batch
from tests.upgrading.test_deferred import states
from tests.upgrading.test_ordering import DEFERRED

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

SMALL = (
    COUNTERS
    + """
def small(row):
    if row.n > 90:
        raise ValueError(f"{row.n} is too much")
    return {"n": row.n + 1}

backfill = Backfill.rows(
    counters, small, reads=["n"], writes=["n"], batch_size=1, deferred=True
)

def upgrade():
    op.backfill(backfill)

def downgrade():
    pass
"""
)

CLEARED = (
    COUNTERS
    + """
backfill = Backfill(
    sa.update(counters).where(counters.c.n < 100).values(n=counters.c.n + 100)
)

def upgrade():
    op.backfill(backfill)

def downgrade():
    pass
"""
)


def test_a_failed_one_is_retried_when_its_cause_is_mended(bench: Bench) -> None:
    bench.chain(CREATE, SMALL, DEFERRED)
    bench.upgrade("r1")
    bench.database.execute("UPDATE counters SET n = 99 WHERE id = 5")
    bench.upgrade()
    assert bench.flask("db", "data", "run", "r2").exit_code == 1
    assert states(bench) == {"r2": "failed", "r3": "pending"}

    assert bench.flask("db", "data", "retry").exit_code == 1
    bench.database.execute("UPDATE counters SET n = 9 WHERE id = 5")
    ran = bench.flask("db", "data", "retry")

    assert ran.exit_code == 0, ran.output
    # Only the failed one, and only its rows that were still to come.
    assert states(bench) == {"r2": "finished", "r3": "pending"}
    assert bench.counts == [11, 21, 10]
    assert "No backfill has failed" in bench.flask("db", "data", "retry").output
    named = bench.flask("db", "data", "retry", "r2")
    assert named.exit_code == 1
    assert "it is finished and has not failed" in named.output


def test_the_check_is_made_again_over_the_rows_of_today(bench: Bench) -> None:
    bench.chain(CREATE, CLEARED)
    bench.upgrade()
    held = bench.flask("db", "data", "verify")
    assert held.exit_code == 0, held.output
    assert "r2: no row matches its where" in held.output

    bench.database.execute("INSERT INTO counters VALUES (9, 3)")
    broken = bench.flask("db", "data", "verify", "r2")

    assert broken.exit_code == 1
    assert "1 row still matches the where" in broken.output
    assert "id=9" in broken.output
    assert "It stays finished; nothing was changed. Mend the rows in a new" in (
        broken.output
    )
    assert broken.output.endswith("flask db data verify r2.\n")
    assert states(bench) == {"r2": "finished"}
    log = bench.flask("db", "data", "log", "r2").stdout
    assert "verify (process" in log


def test_one_whose_process_ended_without_a_word_is_told_of_and_retried(
    bench: Bench,
) -> None:
    killed = SMALL.replace(
        "    if row.n > 90:",
        "    import os\n"
        "    if row.n == 20 and os.environ.get('KILL'):\n"
        "        os.kill(os.getpid(), 9)\n"
        "    if row.n > 90:",
    )
    bench.chain(CREATE, killed)
    bench.upgrade()
    ran = bench.project.run(
        "db", "data", "run", FLASK_DATAMIGRATE_MAX_BATCH_SIZE="1", KILL="1"
    )
    assert (ran.code, bench.counts) == (-signal.SIGKILL, [11, 20, 50])
    shown = bench.flask("db", "data", "status").output
    assert "r2: its last process ended without a word; what it committed is" in shown
    assert "To go on: flask db data retry r2" in shown

    assert bench.flask("db", "data", "retry").exit_code == 0

    assert (bench.counts, states(bench)) == ([11, 21, 51], {"r2": "finished"})
    assert "without a word" not in bench.flask("db", "data", "status").output
    log = bench.flask("db", "data", "log", "r2").output
    assert re.search(
        r"running → running \(process \d+ on \S+\): taken over from "
        r"process \d+ on \S+, which ended without a word",
        log,
    )


@on_sqlite
def test_what_is_not_finished_has_no_check_to_make_again(bench: Bench) -> None:
    bench.chain(CREATE, DEFERRED)
    bench.upgrade()
    asked = bench.flask("db", "data", "verify", "r2")
    assert asked.exit_code == 1
    assert "it is pending, and its check comes at its end" in asked.output
    assert bench.flask("db", "data", "verify").exit_code == 0
    bench.flask("db", "data", "run")
    assert "it has no where" in bench.flask("db", "data", "verify").output


def test_a_running_one_is_cancelled_after_its_batch(bench: Bench) -> None:
    bench.app.config["DATAMIGRATE_POLL_SECONDS"] = 0
    bench.app.config["DATAMIGRATE_MAX_BATCH_SIZE"] = 1
    bench.chain(CREATE, DEFERRED)
    bench.upgrade()
    others: list[Process] = []

    def cancel(progress: object) -> None:
        if others:
            return
        others.append(bench.project.start("db", "data", "cancel", "r2"))
        while not paused(bench):
            assert others[0].poll() is None, others[0].communicate()

    with at_each_batch(cancel):
        ran = bench.flask("db", "data", "run")

    assert ran.exit_code == 3, ran.output
    canceller = f"cancelled by an operator (process {others[0].pid} on "
    assert canceller in ran.output
    assert "data resume" not in ran.output
    assert "r2: cancelled" in others[0].communicate(timeout=60)[1]
    assert states(bench) == {"r2": "cancelled"}
    assert bench.counts == [11, 20, 50]


def test_one_that_is_cancelled_before_its_turn_is_not_run(bench: Bench) -> None:
    bench.chain(CREATE, TWO)
    bench.upgrade()
    ended: list[Process] = []

    def cancel(progress: object) -> None:
        if not ended:
            ended.append(bench.project.start("db", "data", "cancel", "r2.second"))
            ended[0].communicate(timeout=60)

    with at_each_batch(cancel):
        ran = bench.flask("db", "data", "run", "r2")

    assert ended[0].returncode == 0
    assert ran.exit_code == 3, ran.output
    assert "r2.second" in ran.output
    assert "cancelled by an operator meanwhile" in ran.output
    assert states(bench) == {"r2": "finished", "r2.second": "cancelled"}


def test_the_name_of_a_revision_is_not_lost_to_its_first_backfill(
    bench: Bench,
) -> None:
    wrong = "+ 10), verify=sa.text('SELECT count(*) FROM counters'), "
    bench.chain(CREATE, TWO.replace("+ 10), ", wrong))
    bench.upgrade()
    ran = bench.flask("db", "data", "run", "r2")
    assert ran.exit_code == 1, ran.output
    assert states(bench) == {"r2": "finished", "r2.second": "failed"}

    for command in ("pause", "resume", "tune --pause 1", "cancel"):
        asked = bench.flask("db", "data", *command.split(), "r2")
        assert asked.exit_code == 0, asked.output
        assert "r2: passed over, it is finished already." in asked.output
        assert "r2.second: " in asked.output

    assert states(bench) == {"r2": "finished", "r2.second": "cancelled"}
    # Its own name still means but the one.
    alone = bench.flask("db", "data", "pause", "r2.second")
    assert alone.exit_code == 1
    assert "it is cancelled, so nothing can be asked of it" in alone.output


def test_an_edit_in_mid_run_is_shown_and_retry_says_what_to_do(bench: Bench) -> None:
    bench.chain(CREATE, DEFERRED)
    bench.upgrade()
    run_one_batch(bench)
    assert "definition changed" not in bench.flask("db", "data", "status").stdout
    bench.revision("r2", DEFERRED.replace("+ 1", "+ 2"), down="r1")

    shown = bench.flask("db", "data", "status").stdout
    assert "r2: its definition changed since it was begun" in shown
    assert "flask db data accept r2" in shown
    assert json.loads(bench.flask("db", "data", "status", "--json").stdout)[0]["edited"]
    for names in ([], ["r2"]):
        ran = bench.flask("db", "data", "retry", *names)
        assert ran.exit_code == 1
        assert "its definition changed since it was begun: it was " in ran.output
        assert "flask db data accept r2" in ran.output
    assert bench.counts == [11, 20, 50]

    bench.flask("db", "data", "accept", "r2")
    assert "definition changed" not in bench.flask("db", "data", "status").stdout
    assert "No backfill has failed" in bench.flask("db", "data", "retry").output
    assert bench.flask("db", "data", "run").exit_code == 0
    assert bench.counts == [11, 22, 52]


def test_a_second_cancel_says_that_there_was_a_first(bench: Bench) -> None:
    bench.chain(CREATE, DEFERRED)
    bench.upgrade()
    assert "r2: cancelled." in bench.flask("db", "data", "cancel", "r2").output
    again = bench.flask("db", "data", "cancel", "r2")
    assert again.exit_code == 0
    assert again.output == "r2: passed over, it is cancelled already.\n"
    assert states(bench) == {"r2": "cancelled"}


def test_the_name_of_a_schema_revision_is_said_to_have_no_backfill(
    bench: Bench,
) -> None:
    bench.chain(CREATE, DEFERRED)
    bench.upgrade()
    for command in ("pause", "run", "log", "cancel"):
        asked = bench.flask("db", "data", command, "r1")
        assert asked.exit_code == 1
        assert "revision r1: it has no batched backfill" in asked.output
        assert "flask db upgrade" not in asked.output
    bench.flask("db", "stamp", "r1")
    bench.database.execute("DELETE FROM datamigrate_backfills")
    assert "no database has begun r2" in (
        bench.flask("db", "data", "pause", "r2").output
    )


def paused(bench: Bench) -> bool:
    """Tell whether the pause that a cancel asks for is written down."""
    query = sa.text("SELECT count(*) FROM datamigrate_orders WHERE paused_by <> ''")
    return bool(bench.database.scalar(query))


def test_refused_rows_keep_the_upgrade_back_until_they_are_accepted(
    bench: Bench,
) -> None:
    bench.chain(CREATE, SMALL.replace("deferred=True", "on_row_error='skip'"))
    bench.upgrade("r1")
    bench.database.execute("UPDATE counters SET n = 99 WHERE id = 2")

    for _ in range(2):
        ran = bench.flask("db", "upgrade")
        assert ran.exit_code == 3, ran.output
        assert "1 row was refused and left out, the first id=2" in ran.output
    assert (bench.heads, bench.counts) == ({"r1"}, [11, 99, 51])
    shown = bench.flask("db", "data", "status").stdout
    assert "r2: refused rows: 1 (flask db data accept --refused r2)" in shown
    assert "  id=2: the transform raised ValueError: 99 is too much" in shown
    (refused,) = json.loads(bench.flask("db", "data", "status", "--json").stdout)[0][
        "rows_refused"
    ]
    assert (refused["row"], refused["accepted"]) == ("id=2", False)

    accepted = bench.flask("db", "data", "accept", "--refused", "r2")

    assert "r2: refused rows accepted: 1. Go on with: flask db upgrade" in (
        accepted.output
    )
    assert bench.flask("db", "upgrade").exit_code == 0
    assert (bench.heads, bench.counts) == ({"r2"}, [11, 99, 51])
    assert states(bench) == {"r2": "finished"}


@on_sqlite
def test_watching_ends_when_all_is_done(bench: Bench) -> None:
    bench.chain(CREATE, CLEARED)
    bench.upgrade()
    shown = bench.flask("db", "data", "status", "--watch")
    assert shown.exit_code == 0
    assert "finished" in shown.output


@on_sqlite
def test_watching_goes_on_until_ctrl_c(bench: Bench) -> None:
    bench.chain(CREATE, DEFERRED)
    bench.upgrade()
    process = bench.project.start("db", "data", "status", "--watch", "--json")
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    second = json.loads(process.stdout.readline())

    process.send_signal(signal.SIGINT)

    assert process.communicate(timeout=30)[1] == ""
    assert process.returncode == 130
    assert [e["state"] for e in (*first, *second)] == ["pending", "pending"]


TWO = (
    COUNTERS
    + """
first = Backfill(
    sa.update(counters).values(n=counters.c.n + 1), deferred=True, undo=True
)
second = Backfill(
    sa.update(counters).values(n=counters.c.n + 10), deferred=True, undo=True
)

def upgrade():
    op.backfill(first)
    op.backfill(second)

def downgrade():
    op.undo_backfill(second)
    op.undo_backfill(first)
"""
)


def test_one_given_up_and_run_after_all_can_be_taken_back(bench: Bench) -> None:
    bench.chain(CREATE, TWO)
    bench.upgrade()
    before = bench.counts
    bench.flask("db", "data", "cancel", "r2.second")

    # The name of the revision stands for those that have not ended.
    assert bench.flask("db", "data", "cancel", "r2").exit_code == 0
    assert states(bench) == {"r2": "cancelled", "r2.second": "cancelled"}

    ran = bench.flask("db", "data", "run", "r2")
    assert ran.exit_code == 0, ran.output
    assert bench.counts == [n + 11 for n in before]
    bench.downgrade("r1")
    assert bench.counts == before
