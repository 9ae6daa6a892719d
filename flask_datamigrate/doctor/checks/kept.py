"""What is kept for an undo or a restore: how much, and how to be rid of it."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ...backfill.forgetting import measured
from ...backfill.states import ENDED
from ...operations.ddl.archive import ARCHIVED
from ...operations.ddl.archive import COPYING
from ...operations.ddl.archive import RESTORING
from ...operations.ddl.notes import Notes
from ...operations.ddl.site import Site
from ...upgrading.forgetting import schema_of
from ..check import Check
from ..findings import Finding
from ..subjects import Patient

_UNDO = "datamigrate_undo_"


def look(patient: Patient) -> t.Iterator[Finding]:
    yield from _undo_tables(patient)
    yield from _archives(patient)


def _undo_tables(patient: Patient) -> t.Iterator[Finding]:
    recorded = set()
    for entry in patient.entries:
        table = entry.record.undo_table if entry.record else None
        if table is None:
            continue
        recorded.add(table)
        schema = schema_of(entry)
        if not sa.inspect(patient.connection).has_table(table, schema=schema):
            yield Finding(
                "problem",
                f"{entry.name} keeps its old values in {table}, which is not there: "
                "it cannot be undone",
                f"Bring the table back from a backup, or say that they are given up: "
                f"flask db data forget {entry.name}",
            )
            continue
        kept = measured(patient.connection, table, schema)
        ended = entry.state in ENDED
        yield Finding(
            "note",
            f"{entry.name} keeps {kept} in {table} for an undo",
            f"When it is not to be undone any more: flask db data forget {entry.name}"
            if ended
            else "",
        )
    for name in patient.tables:
        if name.startswith(_UNDO) and name not in recorded:
            kept = measured(patient.connection, name, patient.place.schema)
            yield Finding(
                "warning",
                f"no backfill knows the undo table {name} ({kept})",
                f"DROP TABLE {patient.quoted(name, patient.place.schema)}",
            )


def _archives(patient: Patient) -> t.Iterator[Finding]:
    site = Site(patient.connection, sa.Table("", sa.MetaData()), 0)
    for name, note in Notes(site, None).all().items():
        state, column = note.get("state"), note.get("column")
        where = f"{note.get('table')}.{column}"
        if state == ARCHIVED:
            kept = measured(patient.connection, name, None)
            yield Finding(
                "note",
                f"the archive of {where} keeps {kept} in {name}",
                "When it is not to be restored any more: DROP TABLE "
                f"{patient.quoted(name)}; DELETE FROM datamigrate_ddl WHERE name = "
                f"'{name}'",
            )
        elif state in (COPYING, RESTORING):
            command = "upgrade" if state == COPYING else "downgrade, or upgrade"
            yield Finding(
                "problem",
                f"{where} was being {_DOING[state]} when that was cut off",
                f"flask db {command}, whichever it was: it goes on from there",
            )


_DOING = {COPYING: "archived", RESTORING: "restored"}

CHECK = Check("kept rows", "none", look)
