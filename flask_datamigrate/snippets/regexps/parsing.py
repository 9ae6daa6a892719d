"""Reading a pattern: what is not in the common language is refused by name."""

from __future__ import annotations

import re
import typing as t

from . import charsets
from .refusal import refuse_piece
from .tree import Chars
from .tree import Choice
from .tree import Edge
from .tree import Group
from .tree import Node
from .tree import Repeat
from .tree import Sequence

_CLASSES = {"d": charsets.DIGITS, "w": charsets.WORD, "s": charsets.SPACE}
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t"}
_COUNTS = re.compile(r"\{(\d+)(,?)(\d*)\}")
_SIGNS = {"*": (0, None), "+": (1, None), "?": (0, 1)}

MOST = 255
"""The highest number PostgreSQL takes between ``{}``."""


def parse(pattern: str, *, ignore_case: bool) -> tuple[Node, int]:
    """Return the tree of a pattern and the number of its capturing groups.

    :raises DefinitionError: naming the first piece that is not understood alike.
    """
    if "\0" in pattern:
        refuse_piece("the pattern has a character U+0000, which no text can have")
    parser = _Parser(pattern, ignore_case)
    tree = parser.choice()
    if parser.here:
        parser.refuse(parser.here, "closes a group that was not opened")
    return tree, parser.groups


class _Parser:
    def __init__(self, pattern: str, ignore_case: bool) -> None:
        self.groups = 0
        self._pattern = pattern
        self._ignore_case = ignore_case
        self._at = 0

    @property
    def here(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def choice(self) -> Node:
        options = [self._sequence()]
        while self._take("|"):
            options.append(self._sequence())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def refuse(self, piece: str, why: str) -> t.NoReturn:
        refuse_piece(
            f"{piece!r} at position {self._at + 1} of the pattern {self._pattern!r} "
            f"{why}"
        )

    def _sequence(self) -> Node:
        items = []
        while self.here and self.here not in "|)":
            items.append(self._repeated(self._at))
        return Sequence(tuple(items))

    def _repeated(self, start: int) -> Node:
        node = self._single()
        counts = self._counts()
        if counts is None:
            return node
        if isinstance(node, Edge):
            self.refuse(self._pattern[start : self._at], "repeats an edge of the text")
        if self.here and self.here in "*+?{":
            self.refuse(
                self._pattern[self._at - 1 : self._at + 1],
                "is not greedy on some databases, and is an error on others",
            )
        return Repeat(node, *counts, self._pattern[start : self._at])

    def _counts(self) -> tuple[int, int | None] | None:
        if self.here in _SIGNS:
            counts = _SIGNS[self.here]
            self._at += 1
            return counts
        if self.here != "{":
            return None
        found = _COUNTS.match(self._pattern, self._at)
        if found is None:
            self.refuse("{", "does not begin {n}, {n,} or {n,m}; a brace is \\{")
        low = int(found[1])
        high = (int(found[3]) if found[3] else None) if found[2] else low
        if max(low, high or 0) > MOST or (high is not None and high < max(low, 1)):
            self.refuse(found[0], f"is not of numbers in order from 0 to {MOST}")
        self._at = found.end()
        return low, high

    def _single(self) -> Node:
        character = self.here
        if character in "*+?{":
            self.refuse(character, "has nothing in front to repeat")
        if character == "(":
            return self._group()
        if character == "[":
            return self._set()
        if character == "\\":
            return self._escape()
        self._at += 1
        if character in "^$":
            return Edge(end=character == "$")
        if character == ".":
            return Chars(charsets.NEWLINE, negated=True)
        return self._chars(charsets.of(character))

    def _group(self) -> Node:
        start = self._at
        self._at += 1
        captures = self.here != "?"
        if not captures:
            if self._pattern[self._at : self._at + 2] != "?:":
                self._at = start
                piece = self._pattern[start : start + 3]
                self.refuse(piece, "is not known to every database; (?:...) is")
            self._at += 2
        self.groups += captures
        body = self.choice()
        if not self._take(")"):
            self._at = start
            self.refuse("(", "is not closed")
        return Group(body, captures)

    def _escape(self) -> Node:
        name = self._pattern[self._at + 1 : self._at + 2]
        known = _CLASSES.get(name.lower())
        if known is not None:
            self._at += 2
            return Chars(known, negated=name.isupper())
        return self._chars(charsets.of(self._literal()))

    def _literal(self) -> str:
        """Read one character, which may be escaped."""
        if self.here != "\\":
            self._at += 1
            return self._pattern[self._at - 1]
        name = self._pattern[self._at + 1 : self._at + 2]
        if not name or (name.isalnum() and name not in _CONTROLS):
            self.refuse(f"\\{name}", "differs between databases, or is unknown to one")
        self._at += 2
        return _CONTROLS.get(name, name)

    def _set(self) -> Node:
        start = self._at
        self._at += 1
        negated = self._take("^")
        ranges: charsets.Ranges = charsets.NONE
        while self.here != "]":
            if not self.here:
                self._at = start
                self.refuse("[", "is not closed")
            ranges = charsets.union(ranges, self._member())
        self._at += 1
        if not ranges:
            self._at = start
            self.refuse("[]", "is an empty set; a bracket in a set is \\]")
        return self._chars(ranges, negated)

    def _member(self) -> charsets.Ranges:
        if self.here == "[":
            piece = self._pattern[self._at : self._at + 2]
            self.refuse(
                piece, "depends on the locale, or is a set in a set; a bracket is \\["
            )
        name = self._pattern[self._at + 1 : self._at + 2]
        if self.here == "\\" and name.lower() in _CLASSES:
            if name.isupper():
                self.refuse(f"\\{name}", "stands in a set, where some do not take it")
            self._at += 2
            return _CLASSES[name]
        low = self._literal()
        after = self._pattern[self._at + 1 : self._at + 2]
        if self.here != "-" or after in ("]", ""):
            return charsets.of(low)
        start = self._at
        self._at += 1
        high = self._literal()
        if high < low:
            self._at = start
            self.refuse(f"{low}-{high}", "is a range that ends before it begins")
        return ((ord(low), ord(high)),)

    def _chars(self, ranges: charsets.Ranges, negated: bool = False) -> Chars:
        if not self._ignore_case:
            return Chars(ranges, negated)
        if not charsets.is_ascii(ranges):
            self.refuse(
                self._pattern[self._at - 1 : self._at],
                "is not ASCII, and only there all know the same upper and lower case",
            )
        return Chars(charsets.both_cases(ranges), negated)

    def _take(self, character: str) -> bool:
        if self.here != character:
            return False
        self._at += 1
        return True
