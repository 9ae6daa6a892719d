"""Staged changes: does the code go with the databases?"""

from __future__ import annotations

import typing as t

from ...stages import changes
from ...upgrading.standings import standings
from ..check import Check
from ..findings import Finding
from ..subjects import Project


def look(project: Project) -> t.Iterator[Finding]:
    for standing in standings(project.tree.dir, changes.read):
        if standing.conflict is not None:
            yield Finding("problem", standing.conflict.what, standing.conflict.mend)
            continue
        yield Finding(
            "ok",
            f"change {standing.name}: the code is at {standing.config or 'no stage'}, "
            f"the database at {standing.database or 'none'}, the gate of its contract "
            f"is {standing.gate}",
        )


CHECK = Check("stages", "no staged change", look)
