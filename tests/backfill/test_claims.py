"""One runner at a time, a dead one's work taken over, a thief fenced off."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate.backfill import processes
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database


def counters(database: Database) -> tuple[sa.Table, Backfill]:
    table = frozen.table(
        "counters",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
    )
    create(database, table)
    fill(database, table, [{"id": i, "n": 0} for i in range(1, 31)])
    return table, Backfill(sa.update(table).values(n=table.c.n + 1), batch_size=5)


def interrupted(database: Database, engine: Engine, backfill: Backfill) -> None:
    """Leave a run after its first batch."""
    with at_each_batch(lambda progress: engine.stop.set()):
        with pytest.raises(errors.InterruptedRun):
            engine.run(backfill)
    engine.stop.clear()


def hold(database: Database, owner: str, seconds: float) -> None:
    """Make the range somebody's, as a runner that died or lives would leave it."""
    clock = {
        "postgresql": "EXTRACT(EPOCH FROM clock_timestamp())",
        "mysql": "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e6",
        "sqlite": "(julianday('now') - 2440587.5) * 86400.0",
    }[database.name]
    database.execute(
        sa.text(
            f"UPDATE datamigrate_ranges SET owner = :owner, lease_until = {clock} "
            "+ :seconds"
        ),
        {"owner": owner, "seconds": seconds},
    )
    database.execute("UPDATE datamigrate_backfills SET state = 'running'")


def config(**more: t.Any) -> dict[str, t.Any]:
    return {"max_batch_size": 5, **more}


# Where there is one writer at a time, a second runner would only be in the way.
SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
SERVERS = pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)


@SQLITE
def test_a_second_runner_is_refused_while_the_first_lives(database: Database) -> None:
    table, backfill = counters(database)
    going, go_on = threading.Event(), threading.Event()
    refused: list[BaseException] = []

    def second() -> None:
        going.wait(20)
        try:
            Engine(database, config=config()).run(backfill)
        except BaseException as error:
            refused.append(error)
        finally:
            go_on.set()

    def slowly() -> tuple[float, str] | None:
        going.set()
        return None if go_on.is_set() else (0.3, "a test")

    slow = Backfill(backfill.job.statement, batch_size=1, throttle=slowly)  # type: ignore[union-attr]
    thread = threading.Thread(target=second)
    thread.start()
    Engine(database, config={"max_batch_size": 1}).run(slow)
    thread.join()

    (error,) = refused
    assert isinstance(error, errors.ClaimedError)
    assert f"process {os.getpid()} on" in str(error)
    assert "Nothing was changed by this process" in str(error)
    assert set(contents(database, table, "n")) == {(1,)}


def test_a_check_under_way_is_no_failure_of_the_second_runner(
    database: Database,
) -> None:
    table, backfill = counters(database)
    checking, looked = threading.Event(), threading.Event()
    ended: list[str] = []

    def check(connection: sa.Connection) -> None:
        checking.set()
        looked.wait(20)

    def first() -> None:
        slow = Backfill(backfill.job.statement, verify=check)  # type: ignore[union-attr]
        ended.append(Engine(database).run(slow).state)

    thread = threading.Thread(target=first)
    thread.start()
    checking.wait(20)
    hasty = Engine(database, config={"row_lock_timeout": 0.2})
    commands: list[t.Callable[[], t.Any]] = [lambda: hasty.accept(backfill)]
    waiting = threading.Thread(target=lambda: ended.append(hasty.run(backfill).state))
    if database.name == "sqlite":
        commands.append(lambda: hasty.run(backfill))
    else:
        waiting.start()
    try:
        for command in commands:
            with pytest.raises(errors.ClaimedError) as caught:
                command()
            assert f"process {os.getpid()} on" in caught.value.what
            assert "is verifying it right now" in caught.value.what
    finally:
        looked.set()
        thread.join()
        if waiting.ident is not None:
            waiting.join()

    assert set(ended) == {"finished"}
    assert set(contents(database, table, "n")) == {(1,)}


