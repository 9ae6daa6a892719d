"""Trouble of a real database in mid-run: locks, deadlocks, lost connections."""

from __future__ import annotations

import contextlib
import threading
import typing as t

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.backfill.engine import somebody_waits
from tests.databases.database import Database

SERVERS = pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
ROWS = 60


def counters(database: Database) -> sa.Table:
    table = frozen.table(
        "counters",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
    )
    create(database, table)
    fill(database, table, [{"id": i, "n": 0} for i in range(1, ROWS + 1)])
    return table


def plus_one(table: sa.Table, **options: t.Any) -> Backfill:
    options = {"batch_size": 10, **options}
    return Backfill(sa.update(table).values(n=table.c.n + 1), **options)


def in_python(table: sa.Table, **options: t.Any) -> Backfill:
    options = {"batch_size": 10, **options}
    return Backfill.rows(
        table, lambda row: {"n": row.n + 1}, reads=["n"], writes=["n"], **options
    )


FORMS = pytest.mark.parametrize("form", [plus_one, in_python])
Form = t.Callable[..., Backfill]


def config(**more: t.Any) -> dict[str, t.Any]:
    return {"max_batch_size": 10, "row_lock_timeout": 0.2, **more}


def once(action: t.Callable[[], t.Any]) -> t.Callable[[t.Any], None]:
    done: list[bool] = []

    def act(progress: t.Any) -> None:
        if not done:
            done.append(True)
            action()

    return act


@contextlib.contextmanager
def holding(database: Database, condition: str) -> t.Iterator[sa.Connection]:
    """Hold rows in a transaction of another connection."""
    engine = database.engine(poolclass=sa.NullPool)
    with engine.connect() as connection:
        if database.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            sql = f"SELECT id FROM counters WHERE {condition} FOR UPDATE"
            connection.exec_driver_sql(sql)
        yield connection
        connection.rollback()


@FORMS
def test_a_held_lock_makes_batches_smaller_until_it_is_released(
    database: Database, form: Form
) -> None:
    table = counters(database)
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
            report = engine.run(form(table))

    assert len(seen) >= 2
    assert "somebody else holds the lock" in seen[0]
    if database.name != "sqlite":
        # One row is held, and all before it are done meanwhile.
        assert "trying again with 2 rows" in seen[0]
    assert set(contents(database, table, "n")) == {(1,)}
    assert report.changed == ROWS


@FORMS
def test_a_lock_that_stays_held_ends_in_an_error_and_loses_nothing(
    database: Database, form: Form
) -> None:
    table = counters(database)
    engine = Engine(database, config=config(retry_seconds=0.3, lease_seconds=1))

    with contextlib.ExitStack() as stack:
        take = once(lambda: stack.enter_context(holding(database, "id = 35")))
        with at_each_batch(take):
            with pytest.raises(errors.DatabaseError, match="holds the lock"):
                engine.run(form(table))

    engine.run(form(table))
    assert set(contents(database, table, "n")) == {(1,)}


def test_waiting_for_a_lock_ends_when_asked_to_stop(database: Database) -> None:
    table = counters(database)
    engine = Engine(database, config=config(retry_seconds=100, lease_seconds=1))
    engine.notes.noted = lambda text: engine.stop.set()  # type: ignore[method-assign]

    with contextlib.ExitStack() as stack:
        take = once(lambda: stack.enter_context(holding(database, "id = 15")))
        with at_each_batch(take):
            with pytest.raises(errors.InterruptedRun, match="everything is saved"):
                engine.run(plus_one(table))

    Engine(database, config=config(lease_seconds=1)).run(plus_one(table))
    assert set(contents(database, table, "n")) == {(1,)}


