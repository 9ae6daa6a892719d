"""A commit that the server is still at, or whose answer was lost: no row twice."""

from __future__ import annotations

import os
import socket
import struct
import threading
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate.backfill import keys
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.engine import contents
from tests.backfill.engine import somebody_waits
from tests.backfill.test_claims import counters
from tests.backfill.test_claims import hold
from tests.backfill.test_claims import interrupted
from tests.databases.database import Database


# On SQLite nobody reads what is to be written while another one writes.
@pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
def test_a_batch_of_a_dead_runner_that_is_still_being_committed(
    database: Database,
) -> None:
    table, backfill = counters(database)
    engine = Engine(database, config={"max_batch_size": 5})
    interrupted(database, engine, backfill)
    hold(database, "far-away:12:345:abcd", -1)

    with database.engine(poolclass=sa.NullPool).connect() as dead:
        dead.execute(
            sa.update(table).where(table.c.id.between(6, 10)).values(n=table.c.n + 1)
        )
        dead.execute(
            sa.text(
                "UPDATE datamigrate_ranges SET position = :ten, batches = batches + 1"
            ),
            {"ten": keys.encode((10,))},
        )
        thread = threading.Thread(target=engine.run, args=(backfill,))
        thread.start()
        while not somebody_waits(database):
            assert thread.is_alive()
        dead.commit()
    thread.join()

    assert set(contents(database, table, "n")) == {(1,)}


SLOW_COMMIT = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(0.1); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON counters DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION slow()
"""


def commit_and_hang_up(connection: t.Any) -> None:
    """Send a COMMIT, and cut the connection without waiting for the answer."""
    with socket.socket(fileno=os.dup(connection.fileno())) as wire:
        text = b"COMMIT\0"
        wire.sendall(b"Q" + struct.pack("!I", 4 + len(text)) + text)
        wire.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_connection_that_is_cut_while_the_server_commits(database: Database) -> None:
    table, backfill = counters(database)
    database.execute(SLOW_COMMIT)
    engine = Engine(database, config={"max_batch_size": 5})
    engine.sa_engine = database.engine(
        poolclass=sa.NullPool, connect_args={"sslmode": "disable"}
    )
    batches: list[int] = []
    cuts: list[int] = []

    @sa.event.listens_for(engine.sa_engine, "commit")
    def cut(connection: sa.Connection) -> None:
        # The first batch is done; the next commit is that of the second.
        if batches == [1]:
            batches.clear()
            cuts.append(2)
            commit_and_hang_up(connection.connection)

    with at_each_batch(lambda progress: batches.append(progress.batches)):
        report = engine.run(backfill)

    assert cuts == [2]
    assert set(contents(database, table, "n")) == {(1,)}
    assert (report.changed, report.batches) == (30, 6)
