"""The words and signs of a CREATE TABLE, as a server shows it."""

from __future__ import annotations

import re
import typing as t

_TOKEN = r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<text>'(?:%s|'')*')
    |(?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`%s|\w+)
    |(?P<sign>.)
    """
_PATTERNS = {
    family: re.compile(_TOKEN % parts, re.VERBOSE | re.DOTALL)
    for family, parts in {
        "postgresql": ("[^']", ""),
        "mysql": (r"[^'\\]|\\.", ""),
        "sqlite": ("[^']", r"|\[[^\]]*\]"),
    }.items()
}


class Token(t.NamedTuple):
    """A word, sign or text, and where it stands.

    :param kind: ``name`` for identifiers and keywords, ``text`` or ``sign``.
    """

    kind: str
    text: str
    start: int
    end: int

    @property
    def name(self) -> str:
        """The identifier, or the keyword in capitals' stead."""
        if self.kind != "name":
            return ""
        quote = self.text[0]
        if quote in '"`':
            return self.text[1:-1].replace(quote * 2, quote)
        return self.text[1:-1] if quote == "[" else self.text

    def is_word(self, *words: str) -> bool:
        return self.kind == "name" and self.text.upper() in words


def tokens(sql: str, family: str) -> list[Token]:
    """Return the tokens of a statement, without space and comments.

    :param family: ``postgresql``, ``mysql`` or ``sqlite``.
    """
    return [
        Token(match.lastgroup or "", match[0], match.start(), match.end())
        for match in _PATTERNS[family].finditer(sql)
        if match.lastgroup != "space"
    ]


def items(found: list[Token]) -> t.Iterator[list[Token]]:
    """Return what stands between the commas of the outermost parentheses."""
    depth = 0
    item: list[Token] = []
    for token in found:
        depth -= token.text == ")"
        if depth == 0 and item:
            yield item
            return
        if depth == 1 and token.text == ",":
            yield item
            item = []
        elif depth:
            item.append(token)
        depth += token.text == "("
