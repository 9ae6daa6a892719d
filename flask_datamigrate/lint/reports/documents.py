"""For programs: one JSON object."""

from __future__ import annotations

import json
import typing as t

from ..findings import Finding
from ..findings import Severity
from ..linter import Report
from .paths import shown


def write(report: Report) -> str:
    """Write a report as JSON."""
    return json.dumps(
        {
            "findings": [_finding(finding) for finding in report.findings],
            "not_analysed": [
                {
                    "path": shown(note.path),
                    "line": note.span.line,
                    "column": note.span.column + 1,
                    "message": note.message,
                }
                for note in report.notes
            ],
            "revisions": report.revisions,
            "ignored": report.silenced,
            "errors": report.count(Severity.ERROR),
            "warnings": report.count(Severity.WARNING),
        },
        indent=2,
        ensure_ascii=False,
    )


def _finding(finding: Finding) -> dict[str, t.Any]:
    span = finding.span
    return {
        "rule": finding.rule,
        "title": finding.title,
        "severity": finding.severity.value,
        "path": shown(finding.path),
        "line": span.line,
        "column": span.column + 1,
        "end_line": span.end_line,
        "end_column": span.end_column + 1,
        "revision": finding.revision,
        "table": str(finding.table) if finding.table else None,
        "message": finding.message,
        "instead": list(finding.instead),
        "fixable": bool(finding.edits),
    }
