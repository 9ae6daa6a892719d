"""Backfills run by themselves: deferred ones, and ones that stopped."""

from __future__ import annotations

import contextlib
import threading
import typing as t

from flask import current_app

from .. import settings
from ..backfill.connections import OwnTransactions
from ..backfill.reporting import BackfillReport
from ..backfill.reporting import Reporter
from ..backfill.runner import Runner
from ..backfill.runner import Task
from ..backfill.states import STARTABLE
from ..backfill.states import State
from ..backfill.store import Record
from ..errors import BackfillError
from ..errors import UndoError
from . import overview


def run(
    directory: str | None,
    names: t.Sequence[str],
    reporter: Reporter,
    stop: threading.Event,
) -> list[BackfillReport]:
    """Run the named backfills, or all registered ones; pass over finished ones.

    :raises BackfillError: for a name that no database knows.
    """
    entries = _chosen(directory, names)
    reports = []
    for entry in entries:
        assert entry.record is not None
        if entry.record.state not in STARTABLE:
            continue
        with _runner(entry.bind, reporter, stop) as runner:
            reports.append(runner.run(_defined(entry)))
    return reports


def accept(directory: str | None, name: str) -> Record:
    """Take the definition of a backfill as it is now for the right one.

    :raises BackfillError: when no database knows it.
    """
    record = None
    for entry in _chosen(directory, [name]):
        with _runner(entry.bind, Reporter(), threading.Event()) as runner:
            record = runner.accept(_defined(entry))
    assert record is not None
    return record


def undo(
    directory: str | None, name: str, reporter: Reporter, stop: threading.Event
) -> list[BackfillReport]:
    """Restore the rows of a backfill whose revision is not applied.

    :raises UndoError: when no old values were kept, or its revision is applied.
    """
    reports = []
    for entry in _chosen(directory, [name]):
        _check_not_applied(directory, entry)
        with _runner(entry.bind, reporter, stop) as runner:
            reports.append(runner.undo(_defined(entry)))
    return reports


def cancel(directory: str | None, name: str) -> None:
    """Give a backfill up; rows it has changed stay changed.

    :raises BackfillError: when no database knows it, or it is applied and finished.
    """
    for entry in _chosen(directory, [name]):
        if entry.state is State.FINISHED:
            _check_not_applied(directory, entry)
        with _runner(entry.bind, Reporter(), threading.Event()) as runner:
            runner.cancel(_defined(entry))


def _check_not_applied(directory: str | None, entry: overview.Entry) -> None:
    record = entry.record
    tree = overview.script_directory(directory)
    applied = overview.applied(overview.engines()[entry.bind], tree)
    if record is not None and record.revision in applied:
        raise UndoError(
            "its revision is applied",
            where=f"revision {record.revision}, backfill {entry.name}",
            state="Nothing was changed",
            next="Take the revision back, and the backfill with it: flask db downgrade",
        )


def _chosen(directory: str | None, names: t.Sequence[str]) -> list[overview.Entry]:
    begun = [e for e in overview.entries(directory) if e.record is not None]
    unknown = sorted(set(names) - {entry.name for entry in begun})
    if unknown:
        known = ", ".join(sorted({entry.name for entry in begun})) or "none"
        raise BackfillError(
            f"no database has begun {', '.join(unknown)} (known: {known})",
            next="Run flask db upgrade first; see flask db data status",
        )
    return [entry for entry in begun if not names or entry.name in names]


def _defined(entry: overview.Entry) -> Task:
    if entry.task is None:
        raise BackfillError(
            f"no revision file defines it any more (it was of revision "
            f"{entry.record.revision if entry.record else '?'})",
            where=f"backfill {entry.name}",
            state="What was committed is saved",
            next="Bring the file back, as a top-level Backfill",
        )
    return entry.task


@contextlib.contextmanager
def _runner(
    bind: str | None, reporter: Reporter, stop: threading.Event
) -> t.Iterator[Runner]:
    values = settings.read(current_app.config)
    engine = overview.engines()[bind]
    transactions = OwnTransactions(engine, values.row_lock_timeout)
    try:
        yield Runner(
            transactions,
            values,
            schema=overview.state_schema(),
            reporter=reporter,
            stop=stop,
        )
    finally:
        transactions.close()
