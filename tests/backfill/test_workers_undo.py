"""Several workers that delete and insert, with indexes set aside, and the way back."""

from __future__ import annotations

import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn
from flask_datamigrate.backfill.runner import Task
from tests.backfill.engine import Engine
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database

ROWS = 400


def test_workers_keep_what_an_undo_puts_back(database: Database) -> None:
    events = frozen.table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(20)),
    )
    kinds = frozen.table(
        "kinds",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(20), unique=True),
    )
    create(database, events, kinds)
    database.execute("CREATE INDEX ix_kind ON events (kind)")
    fill(
        database, events, [{"id": i, "kind": f"k{i % 50}"} for i in range(1, ROWS + 1)]
    )
    query = sa.select(events.c.kind)
    missing = sn.insert_missing(kinds, from_select=(["name"], query), key=["name"])
    copied = Backfill(missing, over=events, undo=True, workers=3, batch_size=10)
    purged = Backfill(
        sa.delete(events).where(events.c.id % 3 == 0),
        undo=True,
        workers=3,
        batch_size=10,
        set_aside=["ix_kind"],
    )
    before = database.rows(sa.select(events).order_by(events.c.id))
    engine = Engine(database, config={"max_batch_size": 10})

    with engine.runner() as runner:
        assert runner.run(Task(copied, "copied", None)).changed == 50
        assert runner.run(Task(purged, "purged", None)).changed == ROWS // 3
        names = {i["name"] for i in sa.inspect(database.engine()).get_indexes("events")}
        assert names == {"ix_kind"}
        assert runner.undo(Task(purged, "purged", None)).conflicts == 0
        assert runner.undo(Task(copied, "copied", None)).changed == 50

    assert database.rows(sa.select(events).order_by(events.c.id)) == before
    assert database.scalar("SELECT count(*) FROM kinds") == 0
