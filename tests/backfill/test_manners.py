"""A backfill waits for its hours, for the server's load and for the replicas."""

from __future__ import annotations

import contextlib
import datetime
import pathlib
import re
import threading
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import errors
from flask_datamigrate import settings
from flask_datamigrate.backfill import signals
from flask_datamigrate.windows import Window
from tests.apps import Project
from tests.backfill.engine import REVISION
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.engine import contents
from tests.backfill.engine import task
from tests.backfill.test_claims import counters
from tests.databases.database import Database
from tests.databases.own import OwnServer

on_servers = pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)


def shut() -> str:
    """Return a window that opens in two hours, for an hour."""
    now = datetime.datetime.now()
    opens, closes = (now + datetime.timedelta(hours=h) for h in (2, 3))
    return f"{opens:%H:%M}-{closes:%H:%M}"


def waits_for(database: Database, config: dict[str, t.Any]) -> str:
    """Return what a run says it waits for, and pause it there."""
    engine = Engine(database, config=config)
    table, backfill = counters(database)
    told: list[str] = []

    def look(sender: str, waiting: t.Any) -> None:
        (written,) = database.rows("SELECT waiting FROM datamigrate_orders")
        assert written == (waiting.reason,)
        told.append(waiting.reason)
        with engine.runner() as operator:
            operator.pause(REVISION)

    with signals.backfill_waiting.connected_to(look):
        with pytest.raises(errors.PausedRun):
            engine.run(backfill)
    assert engine.record().state.value == "paused"
    assert database.rows("SELECT waiting FROM datamigrate_orders") == [(None,)]
    assert database.scalar("SELECT sum(n) FROM counters") == 0
    assert f"{REVISION}: waiting: {told[0]}" in engine.notes.lines
    return told[0]


def test_outside_its_window_a_backfill_waits(database: Database) -> None:
    window = shut()
    waiting = waits_for(database, {"window": window, "poll_seconds": 0})
    assert waiting == f"outside the window {window}"


def test_inside_its_window_it_runs(database: Database) -> None:
    table, backfill = counters(database)
    now = datetime.datetime.now()
    closes = now + datetime.timedelta(hours=2)
    config = {"window": f"{now:%H:%M}-{closes:%H:%M}"}
    assert Engine(database, config=config).run(backfill).changed == 30


def test_a_wait_keeps_the_claim(database: Database) -> None:
    """For longer than a lease, so that nobody takes its runner for dead."""
    table, backfill = counters(database)
    going = threading.Event()
    config = {"window": shut(), "poll_seconds": 0, "lease_seconds": 0.5}
    engine = Engine(database, config=config)
    ended: list[BaseException] = []

    def run() -> None:
        try:
            engine.run(backfill)
        except errors.InterruptedRun as error:
            ended.append(error)

    def note(sender: str, waiting: t.Any) -> None:
        going.set()

    thread = threading.Thread(target=run)
    with signals.backfill_waiting.connected_to(note):
        thread.start()
        assert going.wait(30)
    first = engine.span()
    assert first.lease_until is not None
    renewed = first
    while (renewed.lease_until or 0) < first.lease_until + 1:
        renewed = engine.span()
        assert renewed.owner == first.owner
    engine.stop.set()
    thread.join(30)
    assert len(ended) == 1


@on_servers
def test_a_server_at_work_is_waited_for(database: Database) -> None:
    with sleeping(database):
        waiting = waits_for(database, {"max_load": 0, "poll_seconds": 0})
    assert waiting == "more than 0 other sessions are at work"


def test_a_load_is_waited_for_until_it_falls(
    own_server: OwnServer, tmp_path: pathlib.Path
) -> None:
    """One session more is allowed, and two are not."""
    database = own_server.database
    project = Project(tmp_path, database.url).init()
    table, backfill = counters(database)
    config = {"max_load": 1, "poll_seconds": 0, "max_batch_size": 10}
    engine = Engine(database, config=config)
    shown: list[str] = []

    with contextlib.ExitStack() as one, contextlib.ExitStack() as two:
        one.enter_context(sleeping(database))

        def rise(progress: t.Any) -> None:
            if progress.batches == 1:
                two.enter_context(sleeping(database))
                while len(at_work(database)) < 2:
                    pass

        def fall(sender: str, waiting: t.Any) -> None:
            shown.append(project.flask("db", "data", "status").out)
            two.close()

        with signals.backfill_waiting.connected_to(fall), at_each_batch(rise):
            report = engine.run(backfill)

    (status,) = shown
    reason = "more than 1 other sessions are at work"
    assert f"{REVISION}: waiting: {reason}" in status
    assert re.search(r"running, [\d,]+ rows? a batch, process \d+", status)
    assert "running" in status
    waits = [f"{REVISION}: waiting: {reason}", f"{REVISION}: going on"]
    assert [line for line in engine.notes.lines if line in waits] == waits
    assert (report.changed, report.state) == (30, "finished")
    assert set(contents(database, table, "n")) == {(1,)}


