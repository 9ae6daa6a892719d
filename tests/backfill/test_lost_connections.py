"""Connections that end between batches: in what begins, checks and ends the work."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import typing as t

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate.backfill import signals
from flask_datamigrate.backfill.reporting import BackfillReport
from tests.backfill.engine import Engine
from tests.backfill.engine import contents
from tests.backfill.test_commits import commit_and_hang_up
from tests.backfill.test_faults import ROWS
from tests.backfill.test_faults import SERVERS
from tests.backfill.test_faults import config
from tests.backfill.test_faults import counters
from tests.backfill.test_faults import kill_all
from tests.backfill.test_faults import plus_one
from tests.backfill.test_restarts import started_when_noted
from tests.databases.database import Database
from tests.databases.own import OwnServer

_TURNS = 4
"""In each of them another quarter of the statements is where a connection ends."""


@contextlib.contextmanager
def finishes() -> t.Iterator[list[BackfillReport]]:
    """Collect what ``backfill_finished`` is sent with."""
    reports: list[BackfillReport] = []

    def handle(sender: str, report: BackfillReport) -> None:
        reports.append(report)

    with signals.backfill_finished.connected_to(handle):
        yield reports


def connected(database: Database, **more: t.Any) -> tuple[Engine, sa.Engine]:
    """Return an engine, and what its connections come from."""
    arguments = {"sslmode": "disable"} if database.name == "postgresql" else {}
    own = database.engine(poolclass=sa.NullPool, connect_args=arguments)
    found = config(retry_seconds=30, max_batch_size=ROWS, **more)
    return Engine(database, sa_engine=own, config=found), own


@SERVERS
@pytest.mark.parametrize("turn", range(_TURNS))
def test_an_undo_goes_on_wherever_its_connection_ends(
    database: Database, turn: int
) -> None:
    table = counters(database)
    backfill = plus_one(table, undo=True, batch_size=ROWS)
    Engine(database, config=config(max_batch_size=ROWS)).run(backfill)
    seen: list[str] = []
    killed: list[str] = []
    last = ""

    def reached(*given: t.Any) -> None:
        nonlocal last
        # A commit is another one after each statement.
        statement = last = given[2] if len(given) > 1 else f"COMMIT of {last}"
        if statement in seen:
            return
        seen.append(statement)
        if len(seen) % _TURNS == turn:
            killed.append(statement)
            kill_all(database)

    engine, own = connected(database)
    event.listen(own, "before_cursor_execute", reached)
    event.listen(own, "commit", reached)
    with finishes() as reports:
        report = engine.undo(backfill)

    assert len(killed) >= 5
    assert reports == [report]
    assert (report.state, report.changed) == ("undone", ROWS)
    assert set(contents(database, table, "n")) == {(0,)}
    assert not [name for name in database.tables() if "undo" in name]


@pytest.mark.parametrize(
    "at",
    [
        "SELECT count(*) AS count_1 \nFROM datamigrate_undo",
        "UPDATE datamigrate_backfills SET state",
        "DROP TABLE",
    ],
    ids=["the bounds", "the state", "the drop"],
)
def test_an_undo_waits_for_the_server_between_its_batches(
    own_server: OwnServer, at: str
) -> None:
    database = own_server.database
    table = counters(database)
    backfill = plus_one(table, undo=True)
    Engine(database, config=config()).run(backfill)
    engine, own = connected(database)
    stops: list[int] = []

    @event.listens_for(own, "before_cursor_execute")
    def stop(*given: t.Any) -> None:
        if at in given[2] and not stops:
            stops.append(1)
            own_server.stop(crash=True)

    with started_when_noted(own_server, engine), finishes() as reports:
        report = engine.undo(backfill)

    assert set(contents(database, table, "n")) == {(0,)}
    assert reports == [report]
    assert not [name for name in database.tables() if "undo" in name]


def test_a_wait_for_the_server_can_be_stopped(own_server: OwnServer) -> None:
    database = own_server.database
    table = counters(database)
    backfill = plus_one(table, undo=True)
    Engine(database, config=config()).run(backfill)
    engine, own = connected(database, lease_seconds=1)

    @event.listens_for(own, "before_cursor_execute")
    def stop(*given: t.Any) -> None:
        if "DROP TABLE" in given[2] and own_server.is_up:
            own_server.stop(crash=True)

    engine.notes.noted = lambda text: engine.stop.set()  # type: ignore[method-assign]
    with pytest.raises(errors.InterruptedRun, match="stopped while the") as caught:
        engine.undo(backfill)

    assert "Run the same command again" in caught.value.next
    own_server.start()
    again = Engine(database, config=config())
    assert again.undo(backfill).state == "undone"
    assert set(contents(database, table, "n")) == {(0,)}


@SERVERS
@pytest.mark.parametrize(
    ("way", "last"), [("run", "finished"), ("undo", "undone")], ids=["run", "undo"]
)
@pytest.mark.parametrize("is_kept", [True, False], ids=["committed", "rolled back"])
def test_the_end_is_told_once_when_the_answer_to_its_commit_is_lost(
    database: Database, way: str, last: str, is_kept: bool
) -> None:
    table = counters(database)
    backfill = plus_one(table, undo=True)
    if way == "undo":
        Engine(database, config=config()).run(backfill)
    engine, own = connected(database)
    ending: list[str] = []
    lost: list[str] = []

    @event.listens_for(own, "before_cursor_execute")
    def execute(*given: t.Any) -> None:
        if last in str(given[3]) and "SET state" in given[2]:
            ending.append(given[2])

    @event.listens_for(own, "commit")
    def lose(connection: sa.Connection) -> None:
        if ending and not lost:
            lost.append(way)
            if is_kept:
                COMMITS[database.name](connection.connection)
            else:
                kill_all(database)

    with finishes() as reports:
        report = getattr(engine, way)(backfill)

    assert lost
    assert (report.state, report.changed) == (last, ROWS)
    assert reports == [report]
    assert set(contents(database, table, "n")) == {(int(way == "run"),)}


@SERVERS
def test_a_connection_that_ends_at_the_check_does_not_wait_for_its_own_lease(
    database: Database,
) -> None:
    table = counters(database)
    kills: list[int] = []

    def check(connection: sa.Connection) -> None:
        if not kills:
            kills.append(1)
            kill_all(database)
            connection.execute(sa.select(table)).all()

    backfill = Backfill(sa.update(table).values(n=1), verify=check)
    engine, _ = connected(database, lease_seconds=1000)

    assert engine.run(backfill).state == "finished"
    assert kills


def commit_and_hang_up_mysql(connection: t.Any) -> None:
    """Send a COMMIT, and cut the connection without waiting for the answer."""
    with socket.socket(fileno=os.dup(connection._sock.fileno())) as wire:
        text = b"\x03COMMIT"
        wire.sendall(struct.pack("<I", len(text)) + text)
        wire.shutdown(socket.SHUT_RDWR)


COMMITS = {"postgresql": commit_and_hang_up, "mysql": commit_and_hang_up_mysql}
