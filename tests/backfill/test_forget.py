"""What is kept for an undo is dropped when an operator says so, and not before."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from tests.backfill.engine import REVISION
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database
from tests.upgrading.conftest import ADD
from tests.upgrading.conftest import CREATE
from tests.upgrading.conftest import Bench
from tests.upgrading.conftest import bench as bench  # noqa: PLC0414


def counters(database: Database) -> tuple[sa.Table, Backfill]:
    table = frozen.table(
        "counters",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
    )
    create(database, table)
    fill(database, table, [{"id": i, "n": i} for i in range(1, 9)])
    backfill = Backfill(sa.update(table).values(n=0), undo=True, batch_size=2)
    return table, backfill


def forget(engine: Engine) -> None:
    with engine.runner() as runner:
        runner.forget(REVISION, "the backfill", None)


def test_a_forgotten_backfill_says_when_and_by_whom(database: Database) -> None:
    _, backfill = counters(database)
    engine = Engine(database)
    engine.run(backfill)
    with engine.runner() as runner:
        kept = runner.kept(REVISION, "the backfill", None)
    assert (kept.rows, kept.exact) == (8, True)
    assert kept.size is None or kept.size > 0
    assert kept.table in database.tables()

    forget(engine)

    assert kept.table not in database.tables()
    with pytest.raises(errors.UndoError, match="8 rows.* was forgotten.* UTC by"):
        engine.undo(backfill)
    with pytest.raises(errors.BackfillError, match="keeps nothing for an undo"):
        forget(engine)
    assert engine.record().state.value == "finished"


def test_what_is_still_needed_is_not_forgotten(database: Database) -> None:
    table, backfill = counters(database)
    engine = Engine(database, config={"max_batch_size": 2})

    def stop(progress: t.Any) -> None:
        with pytest.raises(errors.BackfillError, match="it is (running|undoing)"):
            forget(Engine(database))
        engine.stop.set()

    for act in (engine.run, engine.undo):
        with at_each_batch(stop), pytest.raises(errors.InterruptedRun):
            act(backfill)
        with pytest.raises(errors.BackfillError, match="it is (paused|undoing)"):
            forget(Engine(database))
        engine.stop.clear()
        act(backfill)

    assert database.rows(sa.select(table.c.n).order_by(table.c.id)) == [
        (i,) for i in range(1, 9)
    ]


def test_one_that_is_run_anew_keeps_anew(database: Database) -> None:
    _, backfill = counters(database)
    engine = Engine(database)
    engine.run(backfill)
    forget(engine)
    engine.applied()
    with engine.runner() as runner:
        from tests.backfill.engine import task

        runner.begin_anew(task(backfill))
    database.execute("UPDATE counters SET n = id")

    engine.run(backfill)

    assert engine.undo(backfill).changed == 8


def test_the_command_shows_the_size_and_asks(bench: Bench) -> None:
    bench.chain(CREATE, ADD.format(by=1))
    bench.upgrade()
    table = next(name for name in bench.database.tables() if "undo" in name)
    status = bench.flask("db", "data", "status").output
    assert "Can be undone: r2. To drop" in status
    assert table in bench.flask("db", "data", "status", "--json").output

    asked = bench.app.test_cli_runner().invoke(
        args=["db", "data", "forget", "r2"], input="n\n"
    )
    assert asked.exit_code == 1
    assert "r2: 3 rows" in asked.output and f" in {table}" in asked.output
    assert table in bench.database.tables()

    said = bench.flask("db", "data", "forget", "r2", "--yes")
    assert said.exit_code == 0, said.output
    assert table not in bench.database.tables()
    assert "Can be undone" not in bench.flask("db", "data", "status").output
    assert "forget" in bench.flask("db", "data", "log", "r2").output
    down = bench.flask("db", "downgrade")
    assert down.exit_code == 1
    assert "was forgotten with flask db data forget" in down.output
    assert bench.counts == [11, 21, 51]
