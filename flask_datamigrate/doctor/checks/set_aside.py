"""Indexes that a backfill has dropped for its run, and not made again."""

from __future__ import annotations

import typing as t

from ..check import Check
from ..findings import Finding
from ..subjects import Patient
from .runs import going_on


def look(patient: Patient) -> t.Iterator[Finding]:
    for entry in patient.entries:
        if not entry.set_aside:
            continue
        names = ", ".join(entry.set_aside)
        if entry.runner:
            yield Finding("note", f"{entry.name} has set {names} aside until it ends")
        else:
            yield Finding(
                "problem",
                f"{entry.name} has set {names} aside, and nobody is at it who makes "
                "them again",
                f"{going_on(entry)}, or flask db data cancel {entry.name}: either "
                "makes them again at its end",
            )


CHECK = Check("indexes set aside", "none", look)