@SERVERS
@FORMS
def test_a_deadlock_is_tried_again(database: Database, form: Form) -> None:
    table = counters(database)
    other = frozen.table("other", sa.Column("id", sa.Integer, primary_key=True))
    create(database, other)
    fill(database, other, [{"id": 1}])
    database.execute("CREATE TABLE met (id INTEGER)")
    engine = Engine(database, config=config(row_lock_timeout=30))
    own = database.engine(poolclass=sa.NullPool)
    engine.sa_engine = own
    crossing = threading.Event()
    threads: list[threading.Thread] = []
    first = database.engine(poolclass=sa.NullPool).connect()
    first.exec_driver_sql("SELECT id FROM counters WHERE id = 30 FOR UPDATE")
    lost: list[BaseException] = []

    def cross() -> None:
        """Ask for a row the batch holds, while the batch waits for the held one."""
        try:
            if database.name == "postgresql":
                first.exec_driver_sql("SET deadlock_timeout = '10s'")
            first.exec_driver_sql("UPDATE counters SET n = n WHERE id = 21")
            first.commit()
        except sa.exc.OperationalError as error:
            lost.append(error)
            first.rollback()
        finally:
            crossing.set()

    @event.listens_for(own, "before_cursor_execute")
    def before(*arguments: t.Any) -> None:
        if "UPDATE counters" in arguments[2] or "FOR NO KEY" in arguments[2]:
            start()
        elif "FOR UPDATE" in arguments[2]:
            start()

    def start() -> None:
        if engine.database and not threads and is_third():
            threads.append(threading.Thread(target=wait_and_cross))
            threads[0].start()

    done = [0]

    def is_third() -> bool:
        return done[0] >= 20

    def wait_and_cross() -> None:
        while not somebody_waits(database):
            pass
        cross()

    with at_each_batch(lambda progress: done.__setitem__(0, progress.changed)):
        report = engine.run(form(table))
    threads[0].join()
    first.close()

    assert set(contents(database, table, "n")) == {(1,)}
    assert report.changed == ROWS
    met = [line for line in engine.notes.lines if "deadlock" in line]
    assert met or lost, "there was no deadlock"


def kill_all(database: Database) -> None:
    """End every other connection to the test's database, from the server."""
    if database.name == "postgresql":
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
            "datname = current_database() AND pid <> pg_backend_pid()"
        )
        return
    found = database.rows(
        "SELECT id FROM information_schema.processlist "
        "WHERE db = DATABASE() AND id <> CONNECTION_ID()"
    )
    for (id,) in found:
        with contextlib.suppress(sa.exc.OperationalError):
            database.execute(f"KILL CONNECTION {id}")


DRIVERS = pytest.mark.parametrize(
    ("database", "driver"),
    [("postgresql", "psycopg2"), ("postgresql", "psycopg"), ("mysql", "pymysql")],
    indirect=["database"],
)
MOMENTS = {
    "between two batches": "batch",
    "before the rows change": "UPDATE counters",
    "before the cursor moves": "UPDATE datamigrate_ranges",
    "before the commit": "commit",
}


@DRIVERS
@FORMS
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_connection_that_is_ended_costs_no_row_and_none_twice(
    database: Database, driver: str, form: Form, moment: str
) -> None:
    table = counters(database)
    own = database.engine(driver=driver, poolclass=sa.NullPool)
    engine = Engine(database, sa_engine=own, config=config())
    kills: list[int] = []
    batches: list[int] = []

    def kill() -> None:
        if len(batches) >= 2 and len(kills) < 2:
            kills.append(1)
            kill_all(database)

    at = MOMENTS[moment]
    if at == "commit":
        event.listen(own, "commit", lambda connection: kill())
    elif at != "batch":

        @event.listens_for(own, "before_cursor_execute")
        def before(*arguments: t.Any) -> None:
            if at in arguments[2] or (
                at == "UPDATE counters" and "counters" in arguments[2]
            ):
                kill()

    def after(progress: t.Any) -> None:
        batches.append(progress.batches)
        if at == "batch":
            kill()

    with at_each_batch(after):
        report = engine.run(form(table))

    assert len(kills) == 2
    assert any("connection was lost" in line for line in engine.notes.lines)
    assert set(contents(database, table, "n")) == {(1,)}
    assert (report.changed, report.state) == (ROWS, "finished")


