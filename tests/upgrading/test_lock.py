"""One upgrade at a time: many may start, one upgrades, the others find it done."""

from __future__ import annotations

import contextlib
import pathlib
import signal
import sqlite3
import subprocess
import threading
import time
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate.backfill.reporting import Reporter
from flask_datamigrate.backfill.tables import tables
from flask_datamigrate.errors import LockTimeoutError
from flask_datamigrate.settings import read
from flask_datamigrate.upgrading import lock
from tests.nursery import Process
from tests.upgrading.conftest import ADD_FOR_GOOD
from tests.upgrading.conftest import COLUMN
from tests.upgrading.conftest import CREATE
from tests.upgrading.conftest import Bench

AT_ONCE = 8

PLAIN = ADD_FOR_GOOD.format(by=1, options=", batch_size=1")
STOP_AT_THE_LAST_ROW = """
import os, pathlib, signal

counters = frozen.table(
    "counters",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("n", sa.Integer),
)

def add(row):
    if row["id"] == 5 and not os.environ.get("GO_ON"):
        os.kill(os.getpid(), signal.SIGKILL)
    return {"n": row["n"] + 1}

backfill = Backfill.rows(counters, add, reads=["n"], writes=["n"], batch_size=1)

def upgrade():
    op.backfill(backfill)

def downgrade():
    pass
"""
WAITS = """
import os, pathlib, time

def upgrade():
    here = pathlib.Path(os.environ["MIGRATIONS"])
    (here / "begun").touch()
    while not (here / "go").exists():
        time.sleep(0.02)

def downgrade():
    pass
"""


def lock_kinds(bench: Bench) -> list[str]:
    return ["session"] if bench.database.name == "sqlite" else ["session", "row"]


def all_at_once(bench: Bench, **environment: str) -> list[tuple[int, str]]:
    processes = [
        bench.project.start("db", "upgrade", **environment) for _ in range(AT_ONCE)
    ]
    ended = []
    for process in processes:
        _, err = process.communicate(timeout=120)
        ended.append((process.returncode, err))
    return ended


@pytest.fixture(params=["session", "row"])
def kind(request: pytest.FixtureRequest, bench: Bench) -> str:
    name: str = request.param
    if bench.database.name == "sqlite" and name == "session":
        pytest.skip("SQLite has no session locks")
    bench.project.config = {"DATAMIGRATE_LOCK": name}
    return name


def test_many_upgrades_of_an_empty_database(bench: Bench, kind: str) -> None:
    bench.chain(
        CREATE,
        "def upgrade(): op.execute('UPDATE counters SET n = n + 100')",
        PLAIN,
        COLUMN.format(name="a"),
    )
    ended = all_at_once(bench)
    assert [code for code, _ in ended] == [0] * AT_ONCE, ended
    assert (bench.heads, bench.counts) == ({"r4"}, [111, 121, 151])


def test_many_upgrades_of_a_half_migrated_database(bench: Bench, kind: str) -> None:
    bench.chain(CREATE, STOP_AT_THE_LAST_ROW, COLUMN.format(name="a"))
    killed = bench.project.run("db", "upgrade", FLASK_DATAMIGRATE_MAX_BATCH_SIZE="1")
    assert killed.code == -signal.SIGKILL
    assert (bench.heads, bench.counts) == ({"r1"}, [11, 21, 50])
    ended = all_at_once(bench, GO_ON="1")
    assert [code for code, _ in ended] == [0] * AT_ONCE, ended
    assert (bench.heads, bench.counts) == ({"r3"}, [11, 21, 51])


@contextlib.contextmanager
def upgrade_that_waits(bench: Bench) -> t.Iterator[Process]:
    """Hold an upgrade of r2 open until the block ends."""
    bench.revision("r2", WAITS, down="r1")
    begun, go = (bench.project.migrations / name for name in ("begun", "go"))
    process = bench.project.start("db", "upgrade")
    try:
        until(begun.exists, process)
        yield process
    finally:
        go.touch()
        process.communicate(timeout=60)


def until(condition: t.Callable[[], bool], process: Process) -> None:
    while not condition():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
            assert condition(), process.communicate()


