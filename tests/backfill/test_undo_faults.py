"""Trouble of a real database in the middle of an undo."""

from __future__ import annotations

import contextlib
import threading
import typing as t

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.engine import contents
from tests.backfill.engine import somebody_waits
from tests.backfill.test_faults import ROWS
from tests.backfill.test_faults import SERVERS
from tests.backfill.test_faults import config
from tests.backfill.test_faults import counters
from tests.backfill.test_faults import holding
from tests.backfill.test_faults import kill_all
from tests.backfill.test_faults import once
from tests.backfill.test_faults import plus_one
from tests.databases.database import Database


def done(database: Database) -> tuple[sa.Table, Backfill]:
    """Return a table of rows that are changed, and what changed them."""
    table = counters(database)
    backfill = plus_one(table, undo=True)
    Engine(database, config=config()).run(backfill)
    assert set(contents(database, table, "n")) == {(1,)}
    return table, backfill


def test_a_held_row_is_waited_for(database: Database) -> None:
    table, backfill = done(database)
    engine = Engine(database, config=config())
    seen: list[str] = []

    def noted(text: str) -> None:
        seen.append(text)
        if len(seen) == 2:
            stack.close()

    engine.notes.noted = noted  # type: ignore[method-assign]
    with contextlib.ExitStack() as stack:
        take = once(lambda: stack.enter_context(holding(database, "id = 35")))
        with at_each_batch(take):
            report = engine.undo(backfill)

    assert all("somebody else holds the lock" in line for line in seen[:2])
    assert set(contents(database, table, "n")) == {(0,)}
    assert (report.changed, report.conflicts) == (ROWS, 0)


@SERVERS
@pytest.mark.parametrize(
    "moment", ["UPDATE counters", "UPDATE datamigrate_ranges", "COMMIT"]
)
def test_a_connection_that_is_ended_restores_each_row_once(
    database: Database, moment: str
) -> None:
    table, backfill = done(database)
    own = database.engine(poolclass=sa.NullPool)
    engine = Engine(database, sa_engine=own, config=config())
    batches: list[int] = []
    kills: list[str] = []

    def at(statement: str) -> None:
        if moment in statement and len(batches) >= 2 and len(kills) < 2:
            kills.append(statement)
            kill_all(database)

    event.listen(own, "before_cursor_execute", lambda *given: at(given[2]))
    event.listen(own, "commit", lambda connection: at("COMMIT"))
    with at_each_batch(lambda progress: batches.append(progress.batches)):
        report = engine.undo(backfill)

    assert len(kills) == 2
    assert any("connection was lost" in line for line in engine.notes.lines)
    assert set(contents(database, table, "n")) == {(0,)}
    assert (report.changed, report.conflicts, report.state) == (ROWS, 0, "undone")


@SERVERS
def test_a_deadlock_with_another_writer_restores_each_row_once(
    database: Database,
) -> None:
    """It has a row of the third batch, and asks for another one of that."""
    table, backfill = done(database)
    engine = Engine(database, config=config(row_lock_timeout=30))
    batches: list[int] = []
    lost: list[BaseException] = []
    other = database.engine(poolclass=sa.NullPool).connect()
    if database.name == "postgresql":
        # The undo is the one to look for the deadlock, and so to give way.
        other.exec_driver_sql("SET deadlock_timeout = '60s'")
    else:
        # And here the one that has changed less.
        other.exec_driver_sql("UPDATE counters SET n = n + 5 WHERE id > 30")
    other.exec_driver_sql("UPDATE counters SET n = n + 5 WHERE id = 28")

    def cross() -> None:
        while not somebody_waits(database):
            pass
        try:
            other.exec_driver_sql("UPDATE counters SET n = n WHERE id = 21")
        except sa.exc.OperationalError as error:
            lost.append(error)
        other.rollback()

    threads = [threading.Thread(target=cross)]

    def begin(progress: t.Any) -> None:
        batches.append(progress.batches)
        if len(batches) == 2:
            threads[0].start()

    with at_each_batch(begin):
        report = engine.undo(backfill)
    threads[0].join()
    other.close()

    assert not lost
    assert any("resolved a deadlock" in line for line in engine.notes.lines)
    assert set(contents(database, table, "n")) == {(0,)}
    assert (report.changed, report.conflicts, report.state) == (ROWS, 0, "undone")


SLOW = {
    "postgresql": [
        "CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(0.03); RETURN NEW; END $$",
        "CREATE TRIGGER slow BEFORE UPDATE ON counters FOR EACH ROW "
        "EXECUTE FUNCTION nap()",
    ],
    "mysql": [
        "CREATE TRIGGER slow BEFORE UPDATE ON counters FOR EACH ROW "
        "SET @nap = sleep(0.03)"
    ],
}


@SERVERS
@pytest.mark.parametrize("lock", ["session", "row"])
def test_a_statement_that_takes_too_long_is_made_smaller(
    database: Database, lock: str
) -> None:
    table, backfill = done(database)
    for sql in SLOW[database.name]:
        database.execute(sql)
    engine = Engine(database, config=config(statement_timeout=0.2, lock=lock))

    report = engine.undo(backfill)

    assert any("the statement took too long" in line for line in engine.notes.lines)
    assert set(contents(database, table, "n")) == {(0,)}
    assert (report.changed, report.conflicts, report.state) == (ROWS, 0, "undone")


REFUSING = {
    "postgresql": [
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.id = 35 AND NEW.n = 0 THEN RAISE EXCEPTION 'not this one'; END IF; "
        "RETURN NEW; END $$",
        "CREATE TRIGGER refuse BEFORE UPDATE ON counters FOR EACH ROW "
        "EXECUTE FUNCTION no()",
    ],
    "mysql": [
        "CREATE TRIGGER refuse BEFORE UPDATE ON counters FOR EACH ROW BEGIN "
        "IF NEW.id = 35 AND NEW.n = 0 THEN SIGNAL SQLSTATE '45000' "
        "SET MESSAGE_TEXT = 'not this one'; END IF; END"
    ],
    "sqlite": [
        "CREATE TRIGGER refuse BEFORE UPDATE ON counters "
        "WHEN NEW.id = 35 AND NEW.n = 0 "
        "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
    ],
}


def test_a_row_that_cannot_be_restored_is_named_and_the_undo_goes_on(
    database: Database,
) -> None:
    table, backfill = done(database)
    for sql in REFUSING[database.name]:
        database.execute(sql)
    engine = Engine(database, config=config())

    with pytest.raises(errors.DatabaseError, match="not this one") as caught:
        engine.undo(backfill)

    assert "id=35" in str(caught.value)
    assert "rolled back" in caught.value.state
    assert database.scalar("SELECT count(*) FROM counters WHERE n = 0") == 34
    assert engine.record().state.value == "undoing"
    assert not any(span.owner for span in engine.ranges("back"))
    on = " ON counters" if database.name == "postgresql" else ""
    database.execute(f"DROP TRIGGER refuse{on}")

    report = engine.undo(backfill)

    assert set(contents(database, table, "n")) == {(0,)}
    assert (report.changed, report.conflicts, report.state) == (ROWS, 0, "undone")
