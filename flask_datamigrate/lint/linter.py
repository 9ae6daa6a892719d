"""Runs the rules over revisions."""

from __future__ import annotations

import dataclasses
import typing as t

from . import ignores
from . import parsing
from .findings import Finding
from .findings import Note
from .findings import Severity
from .findings import Span
from .history import History
from .project import Project
from .rules import HEADS
from .rules import RULES
from .rules import UNREADABLE
from .script import Script
from .source import Unreadable


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """How the rules are set.

    :param disabled: the rules that are off.
    :param severities: the severity of rules that have another than their own.
    """

    disabled: frozenset[str] = frozenset()
    severities: t.Mapping[str, Severity] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What came of it.

    :param revisions: how many were read.
    :param notes: what was not analysed.
    :param silenced: how many findings a comment ignored, with its reason.
    """

    findings: tuple[Finding, ...]
    notes: tuple[Note, ...]
    revisions: int
    silenced: int = 0

    @property
    def failed(self) -> bool:
        """Whether there is more than notes."""
        return any(found.severity is not Severity.NOTE for found in self.findings)

    def count(self, severity: Severity) -> int:
        return sum(found.severity is severity for found in self.findings)


def lint(
    history: History,
    revisions: t.Collection[str],
    project: Project,
    options: Options,
    *,
    tree: bool = True,
) -> Report:
    """Run the rules.

    :param revisions: those to read.
    :param tree: whether the tree of all revisions is looked at, too.
    """
    findings = [UNREADABLE.report(x.path, x.error) for x in history.unread]
    if tree:
        findings += UNREADABLE.astray(history)
        findings += HEADS.report(history)
    notes: list[Note] = []
    silenced = 0
    for revision in (name for name in history.headers if name in revisions):
        script = Script(history.sources[revision], project.dialects)
        try:
            found = list(_found(script, project, options))
            here = tuple(_notes(script))
        except RecursionError:
            findings.append(UNREADABLE.report(script.path, _TOO_DEEP))
            continue
        sifted = ignores.sift(script, found, silent=options.disabled, unread=bool(here))
        findings += sifted.findings
        silenced += sifted.silenced
        notes += here
    # A helper that is called twice stands in its place once.
    unique = {(x.rule, x.path, x.span): x for x in findings}.values()
    kept = [_weighed(x, options) for x in unique if x.rule not in options.disabled]
    kept.sort(key=lambda x: (str(x.path), x.span, x.rule))
    return Report(tuple(kept), tuple(notes), len(revisions), silenced)


_TOO_DEEP = Unreadable(
    "an expression in it is nested too deeply to be read",
    "write it in several, such as a list of texts that are joined",
)


def _found(script: Script, project: Project, options: Options) -> t.Iterator[Finding]:
    for rule in RULES:
        if rule.id not in options.disabled:
            yield from rule.check(script, project)


def _weighed(finding: Finding, options: Options) -> Finding:
    severity = options.severities.get(finding.rule, finding.severity)
    return dataclasses.replace(finding, severity=severity)


def _notes(script: Script) -> t.Iterator[Note]:
    seen: set[Span] = set()
    for direction in (script.up, script.down):
        for sql in direction.sql:
            if sql.parsed is None:
                span = script.source.span(sql.written.node)
                why = "the parser does not know this SQL"
                if not parsing.available():
                    why = f"SQL is not read without its parser: {parsing.INSTALL}"
                if span not in seen:
                    seen.add(span)
                    yield Note(script.path, span, why)
        for computed in direction.computed:
            span = script.source.span(computed.node)
            if span not in seen:
                seen.add(span)
                yield Note(script.path, span, "the statement is computed elsewhere")
