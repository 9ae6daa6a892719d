"""Several real processes at one backfill: frozen, late, at odds about the time."""

from __future__ import annotations

import os
import signal
import time
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import frozen
from flask_datamigrate.testing.killing import Child
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database

ROWS = 30
ENDS = {"run": "finished", "undo": "undone"}


def counters(database: Database) -> tuple[sa.Table, Backfill]:
    table = frozen.table(
        "counters",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
    )
    create(database, table)
    fill(database, table, [{"id": i, "n": 0} for i in range(1, ROWS + 1)])
    statement = sa.update(table).values(n=table.c.n + 1)
    return table, Backfill(statement, batch_size=5, undo=True)


def engine_of(database: Database, **config: t.Any) -> Engine:
    """Return an engine whose connections no child shares."""
    own = database.engine(poolclass=sa.NullPool)
    config = {"max_batch_size": 5, "lease_seconds": 1, **config}
    return Engine(database, sa_engine=own, config=config)


@pytest.mark.parametrize("way", ["run", "undo"])
@pytest.mark.parametrize("awake", ["meanwhile", "afterwards"])
def test_a_frozen_process_that_wakes_up_changes_nothing(
    database: Database, way: str, awake: str
) -> None:
    """Taken for dead when its lease ran out, it is fenced off by its next batch."""
    table, backfill = counters(database)
    engine = engine_of(database)
    if way == "undo":
        engine.run(backfill)
    work = {"run": engine.run, "undo": engine.undo}[way]

    def freeze(progress: t.Any) -> None:
        if progress.batches == 2:
            os.kill(os.getpid(), signal.SIGSTOP)

    def frozen_work() -> None:
        with at_each_batch(freeze):
            work(backfill)

    child = Child.start(frozen_work)
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    done: list[int] = []

    def wake(progress: t.Any) -> None:
        done.append(progress.batches)
        if awake == "meanwhile" and len(done) == 1:
            os.kill(child.pid, signal.SIGCONT)

    with at_each_batch(wake):
        report = work(backfill)
    os.kill(child.pid, signal.SIGCONT)
    code, said = child.end()

    assert set(contents(database, table, "n")) == {(1 if way == "run" else 0,)}
    assert (report.changed, report.conflicts, report.batches) == (ROWS, 0, 6)
    assert engine.record().state == report.state == ENDS[way]
    assert code == 0 or "ClaimedError" in said, said


def test_processes_that_start_at_once_on_a_new_database(database: Database) -> None:
    """They make the state tables, write the backfill down and share its rows."""
    table, backfill = counters(database)
    waiting, starting = os.pipe()

    def work() -> None:
        os.close(starting)
        os.read(waiting, 1)
        engine_of(database).run(backfill)

    children = [Child.start(work) for _ in range(3)]
    os.close(starting)
    ended = [child.end() for child in children]
    os.close(waiting)

    assert (0, "") in ended
    for code, said in ended:
        # On SQLite, which has one writer, others are told to look in again.
        assert code == 0 or (database.name == "sqlite" and "ClaimedError" in said), said
    assert set(contents(database, table, "n")) == {(1,)}
    engine = engine_of(database)
    assert engine.record().state.value == "finished"
    assert engine.undo(backfill).changed == ROWS


def test_the_clock_of_a_host_changes_no_lease(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lease is of the database's time, whatever hosts think it is."""
    table, backfill = counters(database)
    engine = engine_of(database, lease_seconds=100)
    now = time.time()
    days = iter([-400, 400, -4000, 4000, 0, 0, 0])
    leases: list[float | None] = []

    def jump(progress: t.Any) -> None:
        leases.append(engine.span().lease_until)
        monkeypatch.setattr(time, "time", lambda: now + 86400 * next(days))

    with at_each_batch(jump):
        engine.run(backfill)
    monkeypatch.undo()

    assert len(leases) == 6
    assert all(lease and 0 < lease - now < 300 for lease in leases)
    assert set(contents(database, table, "n")) == {(1,)}
