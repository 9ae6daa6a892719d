"""Backfills in ``--sql`` mode: one statement each."""

from __future__ import annotations

import typing as t

from ..backfill.definition import Backfill
from ..backfill.jobs import Rows
from ..errors import OfflineError

if t.TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext


def write(context: MigrationContext, backfill: Backfill) -> None:
    """Write a backfill into the SQL script, as one statement over all rows.

    :raises OfflineError: when it computes in Python.
    """
    job = backfill.job
    if isinstance(job, Rows):
        name = getattr(job.transform, "__name__", "a function")
        raise OfflineError(
            f"the backfill computes rows with {name}(), and --sql cannot run Python",
            where=f"table {job.table.name}",
            state="The script written so far is incomplete",
            next="Run flask db upgrade without --sql, or express it as an update",
        )
    notes = [f"Backfill of {job.table.name}: all rows in one statement, no batches."]
    if backfill.undo:
        notes.append("No old values are kept, so it cannot be undone.")
    for note in notes:
        context.impl.static_output(f"-- {note}")
    context.impl._exec(job.statement)


def refuse_undo(backfill: Backfill) -> t.NoReturn:
    """Say that an undo needs the database."""
    raise OfflineError(
        "op.undo_backfill restores values that only the database has, and --sql has "
        "no database",
        where=f"table {backfill.table.name}",
        state="The script written so far is incomplete",
        next="Run flask db downgrade without --sql",
    )
