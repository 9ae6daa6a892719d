"""Comments that silence a rule: ``# datamigrate: ignore[DM101] why``."""

from __future__ import annotations

import ast
import bisect
import dataclasses
import re
import typing as t

from .findings import Edit
from .findings import Finding
from .findings import Span
from .rules import IDS
from .rules import NO_REASON
from .rules import UNUSED
from .script import Script
from .source import Source

MARK = re.compile(r"#\s*datamigrate:\s*ignore\b(?:\[([^\]]*)\])?[ \t]*(.*)")


@dataclasses.dataclass(frozen=True, slots=True)
class Ignore:
    """One such comment.

    :param span: where it stands.
    :param first: the first line it is about.
    :param last: the last line it is about.
    """

    rules: tuple[str, ...]
    reason: str
    span: Span
    first: int
    last: int

    @property
    def counts(self) -> bool:
        return bool(self.reason and self.rules and IDS.issuperset(self.rules))

    def covers(self, finding: Finding) -> bool:
        """Tell whether it silences a finding."""
        if not self.counts or finding.rule not in self.rules:
            return False
        inside = self.first <= finding.span.line <= self.last
        return inside or finding.span.line <= self.first <= finding.span.end_line


@dataclasses.dataclass(frozen=True, slots=True)
class Sifted:
    """What is left of findings.

    :param silenced: how many were ignored.
    """

    findings: tuple[Finding, ...]
    silenced: int


def sift(
    script: Script,
    findings: t.Iterable[Finding],
    *,
    silent: t.Collection[str],
    unread: bool,
) -> Sifted:
    """Take out what comments ignore, and add what is wrong with the comments.

    :param silent: rules that are off: nobody can say whether they would find it.
    :param unread: whether some of the script was not analysed, which is no proof that
        a comment is unused.
    """
    ignores = tuple(read(script.source))
    used: set[Ignore] = set()
    left: list[Finding] = []
    silenced = 0
    for finding in findings:
        covering = [ignore for ignore in ignores if ignore.covers(finding)]
        used.update(covering)
        silenced += bool(covering)
        if not covering:
            left.append(finding)
    for ignore in ignores:
        if not ignore.counts:
            left.append(_wrong(script, ignore))
        elif ignore not in used and not unread and not set(ignore.rules) & set(silent):
            left.append(_unused(script, ignore))
    return Sifted(tuple(left), silenced)


def read(source: Source) -> t.Iterator[Ignore]:
    """Return the ignoring comments of a file."""
    for token in source.comments:
        match = MARK.match(token.string)
        if match is None:
            continue
        line, column = token.start
        span = Span(line, column, *token.end)
        alone = not source.lines[line - 1][:column].strip()
        about = _next_code(source, line) if alone else line
        first, last = _statement(source, about)
        rules = tuple(name.strip() for name in (match[1] or "").split(",") if name)
        yield Ignore(rules, match[2].strip(), span, first, last)


def _next_code(source: Source, line: int) -> int:
    for number, text in enumerate(source.lines[line:], start=line + 1):
        if text.strip() and not text.lstrip().startswith("#"):
            return number
    return line


def _statement(source: Source, line: int) -> tuple[int, int]:
    """Return the lines of the statement that a line is part of."""
    spans = sorted(
        (node.lineno, _end(node))
        for node in ast.walk(source.tree)
        if isinstance(node, ast.stmt)
    )
    for first, last in reversed(spans[: bisect.bisect(spans, (line, 1 << 60))]):
        if last >= line:
            return first, last
    return line, line


def _end(node: ast.stmt) -> int:
    """Return the last line of a statement, for one with a body that of its head."""
    body = getattr(node, "body", None)
    if isinstance(body, list) and body:
        first: int = body[0].lineno
        return max(node.lineno, first - 1)
    return node.end_lineno or node.lineno


def _wrong(script: Script, ignore: Ignore) -> Finding:
    unknown = [name for name in ignore.rules if name not in IDS]
    ids = ", ".join(ignore.rules) or "DM1xx"
    if not ignore.rules:
        what = "it names no rule, so it silences none"
    elif unknown:
        what = f"there is no rule {', '.join(unknown)}, so it silences none"
        ids = "DM1xx"
    else:
        what = "it does not say why, so it silences nothing"
    return dataclasses.replace(
        _at(script, ignore, NO_REASON.id, NO_REASON.title, what),
        severity=NO_REASON.severity,
        instead=(
            f"# datamigrate: ignore[{ids}] {ignore.reason or 'why it is right'}",
            *(["# with the id that stands in the finding"] if unknown else []),
        ),
    )


def _unused(script: Script, ignore: Ignore) -> Finding:
    span = ignore.span
    before = script.source.lines[span.line - 1][: span.column]
    if before.strip():
        start = len(before.rstrip())
        gone = Span(span.line, start, span.line, span.end_column)
    else:
        gone = Span(span.line, 0, span.line + 1, 0)
    return dataclasses.replace(
        _at(
            script,
            ignore,
            UNUSED.id,
            UNUSED.title,
            f"{', '.join(ignore.rules)} finds nothing here; the comment would hide the "
            "next mistake",
        ),
        severity=UNUSED.severity,
        instead=("# take the comment away",),
        edits=(Edit(gone, ""),),
    )


def _at(script: Script, ignore: Ignore, rule: str, title: str, what: str) -> Finding:
    return Finding(
        rule,
        title,
        NO_REASON.severity,
        script.path,
        ignore.span,
        script.header.revision,
        what,
    )
