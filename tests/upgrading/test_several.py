"""Several backfills of one command: what becomes of the others when one fails."""

from __future__ import annotations

import pytest

from tests.upgrading.conftest import CREATE
from tests.upgrading.conftest import Bench
from tests.upgrading.test_deferred import states
from tests.upgrading.test_json_lines import lines
from tests.upgrading.test_operating import SMALL
from tests.upgrading.test_ordering import DEFERRED

SKIPPED = SMALL.replace("deferred=True", "deferred=True, on_row_error='skip'")


@pytest.fixture
def broken(bench: Bench) -> Bench:
    """Return a bench where r2 leaves a row out, r3 fails at it, and r4, r5 wait."""
    bench.chain(CREATE, SKIPPED, SMALL, DEFERRED, DEFERRED)
    bench.upgrade("r1")
    bench.database.execute("UPDATE counters SET n = 99 WHERE id = 5")
    bench.upgrade()
    return bench


def test_one_that_fails_says_which_were_left_before_it_and_not_run_after_it(
    broken: Bench,
) -> None:
    ran = broken.flask("db", "data", "run")

    assert ran.exit_code == 1, ran.output
    assert "Error: revision r3, table counters, row id=5: " in ran.output
    assert (
        "Left before it: revision r2, table counters: 1 row was refused and left out, "
        "the first id=5"
    ) in ran.output
    assert "Not run, since they come after it: r4, r5." in ran.output
    assert states(broken) == {
        "r2": "paused",
        "r3": "failed",
        "r4": "pending",
        "r5": "pending",
    }
    # What does not rely on it is run by its name.
    assert broken.flask("db", "data", "run", "r5").exit_code == 0
    assert states(broken)["r5"] == "finished"


def test_they_are_told_to_machines_too(broken: Bench) -> None:
    error = lines(broken.flask("db", "data", "run", "--json"))[-1]

    assert (error["event"], error["not_run"]) == ("error", ["r4", "r5"])
    assert "Left before it: revision r2" in error["state"]


def test_the_order_is_that_of_the_revisions_and_not_of_the_names(
    broken: Bench,
) -> None:
    ran = broken.flask("db", "data", "run", "r4", "r3")

    assert ran.exit_code == 1
    assert "Not run, since they come after it: r4." in ran.output
    assert "Left before it" not in ran.output
    assert states(broken)["r4"] == "pending"


def test_a_retry_says_it_too(broken: Bench) -> None:
    broken.flask("db", "data", "run", "r3")
    broken.revision("r4", SMALL, down="r3")
    assert broken.flask("db", "data", "run", "r4").exit_code == 1

    ran = broken.flask("db", "data", "retry")

    assert "Not run, since they come after it: r4." in ran.output


def test_an_upgrade_names_them_in_the_order_they_run_in(bench: Bench) -> None:
    named = [DEFERRED.replace("deferred", f"name={name!r}, deferred") for name in "zax"]
    bench.chain(CREATE, *named)
    ran = bench.flask("db", "upgrade")
    assert "Deferred: z, a, x. Do the work with" in ran.output
