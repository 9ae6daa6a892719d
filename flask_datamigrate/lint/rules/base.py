"""What every rule has, and how it reports."""

from __future__ import annotations

import ast
import typing as t

from ..findings import Edit
from ..findings import Finding
from ..findings import Severity
from ..findings import Table
from ..project import Project
from ..script import Script


class Rule:
    """One thing that goes wrong in migrations.

    The texts are read by people: in the reference, and under each finding.
    """

    id: t.ClassVar[str]
    title: t.ClassVar[str]
    severity: t.ClassVar[Severity]
    breaks: t.ClassVar[str]
    """What breaks, and when."""
    wrong: t.ClassVar[str]
    """An example that the rule finds."""
    right: t.ClassVar[str]
    """The example, corrected."""
    size_matters: t.ClassVar[bool] = False
    """Whether a small table makes it harmless."""

    def check(self, script: Script, project: Project) -> t.Iterator[Finding]:
        """Return what it finds in a migration."""
        return iter(())

    def finding(
        self,
        script: Script,
        node: ast.AST,
        message: str,
        *instead: str,
        table: Table | None = None,
        edits: tuple[Edit, ...] = (),
    ) -> Finding:
        """Return a finding of this rule.

        :param node: what the caret points at.
        :param message: what breaks here, in the names of the script.
        :param instead: the corrected lines.
        """
        return Finding(
            self.id,
            self.title,
            self.severity,
            script.path,
            script.source.span(node),
            script.header.revision,
            message,
            instead,
            table,
            edits,
            self.size_matters,
        )


def quoted(name: str | None, default: str) -> str:
    """Return a name as a Python string with double quotes.

    :param default: what stands for a name that the script computes.
    """
    return '"' + (default if name is None else name) + '"'


def variable(table: Table | None) -> str:
    """Return a Python name for a table."""
    name = table.name if table else "table"
    name = "".join(letter if letter.isalnum() else "_" for letter in name)
    return name if name.isidentifier() else f"t_{name}"
