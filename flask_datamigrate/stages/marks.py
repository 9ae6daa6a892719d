"""What the database tells the running app of a change: may the new columns be read?

The app does not read the migrations folder. So an upgrade writes down which backfills
a change has to wait for, and whether its revisions are applied; the state of the
backfills is read live, so that the flip needs nobody when the last one is finished.
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

import sqlalchemy as sa

from ..backfill.states import State
from ..backfill.store import Store
from ..backfill.tables import tables as state_tables
from ..settings import STAGES
from ..settings import Stage
from . import compatibility

if t.TYPE_CHECKING:
    from .changes import Change


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """What is written down of a change on one database.

    :param stage: the last stage that is applied; ``None`` before the first.
    :param filled: whether its data revisions are applied, and every backfill of them
        is known to some database.
    :param backfills: the names of its backfills there.
    """

    stage: Stage | None
    filled: bool
    backfills: frozenset[str]


def of(
    change: Change,
    applied: t.Collection[str],
    here: t.Collection[str],
    anywhere: t.Collection[str],
) -> Mark:
    """Return what is so of a change on a database.

    :param applied: the revisions applied there.
    :param here: the names of the backfills that it knows.
    :param anywhere: the names that any database knows.
    """
    needed = {task.name for task in change.backfills}
    before = set(change.ids(*STAGES[:-1]))
    filled = "migrate" in change.revisions and before.issubset(applied)
    return Mark(
        compatibility.reached(change, [applied]),
        filled and needed.issubset(anywhere),
        frozenset(needed.intersection(here)),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Tables:
    """The tables of changes in one schema."""

    metadata: sa.MetaData
    changes: sa.Table
    backfills: sa.Table


@functools.cache
def tables(schema: str | None) -> Tables:
    """Describe the tables.

    :param schema: where ``alembic_version`` is; ``None`` for the default schema.
    """
    metadata = sa.MetaData(schema=schema)
    options: dict[str, t.Any] = {
        "mysql_charset": "utf8mb4",
        "mysql_engine": "InnoDB",
    }
    changes = sa.Table(
        "datamigrate_changes",
        metadata,
        sa.Column("name", sa.String(150), primary_key=True),
        sa.Column("stage", sa.String(20)),
        sa.Column("filled", sa.Boolean, nullable=False),
        **options,
    )
    backfills = sa.Table(
        "datamigrate_change_backfills",
        metadata,
        sa.Column("change_name", sa.String(150), primary_key=True),
        sa.Column("backfill", sa.String(150), primary_key=True),
        **options,
    )
    return Tables(metadata, changes, backfills)


def exist(connection: sa.Connection, schema: str | None) -> bool:
    """Tell whether anything was written down."""
    return sa.inspect(connection).has_table("datamigrate_changes", schema=schema)


def read(connection: sa.Connection, schema: str | None) -> dict[str, Mark]:
    """Return what is written down, by change."""
    if not exist(connection, schema):
        return {}
    own = tables(schema)
    needs: dict[str, set[str]] = {}
    for change, backfill in connection.execute(sa.select(own.backfills)):
        needs.setdefault(change, set()).add(backfill)
    return {
        name: Mark(stage, filled, frozenset(needs.get(name, ())))
        for name, stage, filled in connection.execute(sa.select(own.changes))
    }


def write(
    connection: sa.Connection, schema: str | None, marks: t.Mapping[str, Mark]
) -> None:
    """Write down what has changed of some changes; others are left as they are."""
    own = tables(schema)
    own.metadata.create_all(connection)
    # What is asked joins them, even where no backfill was run.
    Store(schema, connection.dialect).create(connection)
    before = read(connection, schema)
    for name, mark in marks.items():
        if before.get(name) == mark:
            continue
        changes, backfills = own.changes, own.backfills
        connection.execute(changes.delete().where(changes.c.name == name))
        connection.execute(backfills.delete().where(backfills.c.change_name == name))
        connection.execute(
            changes.insert().values(name=name, stage=mark.stage, filled=mark.filled)
        )
        for backfill in sorted(mark.backfills):
            connection.execute(
                backfills.insert().values(change_name=name, backfill=backfill)
            )


@dataclasses.dataclass(frozen=True, slots=True)
class Sight:
    """What a running app sees of a change.

    :param stage: the last stage that is applied; ``None`` before the first.
    :param verified: whether the new columns are filled and checked.
    """

    stage: Stage | None
    verified: bool


def look(connection: sa.Connection, schema: str | None) -> dict[str, Sight]:
    """Return what the app may know of each change, in one query."""
    own = tables(schema)
    needs, changes = own.backfills, own.changes
    runs = state_tables(schema).backfills
    waiting = (
        sa.select(sa.literal(1))
        .select_from(needs.outerjoin(runs, runs.c.name == needs.c.backfill))
        .where(
            needs.c.change_name == changes.c.name,
            sa.or_(runs.c.state.is_(None), runs.c.state != State.FINISHED.value),
        )
        .correlate(changes)
        .exists()
    )
    query = sa.select(changes.c.name, changes.c.stage, changes.c.filled, waiting)
    return {
        name: Sight(stage, bool(filled and not waits))
        for name, stage, filled, waits in connection.execute(query)
    }
