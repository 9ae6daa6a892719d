"""The next batch of computed rows is prepared while one is being written."""

from __future__ import annotations

import threading
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate.backfill.ahead import FEWEST
from flask_datamigrate.testing.killing import killed
from tests.backfill.engine import REVISION
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database

BATCH = FEWEST
ROWS = 5 * BATCH
on_servers = pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
CONFIG = {"batch_size": BATCH, "max_batch_size": BATCH}

things = frozen.table(
    "things",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("n", sa.Integer, nullable=False),
)


def plus_one(row: t.Any) -> dict[str, int]:
    return {"n": row.n + 1}


def prepared(
    database: Database, transform: t.Callable[[t.Any], t.Any], **options: t.Any
) -> Backfill:
    """Create the table, and return a backfill whose second run shows."""
    create(database, things)
    fill(database, things, [{"id": i, "n": i} for i in range(1, ROWS + 1)])
    return Backfill.rows(things, transform, reads=["n"], writes=["n"], **options)


def all_once(database: Database) -> None:
    """Check that each row was changed exactly once."""
    assert database.scalar("SELECT count(*) FROM things WHERE n = id + 1") == ROWS


def transforming_threads(database: Database, **options: t.Any) -> set[str]:
    """Return the names of the threads that call the transform of a run."""
    names = set()

    def transform(row: t.Any) -> dict[str, int]:
        names.add(threading.current_thread().name.rstrip("_0123456789"))
        return plus_one(row)

    engine = Engine(database, config=CONFIG)
    assert engine.run(prepared(database, transform, **options)).batches == 5
    all_once(database)
    return names


def test_where_others_may_write_beside_a_batch_a_second_thread_prepares_the_next(
    database: Database,
) -> None:
    names = transforming_threads(database)
    alone = database.name == "sqlite"
    assert names == {"MainThread"} | (set() if alone else {"datamigrate-ahead"})


@pytest.mark.parametrize(
    "options",
    [
        # It may look at rows that the batch at hand is about to change.
        {"where": sa.exists(sa.select(things.c.id)), "verify": False},
        {"where": things.c.n >= sa.literal_column("(SELECT 1)"), "verify": False},
        # It may take its time, in which no row is to be locked.
        {"throttle": lambda: None},
        # Its side table has the next batch's rows beside this one's.
        {"undo": True},
    ],
    ids=["where", "text", "throttle", "undo"],
)
@on_servers
def test_what_may_meet_the_batch_at_hand_is_not_prepared(
    database: Database, options: dict[str, t.Any]
) -> None:
    assert transforming_threads(database, **options) == {"MainThread"}


def test_a_transform_that_asks_the_database_sees_all_batches_before_its_own(
    database: Database,
) -> None:
    engine = database.engine(poolclass=sa.NullPool)
    seen = []

    def transform(row: t.Any) -> dict[str, int]:
        if row.id % BATCH == 1:
            with engine.connect() as connection:
                query = sa.select(sa.func.count()).where(things.c.n == things.c.id + 1)
                seen.append((row.id - 1, connection.execute(query).scalar_one()))
        return plus_one(row)

    Engine(database, config=CONFIG).run(prepared(database, transform))

    assert seen == [(i, i) for i in range(0, ROWS, BATCH)]


def test_a_row_that_fails_ahead_is_named_and_the_batch_before_it_is_saved(
    database: Database,
) -> None:
    bad = BATCH + 7

    def transform(row: t.Any) -> dict[str, int]:
        if row.id == bad:
            raise ValueError("not this one")
        return plus_one(row)

    engine = Engine(database, config=CONFIG)
    with pytest.raises(errors.BackfillError, match=f"id={bad}.*not this one"):
        engine.run(prepared(database, transform))

    assert database.scalar("SELECT count(*) FROM things WHERE n = id + 1") == BATCH
    assert engine.record().state.value == "failed"


@on_servers
def test_a_wait_keeps_no_row_locked(database: Database) -> None:
    engine = Engine(database, config={**CONFIG, "poll_seconds": 0})
    backfill = prepared(database, plus_one)
    running = threading.Thread(target=engine.run, args=(backfill,))
    resting = threading.Event()

    def rest(progress: t.Any) -> None:
        if progress.batches == 2:
            with engine.runner() as operator:
                operator.tune(REVISION, pause_seconds=60)
            resting.set()

    with at_each_batch(rest):
        running.start()
        assert resting.wait(60)
        with database.engine(poolclass=sa.NullPool).begin() as connection:
            wait = {"postgresql": "lock_timeout = '30s'"}
            setting = wait.get(database.name, "innodb_lock_wait_timeout = 30")
            connection.exec_driver_sql(f"SET SESSION {setting}")
            connection.execute(sa.update(things).values(n=things.c.n))
        assert running.is_alive()
        with engine.runner() as operator:
            operator.tune(REVISION, pause_seconds=0)
        running.join(60)

    all_once(database)


@on_servers
def test_rows_that_somebody_changes_meanwhile_are_not_computed_from_what_they_were(
    database: Database,
) -> None:
    """The row is locked when it is read, so that the change comes after."""
    backfill = prepared(database, plus_one)
    others: list[threading.Thread] = []

    def add(first: int) -> None:
        with database.engine(poolclass=sa.NullPool).begin() as connection:
            few = things.c.id.between(first, first + 9)
            statement = sa.update(things).where(few).values(n=things.c.n + 1000)
            connection.execute(statement)

    def change(progress: t.Any) -> None:
        others.append(
            threading.Thread(target=add, args=(progress.batches * BATCH + 1,))
        )
        others[-1].start()

    with at_each_batch(change):
        Engine(database, config=CONFIG).run(backfill)
        for other in others:
            other.join()

    wrong = "SELECT count(*) FROM things WHERE n - id NOT IN (1, 1001)"
    assert database.scalar(wrong) == 0
    assert database.scalar("SELECT count(*) FROM things WHERE n - id = 1001") == 40


def test_killed_with_a_batch_prepared_each_row_is_changed_once(
    database: Database,
) -> None:
    engine = Engine(database, config=CONFIG)
    backfill = prepared(database, plus_one)

    killed(lambda: engine.run(backfill), {None: database.engine()}, 2)
    assert database.scalar("SELECT count(*) FROM things WHERE n = id + 1") == 2 * BATCH
    engine.run(backfill)

    all_once(database)
