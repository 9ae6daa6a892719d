"""Sync triggers that outlived their change, or that something keeps quiet."""

from __future__ import annotations

import typing as t

from ...backfill import quiet
from ...operations.ddl import sync
from ...operations.ddl import sync_notes
from ...stages import changes as staged
from ...stages import compatibility
from ..check import Check
from ..findings import Finding
from ..subjects import Patient


def look(patient: Patient) -> t.Iterator[Finding]:
    changes = staged.read(patient.project.tree)
    prefixes = {sync.prefix(name): name for name in changes}
    cut_off = sync_notes.cut_off(patient.connection, patient.place.schema)
    for trigger, table in sync.tables(patient.connection, patient.place.schema):
        change = next((n for p, n in prefixes.items() if trigger.startswith(p)), None)
        if change is None:
            why = "and no revision belongs to its change any more"
        elif _is_over(patient, changes[change]) and trigger in cut_off:
            yield Finding(
                "warning",
                f"the sync trigger {trigger} on {table} was made again, and the "
                f"contract of its change {change} is still applied: a downgrade was "
                "cut off",
                "Run the same flask db downgrade again: it goes on from there",
            )
            continue
        elif _is_over(patient, changes[change]):
            why = f"though the contract of its change {change} is applied"
        else:
            continue
        drop = sync.drop(patient.connection.dialect, trigger, patient.place.schema)
        yield Finding(
            "warning",
            f"the sync trigger {trigger} on {table} is still there, {why}: each write "
            "to the table pays for it",
            f"op.drop_sync in a revision, or: {drop}",
        )
    yield from _kept_quiet(patient)


def _is_over(patient: Patient, change: staged.Change) -> bool:
    return compatibility.reached(change, [patient.applied]) == "contract"


def _kept_quiet(patient: Patient) -> t.Iterator[Finding]:
    """Find what only a transaction may have, committed: then no trigger works."""
    if patient.family == "sqlite" and quiet.TABLE in patient.tables:
        if patient.rows(f"SELECT who FROM {quiet.TABLE}"):
            yield Finding(
                "problem",
                f"rows were committed to {quiet.TABLE}, and the sync triggers rest "
                "as long as they are there: old and new columns drift apart",
                f"DELETE FROM {quiet.TABLE}; then make the columns equal again for "
                "what was written meanwhile",
            )


CHECK = Check("sync triggers", "none without its change", look)
