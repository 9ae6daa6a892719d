"""The tree of revisions: one head, or several."""

from __future__ import annotations

import typing as t

from ...counting import counted
from ..check import Check
from ..findings import Finding
from ..subjects import Project


def look(project: Project) -> t.Iterator[Finding]:
    heads = sorted(project.tree.get_heads())
    if len(heads) > 1:
        yield Finding(
            "warning",
            f"there are {len(heads)} heads ({', '.join(heads)}), and flask db upgrade "
            "does not know which one is meant",
            f"flask db merge -m 'merge' {' '.join(heads)}; or, where they are meant to "
            "stay apart, flask db upgrade heads",
        )
    elif heads:
        yield Finding(
            "ok", f"{counted(len(project.revisions), 'revision')}, head {heads[0]}"
        )


CHECK = Check("revisions", "no revision is written yet", look)
