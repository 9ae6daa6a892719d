"""For GitHub Actions: workflow commands that put findings into the diff."""

from __future__ import annotations

from ..findings import Severity
from ..linter import Report
from .paths import shown

_COMMANDS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTE: "notice",
}


def write(report: Report) -> str:
    """Write a report as workflow commands."""
    lines = []
    for finding in report.findings:
        span = finding.span
        place = [
            f"file={_property(shown(finding.path))}",
            f"line={span.line}",
            f"endLine={span.end_line}",
        ]
        # GitHub takes columns only of findings in one line.
        if span.line == span.end_line:
            place += [f"col={span.column + 1}", f"endColumn={span.end_column + 1}"]
        title = _property(f"{finding.rule} {finding.title}")
        text = "\n".join([f"{finding.message}.", "", "Instead:", *finding.instead])
        command = _COMMANDS[finding.severity]
        lines.append(f"::{command} {','.join(place)},title={title}::{_data(text)}")
    for note in report.notes:
        place_of = f"file={_property(shown(note.path))},line={note.span.line}"
        lines.append(f"::notice {place_of}::{_data(f'Not analysed: {note.message}')}")
    return "\n".join(lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
