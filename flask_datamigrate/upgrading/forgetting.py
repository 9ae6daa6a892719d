"""What the backfills an operator names keep for an undo, and dropping it."""

from __future__ import annotations

import threading

from ..backfill.forgetting import KeptRows
from ..backfill.reporting import Reporter
from .chosen import chosen
from .chosen import runner_of
from .overview import Entry


def kept(directory: str | None, name: str) -> list[tuple[Entry, KeptRows]]:
    """Return what the backfills of a name keep, on each database.

    :raises BackfillError: when no database knows it, it keeps nothing or is not at
        an end.
    """
    found = []
    for entry in chosen(directory, [name]):
        with runner_of(entry, Reporter(), threading.Event()) as runner:
            kept_rows = runner.kept(entry.name, entry.label, schema_of(entry))
        found.append((entry, kept_rows))
    return found


def forget(entry: Entry) -> None:
    """Drop what a backfill keeps on one database.

    :raises BackfillError: when it keeps nothing or is not at an end.
    """
    with runner_of(entry, Reporter(), threading.Event()) as runner:
        runner.forget(entry.name, entry.label, schema_of(entry))


def schema_of(entry: Entry) -> str | None:
    """Return the schema of the side table, also where the definition is gone."""
    if entry.task is not None:
        return entry.task.backfill.changed_table.schema
    assert entry.record is not None
    return entry.record.table_name.rpartition(".")[0] or None
