"""Several workers at one backfill: each row once, whoever does it."""

from __future__ import annotations

import threading
import time
import typing as t
import uuid

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate.backfill.ranges import Range
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.backfill.engine import task
from tests.databases.database import Database

SERVERS = pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
ROWS = 400
CONFIG = {"max_batch_size": 20}

KEYS: dict[str, tuple[list[sa.Column[t.Any]], t.Callable[[int], tuple[t.Any, ...]]]] = {
    "integer": ([sa.Column("id", sa.Integer, primary_key=True)], lambda i: (i + 1,)),
    "skewed": (
        [sa.Column("id", sa.BigInteger, primary_key=True)],
        # A few rows over all of the key, and most in the last hundredth of it.
        lambda i: (i * 10_000_000 if i < 40 else 99 * 10**9 + i,),
    ),
    "text": (
        [sa.Column("id", sa.String(20), primary_key=True)],
        lambda i: (f"{'aBcD'[i % 4]}-{i * 7919 % 1000:04}",),
    ),
    "uuid": (
        [sa.Column("id", sa.Uuid, primary_key=True)],
        lambda i: (uuid.uuid5(uuid.NAMESPACE_DNS, str(i)),),
    ),
    "composite": (
        [
            sa.Column("tenant", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        ],
        # Most rows are of one tenant.
        lambda i: (1 + i // 350, i),
    ),
}


def counters(database: Database, key: str = "integer", rows: int = ROWS) -> sa.Table:
    """Return a table whose ``n`` is 0 in every row."""
    columns, value = KEYS[key]
    table = frozen.table(
        "counters", *(c._copy() for c in columns), sa.Column("n", sa.Integer)
    )
    create(database, table)
    names = [column.name for column in columns]
    rows_ = [{**dict(zip(names, value(i), strict=True)), "n": 0} for i in range(rows)]
    fill(database, table, rows_)
    return table


def plus_one(table: sa.Table, **options: t.Any) -> Backfill:
    options = {"batch_size": 20, **options}
    return Backfill(sa.update(table).values(n=table.c.n + 1), **options)


def gate(engine: Engine, ranges: int) -> t.Callable[[], None]:
    """Return a throttle that lets no batch begin before there are so many ranges."""

    def wait() -> None:
        until = time.monotonic() + 30
        while len(engine.ranges()) < ranges:
            assert time.monotonic() < until, "nobody cut the range"
            time.sleep(0.01)

    return wait


def rows_of(database: Database, table: sa.Table, span: Range) -> int:
    """Count the rows between the bounds of a range."""
    key = sa.tuple_(*table.primary_key.columns)
    query = sa.select(sa.func.count()).select_from(table).where(key <= span.upper)
    if span.low is not None:
        query = query.where(key > span.low)
    return int(database.scalar(query))


@pytest.mark.parametrize("key", KEYS)
@SERVERS
def test_the_ranges_have_about_as_many_rows_each(database: Database, key: str) -> None:
    table = counters(database, key)
    engine = Engine(database, config=CONFIG)

    with at_each_batch(lambda progress: engine.stop.set()):
        with pytest.raises(errors.InterruptedRun):
            engine.run(plus_one(table, throttle=gate(engine, 4)), workers=4)

    sizes = [rows_of(database, table, span) for span in engine.ranges()]
    assert sum(sizes) == ROWS
    assert len(sizes) == 4
    assert max(sizes) - min(sizes) <= ROWS // 20
    assert engine.record().state.value == "paused"
    assert not any(span.owner for span in engine.ranges())


@pytest.mark.parametrize("key", KEYS)
@SERVERS
def test_several_workers_change_each_row_once(database: Database, key: str) -> None:
    table = counters(database, key)
    engine = Engine(database, config=CONFIG)
    done: set[int] = set()

    with at_each_batch(lambda progress: done.add(threading.get_ident())):
        report = engine.run(plus_one(table, throttle=gate(engine, 3)), workers=3)

    assert set(contents(database, table, "n")) == {(1,)}
    assert (report.changed, report.state) == (ROWS, "finished")
    assert len(done) == 3
    assert len(engine.ranges()) >= 3
    assert all(span.is_done for span in engine.ranges())
    finished = "SELECT count(*) FROM datamigrate_events WHERE to_state = 'finished'"
    assert database.scalar(finished) == 1


@SERVERS
def test_who_is_done_takes_a_part_of_what_another_still_has(database: Database) -> None:
    table = counters(database)
    engine = Engine(database, config={"max_batch_size": 5})
    first = threading.get_ident()
    done = {first: 0}

    def count(progress: t.Any) -> None:
        me = threading.get_ident()
        done[me] = done.get(me, 0) + 1

    def slowly() -> tuple[float, str] | None:
        return (0.1, "a test") if threading.get_ident() == first else None

    with at_each_batch(count):
        engine.run(plus_one(table, batch_size=5, throttle=slowly), workers=2)

    assert set(contents(database, table, "n")) == {(1,)}
    # Its bounds were frozen, then cut in two, and then again.
    assert engine.span().cuts > 2
    (other,) = done.keys() - {first}
    assert done[other] > 2 * done[first]


@SERVERS
def test_a_batch_of_rows_that_were_given_to_another_is_rolled_back(
    database: Database,
) -> None:
    """The owner of a range is in the middle of a batch when the range is cut."""
    table = counters(database)
    sa_engine = database.engine(poolclass=sa.NullPool)
    engine = Engine(database, config=CONFIG, sa_engine=sa_engine)
    first = threading.get_ident()
    cuts: list[int] = []

    @sa.event.listens_for(sa_engine, "before_cursor_execute")
    def meanwhile(*arguments: t.Any) -> None:
        at_cursor = "datamigrate_ranges.batches +" in arguments[2]
        if at_cursor and threading.get_ident() == first and not cuts:
            gate(engine, 2)()
            cuts.append(engine.span().cuts)

    report = engine.run(plus_one(table), workers=2)

    assert cuts == [2]
    assert set(contents(database, table, "n")) == {(1,)}
    assert report.changed == ROWS
    assert report.batches == sum(span.batches for span in engine.ranges())


@pytest.mark.parametrize("key", ["integer", "composite"])
@SERVERS
def test_rows_that_come_meanwhile_are_taken_in(database: Database, key: str) -> None:
    """Above the bound, below every cursor, and in between."""
    table = counters(database, key)
    low = {"integer": {"id": -5}, "composite": {"tenant": -5, "id": 1}}[key]
    high = {"integer": {"id": 10_000}, "composite": {"tenant": 9, "id": 1}}[key]
    engine = Engine(database, config=CONFIG)
    backfill = Backfill(
        sa.update(table).where(table.c.n == 0).values(n=7),
        batch_size=20,
        throttle=gate(engine, 3),
    )
    came: list[int] = []

    def insert(progress: t.Any) -> None:
        if progress.batches >= 6 and not came:
            came.append(1)
            fill(database, table, [{**low, "n": 0}, {**high, "n": 0}])

    with at_each_batch(insert):
        report = engine.run(backfill, workers=3)

    assert set(contents(database, table, "n")) == {(7,)}
    assert (report.left, report.changed) == (0, ROWS + 2)


@SERVERS
def test_the_first_error_stops_the_others_and_names_its_row(database: Database) -> None:
    table = counters(database)
    engine = Engine(database, config=CONFIG)

    def transform(row: t.Any) -> dict[str, t.Any]:
        return {"n": 1 // (row["id"] - 333) and 1}

    backfill = Backfill.rows(
        table,
        transform,
        reads=["n"],
        writes=["n"],
        batch_size=20,
        throttle=gate(engine, 4),
    )
    with pytest.raises(errors.BackfillError) as caught:
        engine.run(backfill, workers=4)

    assert "row id=333" in str(caught.value)
    record = engine.record()
    assert (record.state.value, record.error) == ("failed", caught.value.what)
    assert not any(span.owner for span in engine.ranges())
    database.execute("DELETE FROM counters WHERE id = 333")
    assert engine.run(backfill, workers=2).state == "finished"


@SERVERS
def test_a_second_process_works_along(database: Database) -> None:
    """Another connection and another owner; a process more would be slower to start."""
    table = counters(database)
    engine = Engine(database, config=CONFIG)
    backfill = plus_one(table, throttle=gate(engine, 2))
    reports: list[t.Any] = []

    def second() -> None:
        other = Engine(database, config=CONFIG)
        until = time.monotonic() + 30
        while not engine.ranges():
            assert time.monotonic() < until
            time.sleep(0.01)
        reports.append(other.run(plus_one(table)))

    create_state(engine, backfill)
    thread = threading.Thread(target=second)
    thread.start()
    reports.append(engine.run(backfill))
    thread.join()

    assert [report.state for report in reports] == ["finished"] * 2
    assert [report.changed for report in reports] == [ROWS] * 2
    assert set(contents(database, table, "n")) == {(1,)}


def create_state(engine: Engine, backfill: Backfill) -> None:
    """Register a backfill, so that the state tables can be looked at."""
    with engine.runner() as runner:
        runner.defer(task(backfill))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_sqlite_takes_one_worker_and_says_so(database: Database) -> None:
    table = counters(database)
    engine = Engine(database, config=CONFIG)

    report = engine.run(plus_one(table, workers=3))

    assert (report.changed, report.state) == (ROWS, "finished")
    assert len(engine.ranges()) == 1
    assert any("SQLite has one writer at a time" in line for line in engine.notes.lines)


@SERVERS
def test_an_insert_that_reads_what_it_fills_takes_one_worker(
    database: Database,
) -> None:
    table = counters(database)
    copies = frozen.table(
        "copies",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
    )
    create(database, copies)
    once = ~sa.exists().where(copies.c.id == table.c.id)
    engine = Engine(database, config=CONFIG)

    engine.run(
        Backfill(
            sa.insert(copies).from_select(
                ["id", "n"], sa.select(table.c.id, table.c.n).where(once)
            ),
            over=table,
            batch_size=20,
        ),
        workers=3,
    )

    assert len(contents(database, copies)) == ROWS
    assert len(engine.ranges()) == 1
    assert any("may depend on what it has" in line for line in engine.notes.lines)


@pytest.mark.parametrize("workers", [0, -1, 65, 10_000, True, 1.5, "2"])
def test_a_number_of_workers_that_cannot_be_meant_is_refused(workers: t.Any) -> None:
    table = frozen.table("t", sa.Column("id", sa.Integer, primary_key=True))

    with pytest.raises(errors.DefinitionError, match="a whole number from 1 to 64"):
        Backfill(sa.delete(table), workers=workers)


def test_an_atomic_backfill_takes_no_workers() -> None:
    table = frozen.table("t", sa.Column("id", sa.Integer, primary_key=True))

    with pytest.raises(errors.DefinitionError, match="atomic=True is one statement"):
        Backfill(sa.delete(table), workers=2, atomic=True)