def test_a_dead_runner_of_this_host_is_taken_over_at_once(database: Database) -> None:
    table, backfill = counters(database)
    engine = Engine(database, config=config(lease_seconds=1000))
    interrupted(database, engine, backfill)
    gone = subprocess.run(
        [
            sys.executable,
            "-c",
            "from flask_datamigrate.backfill.processes import name_tag;"
            "print(name_tag())",
        ],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    hold(database, gone, 1000)
    begun = time.monotonic()

    engine.run(backfill)

    assert time.monotonic() - begun < 5
    assert set(contents(database, table, "n")) == {(1,)}


def test_a_process_number_given_out_again_is_not_taken_for_the_runner(
    database: Database,
) -> None:
    table, backfill = counters(database)
    engine = Engine(database, config=config(lease_seconds=1000))
    interrupted(database, engine, backfill)
    place, pid, _, _ = processes.name_tag().rsplit(":", 3)
    hold(database, f"{place}:{pid}:1:abcd", 1000)

    engine.run(backfill)

    assert set(contents(database, table, "n")) == {(1,)}


def test_a_runner_of_another_host_is_waited_for_until_its_lease_ends(
    database: Database,
) -> None:
    table, backfill = counters(database)
    engine = Engine(database, config=config(lease_seconds=1))
    interrupted(database, engine, backfill)
    hold(database, "far-away:12:345:abcd", 1.2)
    begun = time.monotonic()

    engine.run(backfill)

    assert 1.0 < time.monotonic() - begun < 10
    assert any("process 12 on far-away" in line for line in engine.notes.lines)
    assert set(contents(database, table, "n")) == {(1,)}


def test_a_lease_that_ran_out_is_taken_at_once(database: Database) -> None:
    table, backfill = counters(database)
    engine = Engine(database, config=config())
    interrupted(database, engine, backfill)
    hold(database, "far-away:12:345:abcd", -0.5)

    engine.run(backfill)

    assert engine.notes.lines == []
    assert set(contents(database, table, "n")) == {(1,)}


def test_waiting_for_a_lease_can_be_stopped(database: Database) -> None:
    table, backfill = counters(database)
    engine = Engine(database, config=config(lease_seconds=1000))
    interrupted(database, engine, backfill)
    hold(database, "far-away:12:345:abcd", 1000)
    engine.stop.set()

    with pytest.raises(errors.BackfillError):
        engine.run(backfill)

    assert database.scalar("SELECT sum(n) FROM counters") == 5
    assert engine.record().state.value == "running"
    assert engine.span().owner == "far-away:12:345:abcd"


@SQLITE
def test_a_runner_whose_claim_was_stolen_rolls_its_batch_back(
    database: Database,
) -> None:
    """A runner that was only asleep must not change what another one does now."""
    table, backfill = counters(database)
    engine = Engine(database, config=config())
    stolen: list[bool] = []

    def steal(progress: t.Any) -> None:
        if not stolen:
            stolen.append(True)
            hold(database, "far-away:12:345:abcd", 1000)

    with at_each_batch(steal):
        with pytest.raises(errors.ClaimedError, match="taken it over") as caught:
            engine.run(backfill)

    assert "rolled back" in str(caught.value)
    assert database.scalar("SELECT sum(n) FROM counters") == 5
    # The state and the claim are the other's.
    assert engine.record().state.value == "running"
    assert engine.span().owner == "far-away:12:345:abcd"


@SERVERS
def test_a_worker_whose_range_was_taken_over_rolls_its_batch_back_and_goes_on(
    database: Database,
) -> None:
    table, backfill = counters(database)
    engine = Engine(database, config=config())
    stolen: list[bool] = []

    def steal(progress: t.Any) -> None:
        if not stolen:
            stolen.append(True)
            hold(database, "far-away:12:345:abcd", 1)

    with at_each_batch(steal):
        report = engine.run(backfill)

    assert any("taken over" in line for line in engine.notes.lines)
    assert set(contents(database, table, "n")) == {(1,)}
    assert (report.changed, report.state) == (30, "finished")


@pytest.mark.parametrize("batch", [1, 6])
def test_a_runner_whose_claim_was_stolen_writes_no_state(
    database: Database, batch: int
) -> None:
    """Not that it was stopped, nor, after the last batch, that it is finished."""
    _, backfill = counters(database)
    engine = Engine(database, config=config())

    def steal(progress: t.Any) -> None:
        if progress.batches == batch:
            hold(database, "far-away:12:345:abcd", 1000)
            if batch == 1:
                engine.stop.set()

    # Where there may be several, it waits for the other one.
    engine.notes.noted = lambda text: engine.stop.set()  # type: ignore[method-assign]
    with at_each_batch(steal), pytest.raises(errors.BackfillError):
        engine.run(backfill)

    assert engine.record().state.value == "running"
    assert engine.span().owner == "far-away:12:345:abcd"


def test_a_claim_is_kept_through_a_wait_longer_than_the_lease(
    database: Database,
) -> None:
    table, backfill = counters(database)
    short = config(lease_seconds=1)
    waits: list[float] = [3.0]
    waiting = threading.Event()
    ended: list[str] = []

    def throttle() -> tuple[float, str] | None:
        if not waits:
            return None
        waiting.set()
        return waits.pop(), "a test"

    def first() -> None:
        slow = Backfill(backfill.job.statement, throttle=throttle)  # type: ignore[union-attr]
        ended.append(Engine(database, config=short).run(slow).state)

    thread = threading.Thread(target=first)
    thread.start()
    waiting.wait(20)
    alone = database.name == "sqlite"
    refused = pytest.raises(errors.ClaimedError, match="right now")
    with refused if alone else contextlib.nullcontext():
        Engine(database, config=short).run(backfill)
    thread.join()

    assert ended == ["finished"]
    assert set(contents(database, table, "n")) == {(1,)}


@SQLITE
def test_a_runner_that_waited_finds_it_finished(database: Database) -> None:
    _, backfill = counters(database)
    engine = Engine(database, config=config(lease_seconds=1000))
    interrupted(database, engine, backfill)
    hold(database, "far-away:12:345:abcd", 1000)

    def finish(text: str) -> None:
        assert "process 12 on far-away" in text
        database.execute("UPDATE datamigrate_backfills SET state = 'finished'")
        database.execute("UPDATE datamigrate_ranges SET owner = NULL")

    engine.notes.noted = finish  # type: ignore[method-assign]

    assert engine.run(backfill).state == "finished"
    assert engine.span().owner is None
    assert database.scalar("SELECT sum(n) FROM counters") == 5


def test_an_undo_is_refused_while_a_runner_lives(database: Database) -> None:
    table, _ = counters(database)
    backfill = Backfill(sa.update(table).values(n=1), undo=True, batch_size=5)
    engine = Engine(database, config=config(lease_seconds=1000))
    interrupted(database, engine, backfill)
    hold(database, "far-away:12:345:abcd", 1000)
    engine.stop.set()

    with pytest.raises(errors.ClaimedError):
        engine.undo(backfill)

    assert database.scalar("SELECT sum(n) FROM counters") == 5


def test_a_live_process_is_not_dead_and_a_name_tag_reads_well() -> None:
    tag = processes.name_tag()

    assert not processes.is_dead(tag)
    assert processes.describe(tag) == f"process {os.getpid()} on {socket.gethostname()}"
    assert not processes.is_dead("another-host:1:2:abcd")
    assert processes.name_tag() != tag


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="there is no /proc")
def test_a_process_that_ended_and_was_not_waited_for_is_dead() -> None:
    """As in a container whose first process does not care for its children."""
    script = (
        "from flask_datamigrate.backfill import processes;"
        "print(processes.name_tag(), flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        tag = child.stdout.readline().strip()
        assert not processes.is_dead(tag)
        child.kill()
        assert child.stdout.read() == ""
        until = time.monotonic() + 20
        while not processes.is_dead(tag):
            assert time.monotonic() < until


APART = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc")


@pytest.mark.skipif(
    shutil.which(APART[0]) is None or subprocess.run([*APART, "true"]).returncode != 0,
    reason="namespaces cannot be made here",
)
def test_a_process_of_another_container_is_not_taken_for_dead() -> None:
    """It has the host's name, and a number that nobody has here."""
    script = (
        "from flask_datamigrate.backfill import processes;"
        "print(processes.name_tag(), flush=True); input()"
    )
    with subprocess.Popen(
        [*APART, sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        tag = other.stdout.readline().strip()
        assert not processes.is_dead(tag)
        assert processes.describe(tag).endswith(f" on {socket.gethostname()}")
        other.communicate("\n")
