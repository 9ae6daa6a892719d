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
    from .ddl.journal import Journal


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """What has to be done before a revision can be stepped over.

    :param kind: ``run``, ``defer`` or ``undo``.
    :param engine: the database Alembic was on.
    :param schema: the schema of its ``alembic_version``.
    """

    kind: t.Literal["run", "defer", "undo"]
    task: Task
    engine: sa.Engine
    schema: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Outside:
    """A schema change that has to run while no transaction of Alembic's is open.

    :param label: what it is called.
    :param engine: the database Alembic was on.
    :param do: runs it; when it is run already, it does nothing.
    :param revision: the revision it belongs to.
    """

    label: str
    engine: sa.Engine
    do: t.Callable[[], None]
    revision: str | None


class Suspend(BaseException):
    """Leave Alembic's transaction, do the work, and come back.

    Not an ``Exception``, so that a migration's own ``except`` lets it through.
    """

    def __init__(self, work: Work | Outside) -> None:
        self.work = work
        super().__init__(repr(work))


@dataclasses.dataclass(slots=True)
class Segment:
    """What the upgrade tells the directives of the revision being stepped.

    :param revision: the revision Alembic is at.
    :param contract: the change whose contract that revision is, on the way up.
    :param deferred: whether backfills that do not say are deferred.
    :param kept: whether a part of that revision stays even if it fails.
    :param changed: the schema changes of that revision so far, for people.
    :param stays: those of them that SQLite has committed in front of others.
    :param added: the columns that revision has added: schema, table and name.
    :param staged: whether that revision belongs to a staged change. What was cut off of
        it is completed by a further run; any other is as Alembic alone runs it.
    :param in_directive: whether a safe DDL directive is at work.
    :param journal: what is noted of that revision, on a database that rolls no schema
        change back.
    :param begin: begins the transaction of that revision, with foreign keys off, for a
        table that is rebuilt; only on SQLite.
    :param at_once: the revisions whose backfills are run whether deferred or not.
    """

    revision: str | None = None
    contract: str | None = None
    deferred: bool = False
    kept: bool = False
    changed: list[str] = dataclasses.field(default_factory=list)
    stays: list[str] = dataclasses.field(default_factory=list)
    added: set[tuple[str | None, str, str]] = dataclasses.field(default_factory=set)
    staged: bool = False
    in_directive: bool = False
    journal: Journal | None = None
    begin: t.Callable[[], None] | None = None
    at_once: frozenset[str] = frozenset()

    def note_done(self, directive: str) -> None:
        """Note that a directive of the revision is done, if that is to be noted."""
        if self.staged and self.journal is not None and self.revision is not None:
            self.journal.note(self.revision, directive, self.contract)

    def has_done(self, directive: str) -> bool:
        """Tell whether a run of the revision that was cut off had done a directive."""
        if not self.staged or self.journal is None or self.revision is None:
            return False
        return self.journal.knows(self.revision, directive)


current: contextvars.ContextVar[Segment | None] = contextvars.ContextVar(
    "flask_datamigrate_segment", default=None
)
"""The running segment of ``flask db upgrade``; ``None`` under plain Alembic."""


def committed(segment: Segment) -> str:
    """Say which schema changes SQLite has committed; "" where it is not known."""
    if not segment.stays:
        return ""
    return (
        "a part of the revision was committed in front of this and stays: "
        f"{'; '.join(segment.stays)}"
    )


def what_stays(*, transactional: bool) -> str:
    """Say what is true of the schema when the running revision fails.

    :param transactional: whether the database rolls schema changes back.
    """
    segment = current.get()
    if transactional or (segment is not None and not segment.kept):
        return "The revision was rolled back"
    if segment is not None and segment.stays:
        said = committed(segment)
        return f"{said[0].upper()}{said[1:]}"
    stays = (
        "This database does not roll DDL back, so the schema changes above the failed "
        "one in the revision stay"
    )
    if segment is not None and segment.staged and segment.journal is not None:
        stays += "; a further run passes over them"
    return stays
