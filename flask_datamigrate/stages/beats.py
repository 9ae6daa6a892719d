"""The processes of the app that are alive, and the stages their code is at."""

from __future__ import annotations

import dataclasses
import functools
import json
import typing as t

import sqlalchemy as sa

from ..backfill import processes
from ..backfill.tables import clock
from ..dialects import family
from ..settings import Stage

_MISSED = 3
"""How many beats a process may miss before it is taken for dead."""


@dataclasses.dataclass(frozen=True, slots=True)
class Beat:
    """A process that is alive.

    :param process: its name tag.
    :param stages: the stage of each change that its config names.
    """

    process: str
    stages: t.Mapping[str, Stage]

    def says(self, change: str) -> str:
        """Say what it says of a change, for people."""
        stage = self.stages.get(change)
        what = f"at stage {stage}" if stage else "of code that does not name the change"
        return f"{processes.describe(self.process)} is alive and {what}"

    def as_json(self, change: str) -> dict[str, t.Any]:
        """Return what ``flask db data status --json`` prints of it."""
        host, pid = processes.parts(self.process)
        return {"host": host, "pid": pid, "stage": self.stages.get(change)}


@functools.cache
def table(schema: str | None) -> sa.Table:
    """Describe the table: one row for each process that has served a request.

    :param schema: where ``alembic_version`` is; ``None`` for the default schema.
    """
    return sa.Table(
        "datamigrate_processes",
        sa.MetaData(schema=schema),
        sa.Column("process", sa.String(200), primary_key=True),
        sa.Column("stages", sa.Text, nullable=False),
        sa.Column("dead_at", sa.Double, nullable=False),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )


def write(
    connection: sa.Connection, schema: str | None, beat: Beat, every: float
) -> None:
    """Report a process, or that it is still alive.

    :param every: seconds to its next report.
    """
    own = table(schema)
    now = clock(family(connection.dialect))
    values = {
        "stages": json.dumps(dict(beat.stages)),
        "dead_at": now + every * _MISSED,
    }
    known = own.c.process == beat.process
    result = connection.execute(own.update().where(known).values(**values))
    if not result.rowcount:
        # Who was killed left a row behind.
        connection.execute(own.delete().where(own.c.dead_at < now))
        connection.execute(own.insert().values(process=beat.process, **values))


def remove(connection: sa.Connection, schema: str | None, process: str) -> None:
    """Report that a process ends."""
    own = table(schema)
    connection.execute(own.delete().where(own.c.process == process))


def alive(connection: sa.Connection, schema: str | None) -> list[Beat]:
    """Return the processes that are alive, as far as the database can know."""
    own = table(schema)
    if not sa.inspect(connection).has_table(own.name, schema=schema):
        return []
    now = clock(family(connection.dialect))
    query = sa.select(own.c.process, own.c.stages).where(own.c.dead_at >= now)
    return [
        Beat(process, json.loads(stages))
        for process, stages in connection.execute(query.order_by(own.c.process))
        if not processes.is_dead(process)
    ]


def before_contract(change: str, beats: t.Iterable[Beat]) -> list[Beat]:
    """Return the processes whose code cannot live with a contracted change.

    Code that does not name the change was written before it.
    """
    return [beat for beat in beats if beat.stages.get(change) != "contract"]
