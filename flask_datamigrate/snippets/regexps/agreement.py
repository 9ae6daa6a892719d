"""Which patterns have one answer, whether the longest match is taken or the first.

POSIX takes the longest match from a place, the others the first one they find by
trying each alternative in order and each repetition as often as it goes. The two are
the same when there is never a choice: the next character says which alternative it is,
and whether a repetition goes on or is over (Brüggemann-Klein and Wood,
One-unambiguous regular languages, 1998). And where a repetition of one character runs
into what follows, as in ``.*,``, they are still the same when everything that follows
has a fixed length: as often as possible is then also as long as possible.
"""

from __future__ import annotations

import itertools

from . import charsets
from .charsets import Ranges
from .refusal import refuse_piece
from .tree import Chars
from .tree import Choice
from .tree import Edge
from .tree import Group
from .tree import Node
from .tree import Repeat
from .tree import Sequence


def check(tree: Node, pattern: str) -> None:
    """Refuse a pattern with two answers.

    :raises DefinitionError: naming what can be read in two ways.
    """
    _Check(pattern).visit(tree, charsets.NONE, fixed=True)
    _check_edges(tree, pattern, first=True, last=True)
    if _nullable(tree):
        refuse_piece(
            f"the pattern {pattern!r} matches an empty text, which each database "
            "replaces in other places",
            "Write it so that it needs one character, as with + in the place of *",
        )


class _Check:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    def visit(self, node: Node, after: Ranges, *, fixed: bool) -> None:
        """Look at a node.

        :param after: what characters may follow it.
        :param fixed: whether all that follows it has a fixed length.
        """
        if isinstance(node, Group):
            self.visit(node.body, after, fixed=fixed)
        elif isinstance(node, Sequence):
            for item in reversed(node.items):
                self.visit(item, after, fixed=fixed)
                after = _first_of_two(item, after)
                fixed = fixed and _is_fixed(item)
        elif isinstance(node, Choice):
            self._choice(node, after, fixed)
        elif isinstance(node, Repeat):
            self._repeat(node, after, fixed)

    def _choice(self, node: Choice, after: Ranges, fixed: bool) -> None:
        for option in node.options:
            self.visit(option, after, fixed=fixed)
            if _nullable(option):
                self._refuse("|", "has an alternative that may be empty; use ?")
        for one, other in itertools.combinations(map(_first, node.options), 2):
            if charsets.overlap(one, other):
                self._refuse(
                    "|",
                    "has alternatives that begin alike: some take the first one that "
                    "fits, PostgreSQL the longest",
                )

    def _repeat(self, node: Repeat, after: Ranges, fixed: bool) -> None:
        again = node.high is None or node.high > 1
        first = _first(node.body)
        if _nullable(node.body):
            self._refuse(node.source, "repeats what may be empty")
        if again and _captures(node.body):
            self._refuse(
                node.source,
                "repeats a group with a number, of which some keep the first match "
                "and some the last; use (?:...)",
            )
        within = charsets.union(first, after) if again else after
        self.visit(node.body, within, fixed=fixed and not again)
        if node.low == node.high or not charsets.overlap(first, after):
            return
        if not (fixed and isinstance(node.body, Chars)):
            self._refuse(
                node.source,
                "may end where what follows it begins: some take as much as they can "
                "here, PostgreSQL the longest in all",
            )

    def _refuse(self, piece: str, why: str) -> None:
        refuse_piece(f"{piece!r} in the pattern {self._pattern!r} {why}")


def _check_edges(node: Node, pattern: str, *, first: bool, last: bool) -> None:
    """Allow ``^`` and ``$`` at the ends of the whole pattern alone."""
    if isinstance(node, Edge):
        if not (last if node.end else first):
            refuse_piece(
                f"{'$' if node.end else '^'!r} in the pattern {pattern!r} is not at "
                f"its {'end' if node.end else 'start'}; the character is \\^ or \\$"
            )
    elif isinstance(node, Sequence):
        count = len(node.items)
        for i, item in enumerate(node.items):
            at_start, at_end = first and i == 0, last and i == count - 1
            _check_edges(item, pattern, first=at_start, last=at_end)
    elif isinstance(node, Choice):
        for option in node.options:
            _check_edges(option, pattern, first=False, last=False)
    elif isinstance(node, Group | Repeat):
        _check_edges(node.body, pattern, first=False, last=False)


def _nullable(node: Node) -> bool:
    if isinstance(node, Chars):
        return False
    if isinstance(node, Group):
        return _nullable(node.body)
    if isinstance(node, Sequence):
        return all(map(_nullable, node.items))
    if isinstance(node, Choice):
        return any(map(_nullable, node.options))
    return isinstance(node, Edge) or node.low == 0 or _nullable(node.body)


def _first(node: Node) -> Ranges:
    """Return the characters a match may begin with."""
    if isinstance(node, Chars):
        return node.accepted
    if isinstance(node, Group | Repeat):
        return _first(node.body)
    if isinstance(node, Choice):
        return charsets.union(*map(_first, node.options))
    found = charsets.NONE
    if isinstance(node, Sequence):
        for item in reversed(node.items):
            found = _first_of_two(item, found)
    return found


def _first_of_two(node: Node, after: Ranges) -> Ranges:
    own = _first(node)
    return charsets.union(own, after) if _nullable(node) else own


def _is_fixed(node: Node) -> bool:
    return _length(node) is not None


def _length(node: Node) -> int | None:
    """Return the length of every match, when they are all of one."""
    if isinstance(node, Chars):
        return 1
    if isinstance(node, Edge):
        return 0
    if isinstance(node, Group):
        return _length(node.body)
    if isinstance(node, Repeat):
        length = _length(node.body)
        same = node.low == node.high and length is not None
        return node.low * (length or 0) if same else None
    parts = node.items if isinstance(node, Sequence) else node.options
    lengths = [_length(part) for part in parts]
    known = [length for length in lengths if length is not None]
    if len(known) < len(lengths):
        return None
    if isinstance(node, Sequence):
        return sum(known)
    return known[0] if len(set(known)) == 1 else None


def _captures(node: Node) -> bool:
    if isinstance(node, Group):
        return node.captures or _captures(node.body)
    if isinstance(node, Repeat):
        return _captures(node.body)
    if isinstance(node, Sequence):
        return any(map(_captures, node.items))
    if isinstance(node, Choice):
        return any(map(_captures, node.options))
    return False
