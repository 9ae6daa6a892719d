"""While a batch waits for somebody else's lock, status can say so."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import frozen
from tests.backfill.engine import Engine
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database

WAITING = "SELECT waiting FROM datamigrate_orders"


@pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
def test_a_held_row_is_shown_until_its_batch_is_done(database: Database) -> None:
    table = frozen.table(
        "counters",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
    )
    create(database, table)
    fill(database, table, [{"id": i, "n": 0} for i in range(1, 41)])
    config = {"batch_size": 10, "row_lock_timeout": 1, "retry_seconds": 60}
    engine = Engine(database, config=config)
    holder = sa.create_engine(database.url, poolclass=sa.NullPool).connect()
    holder.exec_driver_sql("UPDATE counters SET n = 0 WHERE id = 35")
    said: list[str] = []
    shown: set[str | None] = set()

    def noted(text: str) -> None:
        # What the tries before this one have left for others to see.
        shown.update(row[0] for row in database.rows(WAITING))
        said.append(text)
        if sum(one.endswith(" 1 row") for one in said) == 2:
            holder.rollback()

    engine.notes.noted = noted  # type: ignore[method-assign]
    engine.run(Backfill(sa.update(table).values(n=table.c.n + 1), undo=True))

    holder.close()
    lock = "somebody else holds the lock; trying again with"
    assert f"{lock} 10 rows after id=30" in shown
    assert database.rows(WAITING) == [(None,)]
    events = database.rows("SELECT detail FROM datamigrate_events")
    # MariaDB's batches wait for the row behind their last one, too.
    last = {"postgresql": 34, "mysql": 33}[database.name]
    assert (f"{lock} 1 row after id={last}",) in events
