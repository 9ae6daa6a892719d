"""What the engine sets on a session, and what it takes the time from."""

from __future__ import annotations

import time
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate.backfill.tables import clock
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.test_claims import counters
from tests.databases.database import Database


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_behind_a_pooler_a_setting_lasts_as_long_as_its_transaction(
    database: Database,
) -> None:
    _, backfill = counters(database)
    engine = Engine(database, config={"lock": "row", "max_batch_size": 5})
    engine.sa_engine = database.engine(poolclass=sa.NullPool)
    own: list[t.Any] = []
    inside: set[str] = set()
    outside: set[str] = set()

    def lock_timeout(connection: t.Any) -> str:
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            return str(cursor.fetchone()[0])

    @sa.event.listens_for(engine.sa_engine, "commit")
    def look(connection: sa.Connection) -> None:
        own.append(connection.connection.dbapi_connection)
        inside.add(lock_timeout(own[-1]))

    def look_again(progress: t.Any) -> None:
        outside.add(lock_timeout(own[-1]))
        own[-1].rollback()

    with at_each_batch(look_again):
        engine.run(backfill)

    assert (inside, outside) == ({"5s"}, {"0"})


@pytest.mark.parametrize("zone", ["+00:00", "-07:00", "+05:45"])
def test_the_clock_is_the_same_in_every_time_zone(
    database: Database, zone: str
) -> None:
    setup = {
        "postgresql": f"SET TIME ZONE INTERVAL '{zone}' HOUR TO MINUTE",
        "mysql": f"SET time_zone = '{zone}'",
        "sqlite": "SELECT 1",
    }[database.name]
    with database.engine().connect() as connection:
        connection.exec_driver_sql(setup)
        now = connection.execute(sa.select(clock(database.name))).scalar_one()
    assert abs(now - time.time()) < 60