def test_a_wait_that_is_over(bench: Bench, kind: str) -> None:
    bench.revision("r1", CREATE)
    bench.upgrade()
    with upgrade_that_waits(bench) as holder:
        for seconds in ("0", "0.5"):
            ran = bench.project.run("db", "upgrade", "--wait", seconds)
            assert ran.code == 1, ran.err
            assert "another upgrade" in ran.err
            assert "wait longer: --wait SECONDS" in ran.err
            assert "Traceback" not in ran.err
        ran = bench.project.run("db", "upgrade", FLASK_DATAMIGRATE_LOCK_WAIT="0")
        assert ran.code == 1
        assert "did not end within 0.0 s" in ran.err
    assert holder.returncode == 0
    assert bench.heads == {"r2"}
    bench.project.flask("db", "upgrade", "--wait", "0")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_wait_ends_in_time_while_another_process_writes(bench: Bench) -> None:
    """Not after the database's own busy timeout, which stays what the app set."""
    engine = bench.database.engine(connect_args={"timeout": 600})
    settings = read({})
    with contextlib.closing(sqlite3.connect(t.cast(str, engine.url.database))) as other:
        other.execute("BEGIN EXCLUSIVE")
        patience = lock.Patience(0, Reporter(), threading.Event())
        with pytest.raises(LockTimeoutError, match="writes to the database"):
            with lock.hold(engine, settings, patience):
                pass
    with lock.hold(engine, settings, patience), engine.connect() as connection:
        kept = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    assert kept == 600_000


def test_nothing_to_do_needs_no_lock(bench: Bench) -> None:
    bench.revision("r1", CREATE)
    bench.upgrade()
    with upgrade_that_waits(bench):
        bench.project.flask("db", "upgrade", "r1", "--wait", "0")


def test_a_killed_holder_does_not_block(bench: Bench, kind: str) -> None:
    bench.revision("r1", CREATE)
    bench.upgrade()
    with upgrade_that_waits(bench) as holder:
        holder.kill()
        holder.wait(60)
        (bench.project.migrations / "go").touch()
        ran = bench.project.run("db", "upgrade", "--wait", "10")
        assert ran.code == 0, ran.err
    assert bench.heads == {"r2"}


A_YEAR = 365 * 86400


@pytest.mark.parametrize("lives", [False, True])
def test_a_holder_far_away_when_the_clock_was_set_back(
    bench: Bench, lives: bool
) -> None:
    """Its lease seems to go on for a year; who lives renews it all the same."""
    bench.project.config = {"DATAMIGRATE_LOCK": "row"}
    bench.revision("r1", CREATE)
    bench.upgrade()
    bench.revision("r2", COLUMN.format(name="m"), down="r1")
    row = tables(None).lock
    row.create(bench.database.engine(), checkfirst=True)
    bench.database.execute(
        sa.insert(row).values(
            name="upgrade",
            owner="far-away:12:345:abcd",
            lease_until=time.time() + A_YEAR,
            lease_seconds=1,
        )
    )
    renewed = "UPDATE datamigrate_lock SET lease_until = lease_until - 0.4"
    process = bench.project.start("db", "upgrade", "--wait", "2.5" if lives else "60")
    while lives and process.poll() is None:
        bench.database.execute(renewed)
        time.sleep(0.4)

    _, err = process.communicate(timeout=100)

    assert process.returncode == int(lives), err
    assert "process 12 on far-away" in err
    assert bench.heads == {"r1" if lives else "r2"}


