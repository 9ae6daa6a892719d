"""Backfills that are out of step with the version of their revision."""

from __future__ import annotations

import sqlalchemy as sa

from ..backfill.states import STARTABLE
from ..backfill.states import State
from ..backfill.store import FORWARD
from ..backfill.store import Record
from ..backfill.store import Store
from ..errors import BackfillError

_ENDED = (State.PENDING, State.UNDONE, State.CANCELLED)


def begun(engine: sa.Engine, schema: str | None) -> list[Record]:
    """Return the backfills that changed rows for a revision that is not applied.

    :param schema: the schema of the state tables.
    """
    store = Store(schema, engine.dialect)
    with engine.connect() as connection:
        if not store.exists(connection):
            return []
        found = []
        for record in store.all(connection):
            if record.applied or record.revision is None or record.state in _ENDED:
                continue
            span = store.range(connection, record.name, FORWARD)
            if span is not None and span.batches:
                found.append(record)
        return found


def waiting(engine: sa.Engine, schema: str | None) -> list[str]:
    """Return the names of the backfills that wait for ``flask db data run``.

    :param schema: the schema of the state tables.
    """
    store = Store(schema, engine.dialect)
    with engine.connect() as connection:
        if not store.exists(connection):
            return []
        return [
            record.name
            for record in store.all(connection)
            if record.applied and record.state in STARTABLE
        ]


def undermined(record: Record, below: list[str]) -> BackfillError:
    """Say that a downgrade would take back what a backfill stands on.

    Its position would outlive the rows it was reached on.

    :param below: the revisions that were to be taken back.
    """
    name = record.name
    ways = [f"finish it (flask db upgrade {record.revision})"]
    if record.undo_table is not None:
        ways.append(f"restore its rows (flask db data undo {name})")
    ways.append(
        f"or give it up (flask db data cancel {name}: the changed rows stay, and a "
        "later upgrade begins it anew)"
    )
    return BackfillError(
        f"it is {record.state.value} and its revision is not applied yet, and "
        f"{', '.join(below)}, which it stands on, was to be taken back",
        where=f"revision {record.revision}, backfill {name}",
        state="Nothing was changed",
        next=f"First {', '.join(ways)}",
    )
