"""Schema revisions that were cut off, or that failed, half-way."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ...operations.ddl import journal
from ...operations.ddl.site import Site
from ...stages import gates
from ..check import Check
from ..findings import Finding
from ..subjects import Patient


def look(patient: Patient) -> t.Iterator[Finding]:
    site = Site(patient.connection, sa.Table("", sa.MetaData()), 0)
    for found in journal.half_done(site, patient.place.schema):
        command = "upgrade" if found.direction == "up" else "downgrade"
        is_over = (found.revision in patient.applied) is (found.direction == "up")
        if is_over or found.revision not in patient.project.revisions:
            yield Finding(
                "warning",
                f"what revision {found.revision} had done when its {command} was cut "
                "off is still noted, though the database is past that",
                f"DELETE FROM datamigrate_ddl WHERE name = '{found.note}'",
            )
            continue
        last = f"; the last was: {found.changed[-1]}" if found.changed else ""
        again = f"Run flask db {command} again"
        if found.contract is not None:
            given = gates.assignment(found.contract, "contract")
            again = f"Deploy code at contract ({given}), and run flask db upgrade again"
        yield Finding(
            "problem",
            f"the {command} of revision {found.revision} was cut off, and its schema "
            f"changes up to there stay{last}",
            f"{again}: it goes on from there",
        )


CHECK = Check("half-done revisions", "none", look)
