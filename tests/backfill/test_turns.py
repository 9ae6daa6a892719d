"""Beside a backfill, others get their turn to write to an SQLite file."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate.backfill import turns
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.engine import contents
from tests.backfill.test_faults import ROWS
from tests.backfill.test_faults import counters
from tests.databases.database import Database

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def slowly(database: Database) -> sa.Engine:
    """Return an engine that knows a function which takes its time."""
    engine = database.engine(poolclass=sa.NullPool)

    def plus_one(n: int) -> int:
        time.sleep(0.02)
        return n + 1

    @sa.event.listens_for(engine, "connect")
    def connected(raw: t.Any, record: t.Any) -> None:
        raw.create_function("slowly_plus_one", 1, plus_one)

    return engine


@contextlib.contextmanager
def writing(database: Database) -> t.Iterator[list[int]]:
    """Write again and again, as another process would; yield the count of writes."""
    path = sa.make_url(database.url).database
    done = threading.Event()
    writes = [0]

    def write() -> None:
        with contextlib.closing(sqlite3.connect(path, timeout=60)) as raw:
            while not done.is_set():
                raw.execute("UPDATE noted SET n = n + 1")
                raw.commit()
                writes[0] += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield writes
    finally:
        done.set()
        thread.join()


@on_sqlite
@pytest.mark.parametrize("way", ["run", "undo"])
def test_others_write_between_batches(
    database: Database, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    table = counters(database)
    database.execute("CREATE TABLE noted (n INTEGER)")
    backfill = Backfill(
        sa.update(table).values(n=sa.func.slowly_plus_one(table.c.n)), undo=True
    )
    # As many batches as a long run has between two rests.
    monkeypatch.setattr(turns, "ALONE", 0.1)
    monkeypatch.setattr(turns, "AMONG", 0.1)
    engine = Engine(database, sa_engine=slowly(database), config={"max_batch_size": 2})
    if way == "undo":
        engine.run(backfill)
        database.execute(
            "CREATE TRIGGER slow AFTER UPDATE ON counters "
            "BEGIN SELECT slowly_plus_one(1); END"
        )
    seen: list[int] = []

    with writing(database) as writes:
        with at_each_batch(lambda progress: seen.append(writes[0])):
            report = getattr(engine, way)(backfill)

    assert report.changed == ROWS
    assert set(contents(database, table, "n")) == {(1 if way == "run" else 0,)}
    # Without a rest, they would get in by chance, in one place or none.
    assert len(set(seen)) >= 5
