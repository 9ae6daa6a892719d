"""Backfills that the upgrade registers, and ``flask db data run`` does."""

from __future__ import annotations

import json
import typing as t

import pytest

from tests.upgrading.conftest import ADD
from tests.upgrading.conftest import ADD_FOR_GOOD
from tests.upgrading.conftest import COLUMN
from tests.upgrading.conftest import CREATE
from tests.upgrading.conftest import Bench

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

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
