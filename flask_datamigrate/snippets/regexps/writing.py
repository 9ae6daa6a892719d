"""Writing a pattern for each engine.

They differ in two things here: in what ``$`` is (PCRE, ICU and Python let it match
before a last newline too), and in options a server may have on by default.
"""

from __future__ import annotations

import typing as t

from .tree import Chars
from .tree import Choice
from .tree import Edge
from .tree import Group
from .tree import Node
from .tree import Repeat
from .tree import Sequence

_END = {"posix": "$", "pcre": r"\z", "icu": r"\z", "python": r"\Z"}
# MariaDB's default_regex_flags is a setting of the server.
_BEGIN = {"posix": "", "pcre": "(?-imsx)", "icu": "", "python": ""}
_NAMES = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_SPECIAL = frozenset("\\^$.|?*+()[]{}-&~#")


def write(tree: Node) -> t.Mapping[str, str]:
    """Return the pattern by engine."""
    return {
        engine: _BEGIN[engine] + _written(tree, end) for engine, end in _END.items()
    }


def _written(node: Node, end: str) -> str:
    if isinstance(node, Chars):
        return _characters(node)
    if isinstance(node, Edge):
        return end if node.end else "^"
    if isinstance(node, Group):
        return f"({'' if node.captures else '?:'}{_written(node.body, end)})"
    if isinstance(node, Sequence):
        return "".join(_written(item, end) for item in node.items)
    if isinstance(node, Choice):
        return "|".join(_written(option, end) for option in node.options)
    return _written(node.body, end) + _counts(node)


def _counts(node: Repeat) -> str:
    if (node.low, node.high) in ((0, None), (1, None), (0, 1)):
        return "?" if node.high else "+" if node.low else "*"
    if node.low == node.high:
        return f"{{{node.low}}}"
    return f"{{{node.low},{'' if node.high is None else node.high}}}"


def _characters(node: Chars) -> str:
    ((low, high), *more) = node.ranges
    if low == high and not more and not node.negated:
        return _escaped(low)
    members = "".join(_range(*pair) for pair in node.ranges)
    return f"[{'^' if node.negated else ''}{members}]"


def _range(low: int, high: int) -> str:
    if high - low < 2:
        return "".join(map(_escaped, range(low, high + 1)))
    return f"{_escaped(low)}-{_escaped(high)}"


def _escaped(code: int) -> str:
    character = chr(code)
    if character in _SPECIAL:
        return f"\\{character}"
    return _NAMES.get(character, character)
