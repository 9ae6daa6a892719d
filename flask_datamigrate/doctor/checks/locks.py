"""The migration lock: does somebody hold it?"""

from __future__ import annotations

import typing as t

from ...upgrading.lock_holders import holders
from ..check import Check
from ..findings import Finding
from ..subjects import Patient


def look(patient: Patient) -> t.Iterator[Finding]:
    for holder in holders(patient.connection):
        if holder.alive:
            yield Finding(
                "note",
                f"an upgrade holds it: {holder.who}; another one waits for it to end",
                "See flask db data status",
            )
        else:
            yield Finding(
                "note",
                f"{holder.who} left it when it died; the next upgrade takes it over",
            )


CHECK = Check("migration lock", "nobody holds it", look)
