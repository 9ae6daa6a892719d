"""Writes the safe rewrites that findings carry into their files."""

from __future__ import annotations

import ast
import collections
import io
import pathlib
import tokenize
import typing as t

from ..errors import LintError
from .findings import Edit
from .findings import Finding
from .findings import Span


def fix(findings: t.Iterable[Finding]) -> int:
    """Rewrite the files of findings, and return how many findings that mends.

    :raises LintError: when a file cannot be written.
    """
    edits: dict[pathlib.Path, set[Edit]] = collections.defaultdict(set)
    mended = 0
    for finding in findings:
        if finding.edits:
            edits[finding.path].update(finding.edits)
            mended += 1
    for path, wanted in edits.items():
        _rewrite(path, wanted)
    return mended


def _rewrite(path: pathlib.Path, edits: t.Iterable[Edit]) -> None:
    content = path.read_bytes()
    encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    text = content.decode(encoding).replace("\r\n", "\n")
    changed = edited(text, edits)
    ast.parse(changed)
    if b"\r\n" in content:
        changed = changed.replace("\n", "\r\n")
    try:
        path.write_bytes(changed.encode(encoding))
    except OSError as error:
        raise LintError(
            f"the file cannot be written: {error.strerror}",
            where=str(path),
            state="The files before it, by name, are rewritten",
            next="Check its permissions, and run the same command again",
        ) from error


def edited(text: str, edits: t.Iterable[Edit]) -> str:
    """Return a text with edits made, of which no two overlap."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def offsets(span: Span) -> tuple[int, int]:
        end_line = min(span.end_line, len(starts))
        return (
            starts[span.line - 1] + span.column,
            starts[end_line - 1]
            + (span.end_column if end_line == span.end_line else 0),
        )

    for edit in sorted(edits, key=lambda edit: edit.span, reverse=True):
        start, end = offsets(edit.span)
        text = text[:start] + edit.text + text[end:]
    return text
