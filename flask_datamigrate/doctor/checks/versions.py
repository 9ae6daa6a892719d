"""How far the database is, and whether the files know of it."""

from __future__ import annotations

import typing as t

from ...counting import counted
from ...stages import changes as staged
from ...stages import gates
from ..check import Check
from ..findings import Finding
from ..subjects import Patient


def look(patient: Patient) -> t.Iterator[Finding]:
    project = patient.project
    unknown = [head for head in patient.place.heads if head not in project.revisions]
    for head in unknown:
        yield Finding(
            "problem",
            f"the database is at revision {head}, and no file here has it: it is of a "
            "newer release or another branch, or its file was deleted",
            "Deploy the code that has it, or bring the file back: git log --all "
            f"-- '*{head}*'",
        )
    if unknown:
        return
    left, held = _steps(patient)
    if left:
        at = ", ".join(patient.place.heads) or "no revision"
        yield Finding(
            "warning",
            f"the database is at {at}, behind the files by {counted(left, 'revision')}",
            "flask db upgrade",
        )
    if held:
        yield Finding(
            "note",
            f"{counted(held, 'revision')} held, since DATAMIGRATE_STAGES does not "
            "allow more yet",
            "See flask db data status",
        )
    if patient.place.heads and not left and not held:
        yield Finding("ok", f"at {', '.join(patient.place.heads)}")


def _steps(patient: Patient) -> tuple[int, int]:
    """Return how many revisions an upgrade would apply, and how many it would hold."""
    tree, fresh = patient.project.tree, not patient.place.heads
    steps = tree._upgrade_revs("heads", t.cast(t.Any, patient.place.heads))
    changes = staged.read(tree)
    limits = {
        name: gates.limit(name, patient.settings.stages, None, fresh=fresh)
        for name in changes
    }
    allowed, _ = gates.hold(steps, changes, limits)
    return len(allowed), len(steps) - len(allowed)


CHECK = Check("version", "no revision", look)
