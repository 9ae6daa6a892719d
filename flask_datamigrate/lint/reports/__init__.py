"""The forms in which a report is written, by the name of the format."""

from __future__ import annotations

import typing as t

from ..linter import Report
from . import documents
from . import sarif
from . import text
from . import workflow

FORMATS: t.Mapping[str, t.Callable[[Report], str]] = {
    "text": text.write,
    "json": documents.write,
    "github": workflow.write,
    "sarif": sarif.write,
}
