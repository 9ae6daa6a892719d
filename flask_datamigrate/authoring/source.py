"""A script's text, and changes of places in it that leave the rest as it is."""

from __future__ import annotations

import ast
import os
import pathlib
import tokenize
import typing as t

from ..errors import AuthoringError

_IDENTIFIERS = frozenset(
    {"revision", "down_revision", "branch_labels", "depends_on", "change", "stage"}
)


class Source:
    """The text of a revision's file.

    :param path: the file.
    :param revision: the revision's id, for errors.
    :raises AuthoringError: when it is no Python, or cannot be read.
    """

    def __init__(self, path: pathlib.Path, revision: str) -> None:
        self.path = path
        self.revision = revision
        try:
            with tokenize.open(path) as file:
                self.encoding = file.encoding
                self.text = file.read()
            self.tree = ast.parse(self.text)
        except (OSError, SyntaxError, UnicodeDecodeError) as error:
            raise AuthoringError(
                f"it cannot be read: {error}",
                where=f"revision {revision} ({path.name})",
                state="Nothing was written",
                next="Save it as UTF-8, name no other encoding in its first two lines, "
                "and run the same command again",
            ) from error
        self.parents = {
            child: node
            for node in ast.walk(self.tree)
            for child in ast.iter_child_nodes(node)
        }
        self._lines = self.text.splitlines(keepends=True)
        self._edits: list[tuple[int, int, str]] = []

    def refusal(self, node: ast.AST, what: str, next: str = "") -> AuthoringError:
        """Return the error for a place that cannot be rewritten."""
        line = getattr(node, "lineno", 0)
        return AuthoringError(
            what,
            where=f"revision {self.revision} ({self.path.name}, line {line})",
            state="Nothing was written",
            next=next,
        )

    def replace(self, node: ast.expr, text: str) -> None:
        """Put a text in the place of an expression."""
        self._edits.append((*self._span(node), text))

    def replace_statement(self, node: ast.stmt, text: str) -> None:
        """Put a text in the place of a statement, or take its lines out."""
        begin, end = self._span(node)
        body = self._siblings(node)
        if not text and len(body) == 1 and self.parents[node] is not self.tree:
            text = "pass"
        line = self._lines[node.lineno - 1]
        last = self._lines[t.cast(int, node.end_lineno) - 1]
        alone = not line[: _characters(line, node.col_offset)].strip()
        rest = last[_characters(last, t.cast(int, node.end_col_offset)) :]
        if not text and alone and not rest.strip():
            begin -= _characters(line, node.col_offset)
            end += len(rest)
        elif not text and alone:
            # A comment behind it takes its place.
            end += len(rest) - len(rest.lstrip())
        self._edits.append((begin, end, text))

    def insert_after(self, line: int, text: str) -> None:
        """Put lines behind a line.

        :param line: its number; 0 for the top of the file.
        """
        at = sum(map(len, self._lines[:line]))
        self._edits.append((at, at, text))

    def define(
        self,
        blocks: t.Sequence[str],
        imports: t.Iterable[str] = (),
        identifiers: t.Sequence[str] = (),
    ) -> None:
        """Put definitions behind the revision's identifiers.

        :param blocks: each ends up with an empty line before it.
        :param imports: lines, of which those that stand there already are left out.
        :param identifiers: further identifiers.
        """
        body = self.tree.body
        present = {ast.unparse(node) for node in body}
        tops = [n for n in body if isinstance(n, (ast.Import, ast.ImportFrom))]
        named = [node for node in body if _is_identifier(node)]
        first = named[0].lineno - 1 if named else 0
        at = max((t.cast(int, n.end_lineno) for n in tops), default=first)
        missing = [line for line in imports if line not in present]
        if missing:
            self.insert_after(at, "".join(f"{line}\n" for line in missing))
        below = max([at, *(t.cast(int, n.end_lineno) for n in named)])
        text = "".join(f"{line}\n" for line in identifiers)
        text += "".join(f"\n{block.rstrip()}\n" for block in blocks)
        if text:
            self.insert_after(below, text)

    def write(self) -> None:
        """Write the file anew; as a whole, so that no crash leaves half of it."""
        scratch = self.path.with_name(f".{self.path.name}.new")
        scratch.write_bytes(self.edited().encode(self.encoding))
        os.replace(scratch, self.path)

    def edited(self) -> str:
        """Return the text with all changes."""
        text = self.text
        # From the end, so that what stands before keeps its place; of two insertions
        # at one place the first one asked for comes first.
        numbered = sorted(enumerate(self._edits), key=lambda e: (e[1][0], e[0]))
        for _, (begin, end, new) in reversed(numbered):
            text = text[:begin] + new + text[end:]
        return text

    def _siblings(self, node: ast.stmt) -> list[ast.stmt]:
        for _, value in ast.iter_fields(self.parents[node]):
            if isinstance(value, list) and node in value:
                return value
        return []

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        return (
            self._offset(node.lineno, node.col_offset),
            self._offset(
                t.cast(int, node.end_lineno), t.cast(int, node.end_col_offset)
            ),
        )

    def _offset(self, line: int, column: int) -> int:
        before = sum(map(len, self._lines[: line - 1]))
        return before + _characters(self._lines[line - 1], column)


def _is_identifier(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        target: ast.expr = node.targets[0]
    elif isinstance(node, ast.AnnAssign):
        target = node.target
    else:
        return False
    return isinstance(target, ast.Name) and target.id in _IDENTIFIERS


def _characters(line: str, column: int) -> int:
    """Return the characters before a column, which ``ast`` counts in bytes."""
    return len(line.encode()[:column].decode())
