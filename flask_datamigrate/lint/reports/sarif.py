"""For code scanning: SARIF 2.1.0."""

from __future__ import annotations

import importlib.metadata
import json
import typing as t

from ..findings import Finding
from ..findings import Note
from ..findings import Span
from ..linter import Report
from ..rules import RULES
from .paths import shown

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def write(report: Report) -> str:
    """Write a report as SARIF."""
    driver = {
        "name": "flask db data lint",
        "version": importlib.metadata.version("Flask-DataMigrate"),
        "rules": [
            {
                "id": rule.id,
                "name": type(rule).__name__,
                "shortDescription": {"text": rule.title},
                "fullDescription": {"text": rule.breaks},
                "defaultConfiguration": {"level": rule.severity.value},
            }
            for rule in RULES
        ],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding) for finding in report.findings],
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [_notice(note) for note in report.notes],
            }
        ],
    }
    return json.dumps(
        {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]},
        indent=2,
        ensure_ascii=False,
    )


def _result(finding: Finding) -> dict[str, t.Any]:
    text = "\n".join([f"{finding.message}.", "Instead:", *finding.instead])
    return {
        "ruleId": finding.rule,
        "level": finding.severity.value,
        "message": {"text": text},
        "locations": [_location(shown(finding.path), finding.span)],
    }


def _notice(note: Note) -> dict[str, t.Any]:
    return {
        "level": "note",
        "message": {"text": f"not analysed: {note.message}"},
        "locations": [_location(shown(note.path), note.span)],
    }


def _location(path: str, span: Span) -> dict[str, t.Any]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": path},
            "region": {
                "startLine": span.line,
                "startColumn": span.column + 1,
                "endLine": span.end_line,
                "endColumn": span.end_column + 1,
            },
        }
    }
