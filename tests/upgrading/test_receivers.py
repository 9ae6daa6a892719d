"""Receivers of signals that raise: the command ends with a message, data is safe."""

from __future__ import annotations

import typing as t

import pytest
from blinker import Signal

from flask_datamigrate.backfill import signals
from tests.upgrading.conftest import CREATE
from tests.upgrading.conftest import Bench
from tests.upgrading.test_deferred import states
from tests.upgrading.test_ordering import DEFERRED


@pytest.mark.parametrize(
    ("signal", "state", "first"),
    [
        (signals.backfill_started, "failed", 10),
        (signals.batch_committed, "failed", 11),
        (signals.backfill_finished, "finished", 11),
    ],
    ids=["started", "committed", "finished"],
)
def test_one_that_raises_ends_the_run_and_the_next_goes_on(
    bench: Bench, signal: Signal, state: str, first: int
) -> None:
    bench.app.config["DATAMIGRATE_MAX_BATCH_SIZE"] = 1
    bench.chain(CREATE, DEFERRED)
    bench.upgrade()

    def broken(name: str, **payload: t.Any) -> None:
        raise LookupError("no such metric")

    with signal.connected_to(broken):
        ran = bench.flask("db", "data", "run")

    assert ran.exit_code == 1, ran.output
    assert (
        f"Error: r2: a receiver of the signal {signal.name} raised LookupError: "
        "no such metric (test_receivers.py, line "
    ) in ran.output
    assert "What was committed before is saved. Mend the receiver, and" in ran.output
    assert (states(bench), bench.counts[0]) == ({"r2": state}, first)
    assert bench.flask("db", "data", "run").exit_code == 0
    assert (states(bench), bench.counts) == ({"r2": "finished"}, [11, 21, 51])
