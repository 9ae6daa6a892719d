"""The agreement between ``flask db upgrade`` and the directives of a revision.

Alembic steps onto a data migration in a transaction of its own. When a directive
finds work that is not done, it leaves that transaction by :class:`Suspend`; the
upgrade does the work on the engine's connections and steps again.
"""

from __future__ import annotations

import contextvars
import dataclasses
import typing as t

import sqlalchemy as sa

if t.TYPE_CHECKING:
    from ..backfill.task import Task


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """What has to be done before a revision can be stepped over.

    :param kind: ``run``, ``register`` or ``undo``.
    :param engine: the database Alembic was on.
    :param schema: the schema of its ``alembic_version``.
    """

    kind: t.Literal["run", "register", "undo"]
    task: Task
    engine: sa.Engine
    schema: str | None


class Suspend(BaseException):
    """Leave Alembic's transaction, do the work, and come back.

    Not an ``Exception``, so that a migration's own ``except`` lets it through.
    """

    def __init__(self, work: Work) -> None:
        self.work = work
        super().__init__(f"{work.kind} {work.task.name}")


@dataclasses.dataclass(slots=True)
class Segment:
    """What the upgrade tells the directives of the revision being stepped.

    :param revision: the revision Alembic is at.
    :param deferred: whether backfills that do not say are deferred.
    :param stepped: the database and name of each backfill this step has passed.
    """

    revision: str | None = None
    deferred: bool = False
    stepped: set[tuple[str, str]] = dataclasses.field(default_factory=set)


current: contextvars.ContextVar[Segment | None] = contextvars.ContextVar(
    "flask_datamigrate_segment", default=None
)
"""The running segment of ``flask db upgrade``; ``None`` under plain Alembic."""
