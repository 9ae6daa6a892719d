"""A server that is stopped, and started again, while a backfill goes on."""

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
from tests.backfill.test_faults import MOMENTS
from tests.backfill.test_faults import ROWS
from tests.backfill.test_faults import SERVERS
from tests.backfill.test_faults import config
from tests.backfill.test_faults import counters
from tests.backfill.test_faults import kill_all
from tests.backfill.test_faults import plus_one
from tests.databases.database import Database
from tests.databases.own import OwnServer

WAYS = pytest.mark.parametrize("way", ["run", "undo"])
DIRECTION = {"run": "forward", "undo": "back"}
AFTER = {"run": 1, "undo": 0}
CURSOR = "position, changed, visited, batches"


def begun(own_server: OwnServer, way: str) -> tuple[sa.Table, Backfill]:
    """Return a table, and a backfill that is to be run, or is run and to be undone."""
    table = counters(own_server.database)
    backfill = plus_one(table, undo=True)
    if way == "undo":
        Engine(own_server.database, config=config()).run(backfill)
    return table, backfill


class Stop:
    """Stops a server at a moment of the third batch.

    :param moment: one of :data:`MOMENTS`.
    """

    def __init__(
        self, server: OwnServer, engine: sa.Engine, moment: str, crash: bool
    ) -> None:
        self.stops = 0
        self._server = server
        self._crash = crash
        self._batches = 0
        self._at = MOMENTS[moment]
        if self._at == "commit":
            event.listen(engine, "commit", lambda connection: self._stop())
        elif self._at != "batch":
            event.listen(engine, "before_cursor_execute", self._statement)

    def after_batch(self, progress: t.Any) -> None:
        self._batches += 1
        if self._at == "batch":
            self._stop()

    def _statement(self, *given: t.Any) -> None:
        rows = self._at == "UPDATE counters" and "counters" in given[2]
        if self._at in given[2] or rows:
            self._stop()

    def _stop(self) -> None:
        if self._batches == 2 and not self.stops:
            self.stops += 1
            self._server.stop(crash=self._crash)


@WAYS
@pytest.mark.parametrize(
    ("moment", "poll", "crash"),
    [
        # The look for orders notices first that it is gone, and else the batch.
        ("between two batches", 0, True),
        ("between two batches", 1000, False),
        ("before the rows change", 1000, False),
        ("before the commit", 1000, True),
    ],
)
def test_a_server_that_comes_back_is_waited_for(
    own_server: OwnServer, way: str, moment: str, poll: int, crash: bool
) -> None:
    database = own_server.database
    table, backfill = begun(own_server, way)
    own = database.engine(poolclass=sa.NullPool)
    more = config(poll_seconds=poll, retry_seconds=30)
    engine = Engine(database, sa_engine=own, config=more)
    stop = Stop(own_server, own, moment, crash)

    with at_each_batch(stop.after_batch), started_when_noted(own_server, engine):
        report = getattr(engine, way)(backfill)

    assert stop.stops == 1
    assert set(contents(database, table, "n")) == {(AFTER[way],)}
    assert (report.changed, report.conflicts) == (ROWS, 0)
    spans = engine.ranges(DIRECTION[way])
    assert report.batches == sum(span.batches for span in spans)


@WAYS
def test_a_server_that_stays_away_is_one_error_and_no_row_is_lost(
    own_server: OwnServer, way: str
) -> None:
    database = own_server.database
    table, backfill = begun(own_server, way)
    own = database.engine(poolclass=sa.NullPool)
    more = config(retry_seconds=0.2, lease_seconds=1)
    engine = Engine(database, sa_engine=own, config=more)
    stop = Stop(own_server, own, "before the rows change", crash=True)

    with at_each_batch(stop.after_batch):
        with pytest.raises(errors.DatabaseError) as caught:
            getattr(engine, way)(backfill)

    assert "the database does not answer" in caught.value.what
    assert caught.value.where.endswith("after id=20")
    rolled_back, _, unwritten = caught.value.state.partition(". ")
    assert rolled_back == (
        "The 2 batches before it are committed (20 rows); this one was rolled back"
    )
    # An undo has no state of its own for a failure.
    assert ("could not be written down" in unwritten) == (way == "run")
    assert "run the same command again" in caught.value.next
    own_server.start()
    changed = f"SELECT count(*) FROM counters WHERE n = {AFTER[way]}"
    assert database.scalar(changed) == 20
    report = getattr(engine, way)(backfill)
    assert set(contents(database, table, "n")) == {(AFTER[way],)}
    assert (report.changed, report.conflicts) == (ROWS, 0)