def at_work(database: Database) -> list[t.Any]:
    """Return the sessions that sleep for a test."""
    queries = {
        "postgresql": "SELECT pid FROM pg_stat_activity WHERE state = 'active' "
        "AND query = 'SELECT pg_sleep(60)'",
        "mysql": "SELECT id FROM information_schema.processlist "
        "WHERE info = 'SELECT sleep(60)'",
    }
    return database.rows(queries[database.name])


def test_a_load_that_is_allowed_stops_nothing(database: Database) -> None:
    table, backfill = counters(database)
    assert Engine(database, config={"max_load": 10_000}).run(backfill).changed == 30


@contextlib.contextmanager
def sleeping(database: Database) -> t.Iterator[None]:
    """Have another session be at work for the time of a block."""
    sleep = {"postgresql": "SELECT pg_sleep(60)", "mysql": "SELECT sleep(60)"}
    own = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()"}
    end = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}
    name = database.name
    with database.engine(poolclass=sa.NullPool).connect() as connection:
        number = connection.execute(sa.text(own[name])).scalar_one()

        def run() -> None:
            with contextlib.suppress(sa.exc.DBAPIError):
                connection.execute(sa.text(sleep[name]))

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            database.execute(end[name].format(number))
            thread.join(30)
            connection.invalidate()


@on_servers
def test_a_replica_that_does_not_replicate_is_waited_for(database: Database) -> None:
    config = {"max_lag": 1, "replicas": [database.url], "poll_seconds": 0}
    url = sa.make_url(database.url)
    waiting = waits_for(database, config)
    assert waiting == f"the replica {url.host}:{url.port} does not replicate"


@on_servers
def test_a_replica_that_does_not_answer_is_waited_for(database: Database) -> None:
    url = sa.make_url(database.url).set(port=1, password="geheim")
    shown = url.render_as_string(hide_password=False)
    config = {"max_lag": 1, "replicas": [shown], "poll_seconds": 0}
    waiting = waits_for(database, config)
    assert waiting == f"the replica {url.host}:1: the database does not answer"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_primary_without_replicas_waits_for_none(database: Database) -> None:
    table, backfill = counters(database)
    assert Engine(database, config={"max_lag": 1}).run(backfill).changed == 30


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_mariadb_has_to_be_told_its_replicas(database: Database) -> None:
    table, backfill = counters(database)
    with pytest.raises(errors.ConfigError, match="DATAMIGRATE_REPLICAS"):
        Engine(database, config={"max_lag": 1}).run(backfill)
    assert database.scalar("SELECT sum(n) FROM counters") == 0


@pytest.mark.parametrize(
    ("text", "moment", "is_open"),
    [
        ("01:00-05:00", "2026-11-21 00:59", False),
        ("01:00-05:00", "2026-11-21 01:00", True),
        ("01:00-05:00", "2026-11-21 04:59", True),
        ("01:00-05:00", "2026-11-21 05:00", False),
        ("22:00-06:00", "2026-11-21 23:30", True),
        ("22:00-06:00", "2026-11-22 05:59", True),
        ("22:00-06:00", "2026-11-22 06:00", False),
        # 2026-11-21 is a Saturday.
        ("Sat 22:00-06:00", "2026-11-21 23:00", True),
        ("Sat 22:00-06:00", "2026-11-22 03:00", True),
        ("Sat 22:00-06:00", "2026-11-22 23:00", False),
        ("Sat 22:00-06:00", "2026-11-21 03:00", False),
        ("mon-fri 00:00-24:00", "2026-11-20 12:00", True),
        ("mon-fri 00:00-24:00", "2026-11-21 12:00", False),
        ("Fri-Mon 08:00-09:00", "2026-11-22 08:30", True),
        ("Fri-Mon 08:00-09:00", "2026-11-24 08:30", False),
        ("Sat,Mon 08:00-09:00", "2026-11-22 08:30", False),
    ],
)
def test_when_a_window_is_open(text: str, moment: str, is_open: bool) -> None:
    now = datetime.datetime.fromisoformat(moment)
    assert Window.parse(text).is_open(now) is is_open


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("WINDOW", "1-5"),
        ("WINDOW", "01:00"),
        ("WINDOW", "01:00-25:00"),
        ("WINDOW", "01:60-02:00"),
        ("WINDOW", "05:00-05:00"),
        ("WINDOW", "Caturday 01:00-05:00"),
        ("WINDOW", ""),
        ("WINDOW", 5),
        ("MAX_LOAD", -1),
        ("MAX_LOAD", 1.5),
        ("MAX_LAG", 0),
        ("REPLICAS", "postgresql://u@replica/db"),
        ("REPLICAS", ["sqlite://"]),
    ],
)
def test_a_setting_that_cannot_be_is_one_clear_error(key: str, value: t.Any) -> None:
    with pytest.raises(errors.ConfigError, match=f"DATAMIGRATE_{key} .* must be"):
        settings.read({f"DATAMIGRATE_{key}": value})


