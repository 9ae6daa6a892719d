"""Reading a replacement, and writing it for each engine."""

from __future__ import annotations

import re
import typing as t

from .refusal import refuse_piece

_PIECE = re.compile(r"\\(.?)|[^\\]+", re.DOTALL)

_GROUP = {"posix": r"\{}", "pcre": r"\{}", "icu": "${}", "python": r"\g<{}>"}
_ESCAPED = {"posix": r"\\", "pcre": r"\\", "icu": r"\\$", "python": r"\\"}
"""What has to stand behind a backslash in a replacement."""


def parse_replacement(replacement: str, groups: int) -> t.Mapping[str, str]:
    r"""Return a replacement by engine.

    :param groups: how many groups the pattern has; ``\1`` to ``\9`` mean them.
    :raises DefinitionError: for a group that is not there, and another escape.
    """
    written = dict.fromkeys(_GROUP, "")
    for piece in _PIECE.finditer(replacement):
        name = piece[1]
        if name is None or name == "\\":
            text = piece[0] if name is None else "\\"
            for engine, special in _ESCAPED.items():
                written[engine] += "".join(
                    f"\\{c}" if c in special else c for c in text
                )
            continue
        if not (name.isascii() and name.isdigit() and 1 <= int(name) <= groups):
            refuse_piece(
                f"{piece[0]!r} in the replacement {replacement!r} is none of the "
                f"pattern's groups, which are {groups}",
                r"Write \1 for the first group, and \\ for a backslash",
            )
        for engine, place in _GROUP.items():
            written[engine] += place.format(name)
    return written
