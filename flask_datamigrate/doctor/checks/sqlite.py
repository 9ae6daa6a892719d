"""What SQLite leaves to each connection, and to each file."""

from __future__ import annotations

import typing as t

from ..check import Check
from ..findings import Finding
from ..subjects import Patient


def look(patient: Patient) -> t.Iterator[Finding]:
    models = patient.project.installation.models(patient.bind)
    (on,) = patient.rows("PRAGMA foreign_keys")[0]
    if not on and any(table.foreign_keys for table in models.tables.values()):
        yield Finding(
            "note",
            "the models have foreign keys, and SQLite does not enforce them: that is "
            "off on each new connection",
            "Run PRAGMA foreign_keys = ON on each, in a listener to the engine's event "
            "connect",
        )
    (mode,) = patient.rows("PRAGMA journal_mode")[0]
    if mode == "memory":
        yield Finding("note", "the database is in memory, and gone with the process")
    elif mode != "wal":
        yield Finding(
            "note",
            f"the journal mode is {mode}: while one process commits, no other reads",
            "Once for the file: PRAGMA journal_mode = WAL",
        )


CHECK = Check("sqlite", "as it should be", look, only=("sqlite",))
