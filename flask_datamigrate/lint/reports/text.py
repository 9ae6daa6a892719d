"""For people: each finding with its line, a caret, and the corrected lines."""

from __future__ import annotations

import collections
import functools
import pathlib
import textwrap
import typing as t

from ...counting import counted
from .. import parsing
from ..findings import Finding
from ..findings import Note
from ..findings import Severity
from ..linter import Report
from .paths import shown

_WIDTH = 88


def write(report: Report) -> str:
    """Write a report for people."""
    parts = ["\n".join(_finding(finding)) for finding in report.findings]
    notes = "\n".join(_notes(report.notes))
    return "\n\n".join([*parts, *filter(None, [notes]), _summary(report)])


def _finding(finding: Finding) -> t.Iterator[str]:
    span = finding.span
    place = f"{shown(finding.path)}:{span.line}:{span.column + 1}"
    yield f"{place}: {finding.rule} {finding.severity.value}: {finding.title}"
    lines = _lines(finding.path)
    if span.line <= len(lines):
        line = lines[span.line - 1].replace("\t", " ")
        end = span.end_column if span.end_line == span.line else len(line)
        margin = " " * len(str(span.line))
        carets = "^" * max(min(end, len(line)) - span.column, 1)
        yield f" {margin} |"
        yield f" {span.line} | {line}"
        yield f" {margin} | {' ' * span.column}{carets}"
    yield textwrap.fill(
        f"{finding.message}.",
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    if finding.instead:
        yield "  Instead:"
        yield from (f"      {line}".rstrip() for line in finding.instead)


def _notes(notes: t.Sequence[Note]) -> t.Iterator[str]:
    if notes and not parsing.available():
        skipped = [note for note in notes if parsing.INSTALL in note.message]
        if skipped:
            yield (
                f"SQL rules skipped: {counted(len(skipped), 'SQL text')} not read, "
                f"since the SQL parser is not installed: {parsing.INSTALL}"
            )
        notes = [note for note in notes if note not in skipped]
    for note in notes:
        yield f"{shown(note.path)}:{note.span.line}: not analysed: {note.message}"


def _summary(report: Report) -> str:
    counts = [
        counted(report.count(severity), severity.value)
        for severity in Severity
        if report.count(severity)
    ]
    files = len(collections.Counter(finding.path for finding in report.findings))
    read = f"{counted(report.revisions, 'revision')} read"
    more = ""
    if report.notes:
        more += f"; {counted(len(report.notes), 'statement')} not analysed"
    if report.silenced:
        more += f"; {report.silenced} ignored by a comment"
    if not counts:
        return f"Nothing found; {read}{more}."
    return f"{', '.join(counts)} in {counted(files, 'file')}; {read}{more}."


@functools.lru_cache(maxsize=32)
def _lines(path: pathlib.Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return []
