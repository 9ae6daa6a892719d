"""A migration's file: its text, its syntax tree and its comments. Nothing is run."""

from __future__ import annotations

import ast
import dataclasses
import functools
import io
import pathlib
import tokenize
import typing as t

from .findings import Span
from .findings import position

LARGEST = 1_000_000
"""Bytes. A migration of more is data that was written down as code."""


class Unreadable(Exception):
    """A file that cannot be read as a migration.

    :param message: why.
    :param instead: what to do.
    """

    def __init__(
        self, message: str, instead: str, *, line: int = 1, column: int = 0
    ) -> None:
        super().__init__(message)
        self.message = message
        self.instead = instead
        self.span = Span(line, column, line, column + 1)


@dataclasses.dataclass(frozen=True)
class Source:
    """The text of a file and its syntax tree."""

    path: pathlib.Path
    text: str
    tree: ast.Module

    @functools.cached_property
    def lines(self) -> tuple[str, ...]:
        # As the parser counts them: a form feed does not end a line.
        return tuple(line.rstrip("\r\n") for line in io.StringIO(self.text, newline=""))

    @functools.cached_property
    def comments(self) -> tuple[tokenize.TokenInfo, ...]:
        """The comments, which text that only looks like one is not."""
        if "#" not in self.text:
            return ()
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return tuple(token for token in tokens if token.type == tokenize.COMMENT)

    def span(self, node: ast.AST) -> Span:
        """Return where a node stands, in characters."""
        at = position(node)
        end_line = at.end_lineno or at.lineno
        end_offset = at.col_offset if at.end_col_offset is None else at.end_col_offset
        return Span(
            at.lineno,
            self._column(at.lineno, at.col_offset),
            end_line,
            self._column(end_line, end_offset),
        )

    def segment(self, node: ast.AST) -> str:
        """Return the text of a node as it stands."""
        return ast.get_source_segment(self.text, node) or ast.unparse(node)

    def _column(self, line: int, offset: int) -> int:
        """Return the column in characters of an offset, which counts bytes."""
        text = self.lines[line - 1]
        if text.isascii():
            return offset
        return len(text.encode()[:offset].decode(errors="replace"))


def read(path: pathlib.Path) -> Source:
    """Read and parse a file.

    :raises Unreadable: saying why it is no migration that Python could load.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise Unreadable(
                f"the file has {size:,} bytes, and more than {LARGEST:,} are not read",
                "load the data from a file beside the migration, in batches",
            )
        content = path.read_bytes()
    except OSError as error:
        raise Unreadable(
            f"the file cannot be read: {error.strerror}", "check its permissions"
        ) from error
    return parse(path, content)


def parse(path: pathlib.Path, content: bytes) -> Source:
    """Parse the bytes of a file.

    :raises Unreadable: saying why Python could not load it.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = io.TextIOWrapper(io.BytesIO(content), encoding, newline=None).read()
    except (SyntaxError, LookupError, UnicodeError) as error:
        reason = str(error).splitlines()[0]
        raise Unreadable(
            f"the file's encoding is wrong: {reason}",
            "save it as UTF-8, and name no other encoding in its first two lines",
        ) from error
    return Source(path, text, _tree(text))


def _tree(text: str) -> ast.Module:
    import warnings

    try:
        with warnings.catch_warnings():
            # An invalid escape is the interpreter's to report, and runs.
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        raise Unreadable(
            f"Python cannot parse it: {error.msg}",
            "mend the line; no command that reads the migrations works before",
            line=error.lineno or 1,
            column=max((error.offset or 1) - 1, 0),
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(
            f"Python cannot parse it: {error}", "write the migration anew, as text"
        ) from error


def literal(node: ast.AST | None) -> t.Any:
    """Return the value of a literal, ``None`` for anything else."""
    if node is None:
        return None
    try:
        return ast.literal_eval(t.cast(ast.expr, node))
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return None
