"""What only one worker may do at a time."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from ..dialects import family
from .jobs import Insert
from .jobs import Job
from .session import Session
from .task import Task


def reason(session: Session, task: Task) -> str | None:
    """Tell why a backfill must not have several workers; ``None`` when it may."""
    if not session.transactions.retries:
        return "it runs on Alembic's own connection"
    if family(session.transactions.dialect) == "sqlite":
        return "SQLite has one writer at a time"
    if _depends_on_itself(task.backfill.job):
        return "what it inserts may depend on what it has inserted before"
    return None


def _depends_on_itself(job: Job) -> bool:
    """Tell whether the order in which rows are inserted can make a difference."""
    if not isinstance(job, Insert):
        return False
    return job.takes_the_first or _may_read(job.query, job.statement.table)


def _may_read(query: sa.Select[object], table: sa.FromClause) -> bool:
    """Tell whether a query names a table, in whatever form, or has text of its own."""
    name = getattr(table, "fullname", None)
    return any(
        isinstance(element, sa.TextClause) or getattr(element, "fullname", None) == name
        for element in visitors.iterate(query)
    )
