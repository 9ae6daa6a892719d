"""The backfills an operator names, and the engine for each."""

from __future__ import annotations

import contextlib
import difflib
import threading
import typing as t

from flask import current_app

from .. import settings
from ..backfill.connections import OwnTransactions
from ..backfill.reporting import Reporter
from ..backfill.runner import Runner
from ..errors import BackfillError
from .overview import Entry
from .overview import entries


def chosen(directory: str | None, names: t.Sequence[str]) -> list[Entry]:
    """Return the backfills of those names that a database knows; all without a name.

    :param names: of backfills, or of revisions, which stand for all of theirs.
    :raises BackfillError: for a name that no database knows, with the nearest.
    """
    begun = [entry for entry in entries(directory) if entry.record is not None]
    known = {entry.name for entry in begun} | {_revision(entry) for entry in begun}
    unknown = sorted(set(names) - known)
    if unknown:
        listed = ", ".join(sorted({entry.name for entry in begun})) or "none"
        near = difflib.get_close_matches(unknown[0], sorted(known - {""}), n=1)
        guess = f"Did you mean {near[0]}? " if near else ""
        raise BackfillError(
            f"no database has begun {', '.join(unknown)} (known: {listed})",
            next=f"{guess}Run flask db upgrade first; see flask db data status",
        )
    return [entry for entry in begun if not names or names_it(names, entry)]


def names_it(names: t.Collection[str], entry: Entry) -> bool:
    """Tell whether an operator's names mean a backfill, by its own or its revision."""
    return entry.name in names or _revision(entry) in names


@contextlib.contextmanager
def runner_of(
    entry: Entry,
    reporter: Reporter,
    stop: threading.Event,
    until: float | None = None,
    lock_timeout: float | None = None,
) -> t.Iterator[Runner]:
    """Open the engine on the database of a backfill.

    :param until: when its time is over, by :func:`time.monotonic`.
    :param lock_timeout: seconds to wait for a lock; the app's by default.
    """
    values = settings.read(current_app.config)
    place = entry.place
    assert place is not None
    transactions = OwnTransactions(
        place.engine,
        lock_timeout or values.row_lock_timeout,
        pooled=values.lock == "row",
        statement_timeout=values.statement_timeout,
    )
    try:
        yield Runner(
            transactions,
            values,
            schema=place.schema,
            reporter=reporter,
            stop=stop,
            until=until,
        )
    finally:
        transactions.close()


def _revision(entry: Entry) -> str:
    return (entry.record.revision if entry.record else None) or ""