def test_a_stopped_wait_ends_with_130(bench: Bench, kind: str) -> None:
    bench.revision("r1", CREATE)
    bench.upgrade()
    with upgrade_that_waits(bench):
        waiting = bench.project.start("db", "upgrade")
        assert waiting.stderr is not None
        line = ""
        while "waiting for it to end" not in line:
            line = waiting.stderr.readline()
            assert line, "it ended without a word"
        waiting.send_signal(signal.SIGTERM)
        _, err = waiting.communicate(timeout=30)
        assert waiting.returncode == 130, err
        assert "Run the same command again" in err


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_an_index_built_concurrently_beside_a_waiting_upgrade(
    bench: Bench, kind: str
) -> None:
    concurrent = """
import os, pathlib, time

def upgrade():
    here = pathlib.Path(os.environ["MIGRATIONS"])
    with op.get_context().autocommit_block():
        (here / "begun").touch()
        while not (here / "go").exists():
            time.sleep(0.02)
        op.create_index("ix_n", "counters", ["n"], postgresql_concurrently=True)
"""
    bench.revision("r1", CREATE)
    bench.upgrade()
    bench.revision("r2", concurrent, down="r1")
    begun, go = (bench.project.migrations / name for name in ("begun", "go"))
    builder = bench.project.start("db", "upgrade")
    until(begun.exists, builder)
    waiting = bench.project.start("db", "upgrade")
    assert waiting.stderr is not None
    while "waiting for it to end" not in waiting.stderr.readline():
        assert waiting.poll() is None
    go.touch()
    for process in (builder, waiting):
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    indexes = sa.inspect(bench.database.engine()).get_indexes("counters")
    assert [index["name"] for index in indexes] == ["ix_n"]
    assert bench.heads == {"r2"}


@contextlib.contextmanager
def held(bench: Bench, engine: sa.Engine, **config: t.Any) -> t.Iterator[lock.Held]:
    patience = lock.Patience(0, Reporter(), threading.Event())
    settings = read({f"DATAMIGRATE_{key.upper()}": v for key, v in config.items()})
    with lock.hold(engine, settings, patience) as holding:
        yield holding


def test_locks_of_two_databases_do_not_meet(
    bench: Bench, second_database: t.Any, tmp_path: pathlib.Path
) -> None:
    for kind in lock_kinds(bench):
        first, second = bench.database.engine(), second_database.engine()
        with held(bench, first, lock=kind), held(bench, second, lock=kind):
            with pytest.raises(LockTimeoutError), held(bench, first, lock=kind):
                pass
        with held(bench, first, lock=kind):
            pass


@pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
def test_a_session_that_was_cut_is_noticed(bench: Bench) -> None:
    engine = bench.database.engine()
    with held(bench, engine) as holding:
        holding.check()
        if bench.database.name == "postgresql":
            bench.database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks "
                "WHERE locktype = 'advisory' AND database = "
                "(SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        else:
            name = sa.make_url(bench.database.url).database
            for (number,) in bench.database.rows(
                "SELECT id FROM information_schema.processlist "
                f"WHERE db = '{name}' AND id <> CONNECTION_ID()"
            ):
                bench.database.execute(f"KILL {number}")
        with pytest.raises(LockTimeoutError, match="lost"):
            holding.check()


IDLE = {
    "postgresql": ("SET idle_session_timeout = '1s'", "SELECT pg_sleep(3)"),
    "mysql": ("SET SESSION wait_timeout = 1", "SELECT SLEEP(3)"),
}


@pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
def test_a_session_is_not_idle_while_the_upgrade_works(bench: Bench) -> None:
    impatient, long_work = IDLE[bench.database.name]
    engine = bench.database.engine()

    @sa.event.listens_for(engine, "connect")
    def connect(connection: t.Any, record: t.Any) -> None:
        cursor = connection.cursor()
        cursor.execute(impatient)
        cursor.close()
        connection.commit()

    with held(bench, engine, lease_seconds=1) as holding:
        bench.database.rows(long_work)
        holding.check()


def test_the_first_upgrades_ever_make_the_table_of_the_row_lock(bench: Bench) -> None:
    engine = bench.database.engine(poolclass=sa.NullPool)
    settings = read({"DATAMIGRATE_LOCK": "row"})
    failures: list[BaseException] = []

    for _ in range(5):
        if sa.inspect(engine).has_table("datamigrate_lock"):
            bench.database.execute("DROP TABLE datamigrate_lock")
        start = threading.Barrier(AT_ONCE)
        inside = threading.Lock()

        def hold(start: threading.Barrier, inside: threading.Lock) -> None:
            patience = lock.Patience(60, Reporter(), threading.Event())
            start.wait()
            try:
                with lock.hold(engine, settings, patience):
                    assert inside.acquire(blocking=False), "two held it at once"
                    inside.release()
            except BaseException as error:
                failures.append(error)

        threads = [
            threading.Thread(target=hold, args=(start, inside)) for _ in range(AT_ONCE)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
