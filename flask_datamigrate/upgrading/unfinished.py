"""Backfills that are out of step with the version of their revision."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa
from alembic.script import ScriptDirectory

from .. import scripts
from ..backfill import failures
from ..backfill.ranges import FORWARD
from ..backfill.ranges import Total
from ..backfill.states import STARTABLE
from ..backfill.states import State
from ..backfill.store import Record
from ..backfill.store import Store
from ..errors import BackfillError
from ..operations import naming
from .places import Place

_ENDED = (State.PENDING, State.UNDONE, State.CANCELLED)
_AT_WORK = (State.RUNNING, State.VERIFYING)


@dataclasses.dataclass(frozen=True, slots=True)
class Begun:
    """A backfill that changed rows for a revision that is not applied.

    :param is_orphaned: whether it was running when its runner died.
    """

    record: Record
    is_orphaned: bool


def begun(engine: sa.Engine, schema: str | None) -> list[Begun]:
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
            ranges = store.ranges.all(connection, record.name, FORWARD)
            if Total.of(ranges).batches:
                alive = any(span.is_held for span in ranges)
                found.append(Begun(record, record.state in _AT_WORK and not alive))
        return found


def goes_on(record: Record, applied: bool) -> str:
    """Return the command that goes on with a backfill that has not ended, for people.

    :param applied: whether its revision is applied.
    """
    if record.state is State.UNDOING:
        return failures.finish_undo(record, applied)
    return f"flask db data run {record.name}" if applied else "flask db upgrade"


def waiting(place: Place, tree: ScriptDirectory) -> list[str]:
    """Return the names of the backfills that wait for ``flask db data run``.

    They are in the order in which it runs them.
    """
    engine, applied = place.engine, scripts.ancestors(tree, place.heads)
    store = Store(place.schema, engine.dialect)
    with engine.connect() as connection:
        if not store.exists(connection):
            return []
        found = [
            record
            for record in store.all(connection)
            if is_applied(record, applied) and record.state in STARTABLE
        ]
    names = [task.name for task in naming.all_of(tree)] if found else []
    return [record.name for record in in_order(found, names)]


def in_order(records: t.Iterable[Record], names: list[str]) -> list[Record]:
    """Put those that never began behind the others, in the order of the scripts.

    One may need what another does, such as the rows that it inserts.

    :param names: of the backfills, as the scripts have them.
    """

    def place(record: Record) -> int:
        if record.started_at is not None:
            return -1
        return names.index(record.name) if record.name in names else len(names)

    return sorted(records, key=place)


def is_applied(record: Record, applied: t.Collection[str]) -> bool:
    """Tell whether the revision of a backfill is among those applied.

    Its own note of that outlives a downgrade without ``op.undo_backfill``, and counts
    only where plain Alembic, which does not tell the revision, ran it.
    """
    if record.revision is None:
        return record.applied
    return record.revision in applied


def half_undone(
    engine: sa.Engine, schema: str | None, applied: t.Collection[str]
) -> list[BackfillError]:
    """Return what is to be said of each backfill whose undo was begun.

    :param schema: the schema of the state tables.
    :param applied: the revisions that are applied.
    """
    store = Store(schema, engine.dialect)
    with engine.connect() as connection:
        if not store.exists(connection):
            return []
        records = store.all(connection)
    return [
        failures.half_undone(record, is_applied(record, applied))
        for record in records
        if record.state is State.UNDOING
    ]


def undefined(record: Record) -> BackfillError:
    """Say that no file defines a backfill that was begun."""
    return BackfillError(
        f"no revision file defines it any more (it was of revision "
        f"{record.revision or '?'})",
        where=f"backfill {record.name}",
        state="What was committed is saved",
        next="Bring the file back, as a top-level Backfill; or give it up: flask db "
        f"data cancel {record.name}",
    )


def undermined(found: Begun, below: list[str]) -> BackfillError:
    """Say that a downgrade would take back what a backfill stands on.

    Its position would outlive the rows it was reached on.

    :param below: the revisions that were to be taken back.
    """
    record = found.record
    name = record.name
    state = f"it is {record.state.value}"
    if found.is_orphaned:
        state = "it is paused (its runner died)"
    ways = []
    if record.state is not State.UNDOING:
        ways.append(f"finish it (flask db upgrade {record.revision})")
    if record.undo_table is not None:
        ways.append(f"restore its rows (flask db data undo {name})")
    ways.append(
        f"or give it up (flask db data cancel {name}: the changed rows stay, and a "
        "later upgrade begins it anew)"
    )
    return BackfillError(
        f"{state} and its revision is not applied yet, and {', '.join(below)}, which "
        "it stands on, was to be taken back",
        where=f"revision {record.revision}, backfill {name}",
        state="Nothing was changed",
        next=f"First {', '.join(ways)}",
    )
