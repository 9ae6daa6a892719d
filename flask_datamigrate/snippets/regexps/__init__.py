"""Regular expressions that mean the same to four engines.

PostgreSQL has its own engine (POSIX rules: of all matches from one place the longest),
MariaDB has PCRE, MySQL has ICU, and SQLite gets Python's :mod:`re` (these three: the
first that is found). A pattern is read into a tree (:mod:`.parsing`), refused where the
rules could give two answers (:mod:`.agreement`), and written out in the words all
four know (:mod:`.writing`).
"""

from __future__ import annotations

import dataclasses
import typing as t

from .agreement import check
from .parsing import parse
from .replacement import parse_replacement
from .writing import write


@dataclasses.dataclass(frozen=True, slots=True)
class Regexp:
    """A pattern and a replacement, as each engine takes them.

    :param patterns: by engine: ``posix``, ``pcre``, ``icu`` and ``python``.
    :param replacements: the same.
    """

    patterns: t.Mapping[str, str]
    replacements: t.Mapping[str, str]


def portable(pattern: str, replacement: str, *, ignore_case: bool) -> Regexp:
    """Return a pattern and a replacement in the words of each engine.

    :raises DefinitionError: for what they do not agree on, naming it.
    """
    tree, groups = parse(pattern, ignore_case=ignore_case)
    check(tree, pattern)
    parts = parse_replacement(replacement, groups)
    return Regexp(write(tree), parts)
