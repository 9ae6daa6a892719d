"""A failure whose reason cannot be written down at once, since that is locked too."""

from __future__ import annotations

import threading
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import errors
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.test_faults import config
from tests.backfill.test_faults import counters
from tests.backfill.test_faults import once
from tests.backfill.test_faults import plus_one
from tests.databases.database import Database


@pytest.mark.parametrize("is_freed", [True, False], ids=["freed", "held"])
def test_the_reason_of_a_failure_is_written_down_or_missed(
    database: Database, is_freed: bool
) -> None:
    table = counters(database)
    engine = Engine(database, config=config(retry_seconds=1.5))
    arguments = {"check_same_thread": False} if database.name == "sqlite" else {}
    own = database.engine(poolclass=sa.NullPool, connect_args=arguments)
    holder = own.connect()

    def hold() -> None:
        if database.name == "sqlite":
            holder.exec_driver_sql("BEGIN IMMEDIATE")
            return
        for name in ("counters", "datamigrate_backfills"):
            holder.exec_driver_sql(f"SELECT * FROM {name} FOR UPDATE")

    def stopped() -> None:
        if is_freed:
            threading.Timer(0.3, holder.rollback).start()

    engine.notes.stopped = stopped  # type: ignore[method-assign]
    take: t.Callable[[t.Any], None] = once(hold)
    with at_each_batch(take), pytest.raises(errors.DatabaseError) as caught:
        engine.run(plus_one(table))

    missed = "could not be written down (somebody else holds the lock)"
    assert (missed in str(caught.value)) is not is_freed
    if not is_freed:
        holder.rollback()
    holder.close()
    assert (engine.record().state.value == "failed") is is_freed
    assert (engine.record().error is not None) is is_freed
