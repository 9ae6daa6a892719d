"""What the linter found: findings, notes, and how grave they are."""

from __future__ import annotations

import ast
import dataclasses
import enum
import pathlib
import typing as t


class Severity(enum.Enum):
    """How grave a finding is; all but a note make the command exit with 1."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a file: lines from 1, columns in characters from 0."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclasses.dataclass(frozen=True, slots=True)
class Edit:
    """Text that replaces the characters of a span."""

    span: Span
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule found.

    :param rule: the id of the rule.
    :param title: the rule in a few words.
    :param path: the file.
    :param revision: the revision; empty where the file does not say.
    :param message: what breaks, and when, in the names of the script.
    :param instead: the corrected lines.
    :param table: the table concerned, if there is one and its name is known.
    :param edits: a safe rewrite of the file, if there is one.
    :param size_matters: whether a small table makes it harmless.
    """

    rule: str
    title: str
    severity: Severity
    path: pathlib.Path
    span: Span
    revision: str
    message: str
    instead: tuple[str, ...] = ()
    table: Table | None = None
    edits: tuple[Edit, ...] = ()
    size_matters: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """The name of a table."""

    name: str
    schema: str | None = None

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclasses.dataclass(frozen=True, slots=True)
class Note:
    """Something the linter did not look at, so that silence is no praise."""

    path: pathlib.Path
    span: Span
    message: str


class Position(t.Protocol):
    """What of a node of the syntax tree says where it stands."""

    lineno: int
    col_offset: int
    end_lineno: int | None
    end_col_offset: int | None


def position(node: ast.AST) -> Position:
    """Return where a node stands; all that the rules point at stand somewhere."""
    return t.cast(Position, node)
