"""The backfills an operator names, and the engine for each."""

from __future__ import annotations

import contextlib
import difflib
import threading
import typing as t

from flask import current_app

from .. import scripts
from .. import settings
from ..backfill.connections import OwnTransactions
from ..backfill.reporting import Reporter
from ..backfill.runner import Runner
from ..backfill.states import ENDED
from ..errors import BackfillError
from .overview import Entry
from .overview import entries


def chosen(directory: str | None, names: t.Sequence[str]) -> list[Entry]:
    """Return the backfills of those names that a database knows; all without a name.

    :param names: of backfills, or of revisions, which stand for all of theirs.
    :raises BackfillError: for a name that no database knows, with the nearest; for a
        revision without a backfill.
    """
    found = entries(directory)
    begun = [entry for entry in found if entry.record is not None]
    known = {entry.name for entry in begun} | {_revision(entry) for entry in begun}
    unknown = sorted(set(names) - known)
    if unknown:
        _check_has_backfills(directory, unknown[0], found)
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


def going_on(entry: Entry) -> bool:
    """Tell whether a backfill has not ended."""
    return entry.state not in ENDED


def meant(
    named: t.Sequence[Entry],
    names: t.Sequence[str],
    fits: t.Callable[[Entry], bool] = going_on,
) -> tuple[list[Entry], list[Entry]]:
    """Split backfills into those that are meant, and those that are passed over.

    A name that stands for several means those that fit; for one that does not, or for
    several of which none does, it means them all the same.

    :param named: what :func:`chosen` returns for the names.
    """
    found: list[Entry] = []
    for name in names:
        of_name = [entry for entry in named if names_it([name], entry)]
        found += list(filter(fits, of_name)) or of_name
    ids = {id(entry) for entry in found}
    return (
        [entry for entry in named if id(entry) in ids],
        [entry for entry in named if id(entry) not in ids],
    )


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


def _check_has_backfills(
    directory: str | None, name: str, found: t.Iterable[Entry]
) -> None:
    """Refuse the name of a revision that has none, begun or to come."""
    tree = scripts.directory(
        current_app.extensions["migrate"].migrate.get_config(directory)
    )
    coming = {entry.task.revision for entry in found if entry.task is not None}
    if name in coming or name not in {s.revision for s in tree.walk_revisions()}:
        return
    raise BackfillError(
        "it has no batched backfill, so there is nothing to ask of it",
        where=f"revision {name}",
        state="Nothing was changed",
        next="See flask db data status for those there are, and flask db history",
    )


def _revision(entry: Entry) -> str:
    return (entry.record.revision if entry.record else None) or ""
