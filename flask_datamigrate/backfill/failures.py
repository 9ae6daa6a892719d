"""The errors of a batch: what failed, at which row, what is saved, and what next."""

from __future__ import annotations

from sqlalchemy import exc

from ..errors import BackfillError
from ..errors import DataMigrateError
from ..errors import InterruptedRun
from . import faults
from .batch import RowError
from .keys import Key
from .keys import Position
from .keys import describe
from .reporting import batches
from .store import Range
from .task import Task


def refused(
    task: Task, key: Key, span: Range, row: Position | None, error: exc.DBAPIError
) -> DataMigrateError:
    """Say what the database refused.

    :param row: the key of the one row it is about, if it was narrowed down to one.
    """
    where = task.label
    if row is not None:
        where += f", row {describe(key.columns, row)}"
    elif span.position is not None:
        where += f", after {describe(key.columns, span.position)}"
    advice = faults.classify(error).advice
    return faults.explain(
        error,
        where=where,
        state=saved(span),
        next=f"{advice}: run the same command again",
    )


def row_failed(task: Task, key: Key, span: Range, error: RowError) -> BackfillError:
    """Say which row Python could not change."""
    where = task.label
    if error.position is not None:
        where += f", row {describe(key.columns, error.position)}"
    return BackfillError(
        error.what,
        where=where,
        state=saved(span),
        next="Mend the row or the transform, and run the same command again",
    )


def throttle_failed(task: Task, span: Range, error: Exception) -> BackfillError:
    """Say that a throttle could not be asked."""
    return BackfillError(
        f"the throttle raised {type(error).__name__}: {error}",
        where=task.label,
        state=saved(span),
        next="Mend the throttle, and run the same command again",
    )


def stopped(task: Task, span: Range) -> InterruptedRun:
    """Say that the walk stopped because it was asked to."""
    return InterruptedRun(
        f"stopped after {batches(span.batches)}, everything is saved",
        where=task.label,
        next="Run the same command again to go on from there",
    )


def saved(span: Range) -> str:
    """Say what is committed."""
    if span.batches == 0:
        return "Nothing was changed"
    before = "The batch before it is"
    if span.batches > 1:
        before = f"The {span.batches:,} batches before it are"
    return f"{before} committed ({span.changed:,} rows); this one was rolled back"