@SERVERS
def test_a_commit_whose_answer_is_lost_is_not_done_twice(database: Database) -> None:
    """The server committed; the runner is told that the connection is gone."""
    table = counters(database)
    own = database.engine(poolclass=sa.NullPool)
    engine = Engine(database, sa_engine=own, config=config())
    lost: list[int] = []
    batches: list[int] = []

    @event.listens_for(own, "commit")
    def commit(connection: sa.Connection) -> None:
        if len(batches) == 2 and not lost:
            lost.append(1)
            # What the server has done by the time the driver learns of the end.
            connection.connection.dbapi_connection.commit()  # type: ignore[union-attr]
            kill_all(database)
            connection.exec_driver_sql("SELECT 1")

    with at_each_batch(lambda progress: batches.append(1)):
        report = engine.run(plus_one(table))

    assert lost
    assert set(contents(database, table, "n")) == {(1,)}
    assert report.changed == ROWS


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_serialization_failure_is_tried_again(database: Database) -> None:
    table = counters(database)
    own = database.engine(poolclass=sa.NullPool)
    engine = Engine(database, sa_engine=own, config=config())
    raced: list[int] = []

    @event.listens_for(own, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")

    @event.listens_for(own, "before_cursor_execute")
    def before(connection: t.Any, cursor: t.Any, statement: str, *more: t.Any) -> None:
        if "UPDATE counters" in statement and len(raced) < 2:
            raced.append(1)
            database.execute("UPDATE counters SET n = n + 100 WHERE id = 5")

    engine.run(plus_one(table))

    assert raced == [1, 1]
    assert database.scalar("SELECT n FROM counters WHERE id = 5") == 201
    assert database.scalar("SELECT count(*) FROM counters WHERE n = 1") == ROWS - 1


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_statement_timeout_makes_batches_smaller(database: Database) -> None:
    table = counters(database)
    own = database.engine(poolclass=sa.NullPool)

    @event.listens_for(own, "connect")
    def limit(connection: t.Any, record: t.Any) -> None:
        cursor = connection.cursor()
        cursor.execute("SET statement_timeout = '150ms'")
        cursor.close()
        connection.commit()

    slow = sa.case((sa.func.pg_sleep(0.01).is_(None), 0), else_=table.c.n + 1)
    engine = Engine(
        database, sa_engine=own, config={"max_batch_size": 40, "target_seconds": 0.05}
    )
    report = engine.run(Backfill(sa.update(table).values(n=slow), batch_size=40))

    assert any("the statement took too long" in line for line in engine.notes.lines)
    assert set(contents(database, table, "n")) == {(1,)}
    assert report.batches > 3


@pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
@pytest.mark.parametrize("lock", ["session", "row"])
def test_the_limit_on_statements_holds_for_batches_and_not_for_the_check(
    database: Database, lock: str
) -> None:
    table = counters(database)
    nap = {"postgresql": "pg_sleep({}) IS NULL", "mysql": "sleep({}) > 9"}[
        database.name
    ]
    slow = sa.case((sa.text(nap.format("0.01 + 0 * n")), 0), else_=table.c.n + 1)
    engine = Engine(
        database,
        config={
            "max_batch_size": 40,
            "target_seconds": 0.05,
            "statement_timeout": 0.15,
            "lock": lock,
        },
    )
    check = sa.text(f"SELECT CASE WHEN {nap.format(0.4)} THEN 1 ELSE 0 END")

    report = engine.run(
        Backfill(sa.update(table).values(n=slow), batch_size=40, verify=check)
    )

    assert any("the statement took too long" in line for line in engine.notes.lines)
    assert report.state == "finished"
    assert set(contents(database, table, "n")) == {(1,)}


def test_an_error_does_not_show_the_row_that_was_refused(database: Database) -> None:
    """PostgreSQL's DETAIL has every column of it."""
    table = frozen.table(
        "counters",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("secret", sa.String(50)),
        sa.Column("n", sa.Integer, nullable=False),
    )
    create(database, table)
    fill(database, table, [{"id": 7, "secret": "pbkdf2:sha256", "n": 1}])
    engine = Engine(database)

    with pytest.raises(errors.DatabaseError) as caught:
        engine.run(Backfill(sa.update(table).values(n=sa.null())))

    stored = database.scalar("SELECT error FROM datamigrate_backfills")
    for text in (str(caught.value), stored):
        assert "pbkdf2" not in text
    assert "id=7" in str(caught.value)


def test_a_server_that_is_not_there_is_one_error() -> None:
    table = frozen.table("counters", sa.Column("id", sa.Integer, primary_key=True))
    nowhere = Database("postgresql", "postgresql+psycopg2://nobody@127.0.0.1:1/none")

    with pytest.raises(errors.DatabaseError, match="does not answer") as caught:
        Engine(nowhere).run(Backfill(sa.delete(table)))

    assert "Check the URL" in str(caught.value)
