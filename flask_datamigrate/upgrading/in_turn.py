"""What a run of several backfills says of those that it has not finished."""

from __future__ import annotations

import typing as t

from ..errors import DataMigrateError
from ..errors import PausedRun


def left(errors: t.Sequence[PausedRun]) -> PausedRun:
    """Return one error for all backfills that were left undone."""
    if len(errors) == 1:
        return errors[0]
    return PausedRun(
        "; ".join(f"{error.where}: {error.what}" for error in errors),
        where=f"{len(errors)} backfills are left",
        state="Everything is saved",
        next="See flask db data status",
    )


def tell_of_others(
    error: DataMigrateError, left: list[PausedRun], after: t.Sequence[str]
) -> None:
    """Say in the error of one backfill what became of those beside it.

    :param left: of those before it, what keeps them from their end.
    :param after: the names of those whose turn did not come.
    """
    error.not_run = tuple(after)
    before = "; ".join(f"{e.where}: {e.what}" for e in left)
    error.add_state(
        f"Left before it: {before}" if before else "",
        f"Not run, since they come after it: {', '.join(error.not_run)}"
        if after
        else "",
    )
