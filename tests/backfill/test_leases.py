"""A database whose clock is set back: leases then end much later than they should."""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from tests.backfill.engine import Engine
from tests.backfill.engine import contents
from tests.backfill.test_claims import SERVERS
from tests.backfill.test_claims import SQLITE
from tests.backfill.test_claims import config
from tests.backfill.test_claims import counters
from tests.backfill.test_claims import hold
from tests.backfill.test_claims import interrupted
from tests.databases.database import Database

FAR_AWAY = "far-away:12:345:abcd"
A_YEAR = 365 * 86400.0


def held_far_away(database: Database, engine: Engine, backfill: Backfill) -> None:
    """Leave the first range to a process of another host, for a year by its lease."""
    interrupted(database, engine, backfill)
    hold(database, FAR_AWAY, A_YEAR)
    # So few batches are left by this size that nobody divides them.
    database.execute("UPDATE datamigrate_ranges SET lease_seconds = 1, batch_size = 10")


def test_a_dead_runner_is_taken_over_when_the_clock_was_set_back(
    database: Database,
) -> None:
    table, backfill = counters(database)
    # Of its own leases it knows, and the one at hand is of another length.
    engine = Engine(database, config=config(lease_seconds=1000))
    held_far_away(database, engine, backfill)
    begun = time.monotonic()

    engine.run(backfill)

    assert 1 < time.monotonic() - begun < 10
    assert set(contents(database, table, "n")) == {(1,)}


def test_an_undo_takes_a_dead_runner_over_when_the_clock_was_set_back(
    database: Database,
) -> None:
    table, _ = counters(database)
    backfill = Backfill(sa.update(table).values(n=1), undo=True, batch_size=5)
    engine = Engine(database, config=config(lease_seconds=1000))
    held_far_away(database, engine, backfill)

    engine.undo(backfill)

    assert any("waiting up to 1 s" in line for line in engine.notes.lines)
    assert set(contents(database, table, "n")) == {(0,)}


@contextlib.contextmanager
def renewed_far_away(
    database: Database, engine: Engine, backfill: Backfill
) -> t.Iterator[None]:
    """Have a runner of another host that lives, by a clock that was set back."""
    held_far_away(database, engine, backfill)
    over = threading.Event()

    def renew() -> None:
        ends = A_YEAR
        while not over.wait(0.2):
            # Each is a little later than the last, and all are far from now.
            ends += 0.2
            hold(database, FAR_AWAY, ends)

    runner = threading.Thread(target=renew)
    runner.start()
    try:
        yield
    finally:
        over.set()
        runner.join()


@SQLITE
def test_a_live_runner_is_not_taken_over_when_the_clock_was_set_back(
    database: Database,
) -> None:
    _, backfill = counters(database)
    engine = Engine(database, config=config())

    with (
        renewed_far_away(database, engine, backfill),
        pytest.raises(errors.ClaimedError, match="process 12 on far-away is"),
    ):
        engine.run(backfill)

    assert database.scalar("SELECT sum(n) FROM counters") == 5


@SERVERS
def test_a_live_runner_is_waited_for_when_the_clock_was_set_back(
    database: Database,
) -> None:
    _, backfill = counters(database)
    engine = Engine(database, config=config())

    with renewed_far_away(database, engine, backfill):
        # Three of its leases.
        threading.Timer(3, engine.stop.set).start()
        with pytest.raises(errors.InterruptedRun):
            engine.run(backfill)

    assert engine.span().owner == FAR_AWAY
    assert database.scalar("SELECT sum(n) FROM counters") == 5