def test_the_password_of_a_replica_is_shown_in_no_error() -> None:
    with pytest.raises(errors.ConfigError) as caught:
        settings.read({"DATAMIGRATE_REPLICAS": "mysql://root:geheim@replica/db"})
    assert "geheim" not in str(caught.value)


def test_what_a_killed_runner_waited_for_is_shown_no_longer(database: Database) -> None:
    table, backfill = counters(database)
    engine = Engine(database)
    with engine.runner() as runner:
        runner.defer(task(backfill))
    database.execute("UPDATE datamigrate_orders SET waiting = 'a busy hour'")
    seen: list[t.Any] = []

    def look(progress: t.Any) -> None:
        seen.extend(database.rows("SELECT waiting FROM datamigrate_orders"))

    with at_each_batch(look):
        engine.run(backfill)

    assert set(seen) == {(None,)}


def test_a_rest_between_batches_can_be_taken_back(database: Database) -> None:
    table, backfill = counters(database)
    engine = Engine(database, config={"max_batch_size": 10, "poll_seconds": 0})
    asked: list[bool] = []

    def take_back() -> None:
        with engine.runner() as operator:
            asked.append(operator.tune(REVISION, pause_seconds=None))

    def rest(progress: t.Any) -> None:
        if not asked:
            with engine.runner() as operator:
                asked.append(operator.tune(REVISION, pause_seconds=3600))
            threading.Timer(0.2, take_back).start()

    with at_each_batch(rest):
        assert engine.run(backfill).changed == 30
    assert asked == [True, True]


def test_hours_of_one_digit_are_refused_with_what_they_need() -> None:
    with pytest.raises(errors.ConfigError, match="hours of two digits"):
        settings.read({"DATAMIGRATE_WINDOW": "1:00-5:00"})


def test_a_long_rest_is_shown_with_its_end(database: Database) -> None:
    _, backfill = counters(database)
    engine = Engine(database, config={"max_batch_size": 10, "poll_seconds": 0})
    told: list[str] = []

    def resting(sender: str, waiting: t.Any) -> None:
        (written,) = database.rows("SELECT waiting FROM datamigrate_orders")
        assert written == (waiting.reason,)
        told.append(waiting.reason)
        with Engine(database).runner() as operator:
            operator.tune(REVISION, pause_seconds=None)

    def slow(progress: t.Any) -> None:
        if not told:
            with Engine(database).runner() as operator:
                operator.tune(REVISION, pause_seconds=600)

    with signals.backfill_waiting.connected_to(resting), at_each_batch(slow):
        assert engine.run(backfill).changed == 30

    (reason,) = told
    assert re.fullmatch(
        r"resting 600 s after a batch, until \d\d:\d\d:\d\d [+-]\d{4}", reason
    )


def test_several_workers_stop_when_one_is_told_to_pause(database: Database) -> None:
    table, backfill = counters(database)
    backfill.workers = 3
    engine = Engine(database, config={"max_batch_size": 2, "poll_seconds": 0})
    asked: list[bool] = []

    def pause(progress: t.Any) -> None:
        if not asked:
            with engine.runner() as operator:
                asked.append(operator.pause(REVISION))

    with at_each_batch(pause):
        with pytest.raises(errors.PausedRun, match="paused by an operator"):
            engine.run(backfill)

    assert engine.record().state.value == "paused"
    changed = database.scalar("SELECT sum(n) FROM counters")
    # No worker begins another batch than the one it was at.
    assert 0 < changed <= 6
    with engine.runner() as operator:
        operator.resume(REVISION)
    assert engine.run(backfill).changed == 30
    assert set(contents(database, table, "n")) == {(1,)}
