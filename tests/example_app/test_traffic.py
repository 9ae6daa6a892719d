"""The change of the root causes under gunicorn, while clients read and write.

The benchmark ``tests/benchmarks/staged_change.py`` takes the same walk with many bugs.
"""

from __future__ import annotations

import contextlib
import time
import typing as t

import pytest

from tests.benchmarks.fleet import Fleet
from tests.benchmarks.staged_change import BEFORE
from tests.benchmarks.staged_change import lost
from tests.benchmarks.staged_change import shares
from tests.benchmarks.staged_change import walk
from tests.benchmarks.traffic import Client
from tests.databases.database import Database

from .conftest import Snapshot
from .conftest import Tracker

WRITTEN = 100
"""Clients write the bugs up to this key, and new ones, which come behind the last."""

LAST = 200
ANSWERS = 15
"""How many a client gets before the next step."""


# SQLite has one writer at a time.
@pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
def test_no_request_fails_and_every_write_is_found_all_the_way_up_and_down(
    upgraded: Tracker, database: Database
) -> None:
    upgraded.flask("db", "downgrade", BEFORE)
    before = upgraded.schema(), _untouched(upgraded.data())
    with contextlib.closing(Fleet(database.url, workers=1)) as fleet:
        fleet.deploy("expand")
        clients = [
            Client(fleet, number, bugs, per_second=20)
            for number, bugs in enumerate(shares(database, WRITTEN, 2))
        ]

        table = walk(
            fleet,
            clients,
            command=lambda stage, *words: _at(stage, database).flask(*words),
            wait=lambda: _answered(clients),
        )

    assert [p for client in clients for p in (*client.failed, *client.wrong)] == []
    assert lost(database, clients) == []
    assert (upgraded.schema(), _untouched(upgraded.data())) == before
    assert all(client.writes > ANSWERS for client in clients), table


def _at(stage: str, database: Database) -> Tracker:
    return Tracker(database.url, DATAMIGRATE_STAGES={"bug_root_cause": stage})


def _answered(clients: t.Sequence[Client]) -> None:
    """Return when each client has got some more answers."""
    wanted = [client.answered + ANSWERS for client in clients]
    while any(c.answered < n for c, n in zip(clients, wanted, strict=True)):
        assert all(client.is_alive() for client in clients)
        time.sleep(0.01)


def _untouched(data: Snapshot) -> Snapshot:
    bugs = [bug for bug in data["bugs"] if WRITTEN < bug["id"] <= LAST]
    return {**data, "bugs": bugs}