@SERVERS
def test_batches_that_a_server_forgets_are_done_again(database: Database) -> None:
    """As in a crash of one that commits later, or when a replica takes its place."""
    table = counters(database)
    engine = Engine(database, config=config(poll_seconds=1000))
    kept: list[tuple[t.Any, ...]] = []
    seen: list[int] = []

    def forget(progress: t.Any) -> None:
        seen.append(progress.changed)
        if len(seen) == 2:
            kept.extend(database.rows(f"SELECT {CURSOR} FROM datamigrate_ranges"))
        if len(seen) == 4:
            kill_all(database)
            (row,) = kept
            database.execute(
                sa.text(
                    "UPDATE datamigrate_ranges SET position = :p, changed = :c, "
                    "visited = :v, batches = :b"
                ),
                dict(zip("pcvb", row, strict=True)),
            )
            database.execute("UPDATE counters SET n = 0 WHERE id > 20")

    with at_each_batch(forget):
        report = engine.run(plus_one(table))

    assert seen == [10, 20, 30, 40, 30, 40, 50, 60]
    assert set(contents(database, table, "n")) == {(1,)}
    assert (report.changed, report.batches) == (ROWS, 6)


@pytest.mark.parametrize("batches", [0, 6], ids=["the first row", "the check"])
def test_what_surrounds_the_batches_waits_for_the_server_too(
    own_server: OwnServer, batches: int
) -> None:
    database = own_server.database
    table = counters(database)
    database.execute("CREATE INDEX ix_n ON counters (n)")
    own = database.engine(poolclass=sa.NullPool)
    engine = Engine(database, sa_engine=own, config=config(retry_seconds=30))
    done: list[int] = []
    stops: list[int] = []
    at = ["UPDATE datamigrate_ranges", "UPDATE datamigrate_backfills"][batches > 0]

    @event.listens_for(own, "before_cursor_execute")
    def stop(*given: t.Any) -> None:
        begun = "upper" in given[2] or batches
        if len(done) == batches and at in given[2] and begun and not stops:
            stops.append(1)
            own_server.stop(crash=True)

    with (
        at_each_batch(lambda progress: done.append(1)),
        started_when_noted(own_server, engine),
    ):
        report = engine.run(plus_one(table, set_aside=["ix_n"], undo=True))

    assert set(contents(database, table, "n")) == {(1,)}
    assert (report.changed, report.state) == (ROWS, "finished")
    (index,) = sa.inspect(database.engine()).get_indexes("counters")
    assert index["name"] == "ix_n"


def test_several_workers_wait_for_the_server(own_server: OwnServer) -> None:
    database = own_server.database
    table = counters(database)
    own = database.engine(poolclass=sa.NullPool)
    more = config(retry_seconds=30, max_batch_size=3)
    engine = Engine(database, sa_engine=own, config=more)
    stops: list[int] = []
    lock = threading.Lock()

    def stop(progress: t.Any) -> None:
        with lock:
            if progress.batches >= 4 and len(engine.ranges()) == 3 and not stops:
                stops.append(1)
                own_server.stop(crash=True)

    with at_each_batch(stop), started_when_noted(own_server, engine):
        report = engine.run(plus_one(table, batch_size=3), workers=3)

    assert stops
    assert set(contents(database, table, "n")) == {(1,)}
    assert (report.changed, report.state) == (ROWS, "finished")
    assert not any(span.owner for span in engine.ranges())


@SERVERS
def test_workers_whose_connections_end_again_and_again_go_on(
    database: Database,
) -> None:
    table = counters(database)
    own = database.engine(poolclass=sa.NullPool)
    more = config(retry_seconds=30, max_batch_size=3, poll_seconds=0)
    engine = Engine(database, sa_engine=own, config=more)
    kills: list[str] = []
    divided: list[int] = []
    at = ("SELECT", "UPDATE datamigrate_ranges", "UPDATE counters", "SELECT", "SET")

    @event.listens_for(own, "before_cursor_execute")
    def kill(*given: t.Any) -> None:
        # The next one while the workers take up what the last one left them.
        if (
            2 in divided
            and len(kills) < len(at)
            and given[2].startswith(at[len(kills)])
        ):
            kills.append(given[2])
            kill_all(database)

    with at_each_batch(lambda progress: divided.append(len(engine.ranges()))):
        report = engine.run(plus_one(table, batch_size=3), workers=2)

    assert len(kills) == len(at)
    assert set(contents(database, table, "n")) == {(1,)}
    assert (report.changed, report.state) == (ROWS, "finished")
    assert any("the connection was lost" in line for line in engine.notes.lines)


@contextlib.contextmanager
def started_when_noted(own_server: OwnServer, engine: Engine) -> t.Iterator[None]:
    """Start a stopped server when the engine has noticed that it is gone."""
    threads: list[threading.Thread] = []

    def noted(text: str) -> None:
        engine.notes.lines.append(text)
        if not own_server.is_up and not threads:
            threads.append(threading.Thread(target=own_server.start))
            threads[0].start()

    engine.notes.noted = noted  # type: ignore[method-assign]
    yield
    threads[0].join()
    assert len(threads) == 1
