"""Rules on the tree of the revisions, and on the files as such."""

from __future__ import annotations

import pathlib
import typing as t

from ..findings import Finding
from ..findings import Severity
from ..history import History
from ..source import Unreadable
from .base import Rule


class UnreadableScript(Rule):
    """A file that cannot be loaded."""

    id = "DM100"
    title = "unreadable migration"
    severity = Severity.ERROR
    breaks = (
        "Alembic loads every file before it runs any: while one cannot be loaded, or "
        "follows a revision that has no file, no `flask db` command that reads the "
        "migrations works."
    )
    wrong = """
def upgrade()
    op.drop_table("users")
"""
    right = """
def upgrade():
    op.drop_table("users")
"""

    def report(self, path: pathlib.Path, error: Unreadable) -> Finding:
        """Return the finding for a file."""
        return Finding(
            self.id,
            self.title,
            self.severity,
            path,
            error.span,
            "",
            error.message,
            (f"# {error.instead}",),
        )

    def astray(self, history: History) -> t.Iterator[Finding]:
        """Return the findings for revisions that follow what is not there."""
        for found, name in history.astray():
            yield Finding(
                self.id,
                self.title,
                self.severity,
                history.path(found),
                history.place(found),
                found.revision,
                f"no file has the revision {name}, which this one follows or depends "
                "on: no flask db command that reads the migrations works",
                (
                    "# bring its file back (is it on another branch of the code?), or",
                    "# name the revision that this one is to follow",
                ),
            )


class SeveralHeads(Rule):
    """More than one revision that none follows."""

    id = "DM124"
    title = "more than one head"
    severity = Severity.ERROR
    breaks = (
        "Two branches of the code each added a revision to the same one. "
        "`flask db upgrade` refuses to choose, so the release stops at it. Heads with "
        "branch labels of their own, which are meant to stay apart, are not reported."
    )
    wrong = """
# a.py: revision = "a1", down_revision = "base"
# b.py: revision = "b1", down_revision = "base"
"""
    right = """
# flask db merge -m "merge a1 and b1" heads
# or, in b.py, where it has not been applied anywhere: down_revision = "a1"
"""

    def report(self, history: History) -> t.Iterator[Finding]:
        """Return the findings for a tree of revisions."""
        heads = history.unlabelled_heads()
        if len(heads) < 2:
            return
        names = ", ".join(head.revision for head in heads)
        first, *_ = heads
        for head in heads[1:]:
            yield Finding(
                self.id,
                self.title,
                self.severity,
                history.path(head),
                history.place(head),
                head.revision,
                f"the revisions {names} are all the last of their line: flask db "
                "upgrade refuses to choose between them",
                (
                    f'# flask db merge -m "merge {first.revision} and '
                    f'{head.revision}" {first.revision} {head.revision}',
                    "# or, where this revision is applied nowhere yet:",
                    f'down_revision = "{first.revision}"',
                ),
            )
