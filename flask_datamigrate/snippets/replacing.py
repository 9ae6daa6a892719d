"""``sn.regexp_replace``."""

from __future__ import annotations

import functools
import re
import typing as t

import sqlalchemy as sa

from .arguments import as_text
from .arguments import refuse
from .construct import Construct
from .regexps import portable
from .sqlite_functions import Python

_compiled = functools.lru_cache(maxsize=100)(re.compile)


def _regexp_replace(text: str | None, pattern: str, replacement: str) -> str | None:
    return None if text is None else _compiled(pattern).sub(replacement, text)


class RegexpReplace(Construct):
    name = "regexp_replace"
    sql = {
        "postgresql": "regexp_replace(CAST({text} AS TEXT), {posix}, {posix_new}, 'g')",
        "mysql": "REGEXP_REPLACE(CONVERT({text} USING utf8mb4) COLLATE {binary}, "
        "{icu}, {icu_new}, 1, 0, 'c')",
        "mariadb": "REGEXP_REPLACE(CONVERT({text} USING utf8mb4) COLLATE {binary}, "
        "{pcre}, {pcre_new})",
        "sqlite": Python(
            _regexp_replace, "CAST({text} AS TEXT)", "{python}", "{python_new}"
        ),
    }


def regexp_replace(
    text: t.Any, pattern: str, replacement: str, *, ignore_case: bool = False
) -> Construct:
    r"""Replace every match of a regular expression.

    ::

        sn.regexp_replace(users.c.phone, r"[^0-9+]", "")
        sn.regexp_replace(users.c.phone, r"^(\d{3})(\d{4})$", r"\1-\2")

    NULL where the text is NULL. The result is a ``sa.Text``. On SQLite it is computed
    in Python on the connection, which a ``--sql`` script and an index cannot do.
    MariaDB needs seconds for a text with ten thousands of matches.

    The four engines differ, so a pattern is of what means the same to all: characters,
    ``.`` (any but a newline), sets such as ``[a-z_]`` and ``[^,]``, ``\d \w \s``
    (of ASCII) and outside of sets ``\D \W \S``, ``\n \r \t``, ``^`` at the start and
    ``$`` at the end of the pattern (of the text, not of a line), ``(...)``,
    ``(?:...)``, ``|``, and ``* + ? {n,m}``, greedy. It is case-sensitive unless
    ``ignore_case``, which takes letters of ASCII.

    Where the engines could take matches of different lengths the pattern is refused,
    and the error names the piece: alternatives that begin alike (``a|ab``), a
    repetition that runs into another one (``a*\w+``), a pattern that matches an empty
    text, a group with a number that repeats.

    :param text: an expression.
    :param pattern: a str.
    :param replacement: a str in which ``\1`` to ``\9`` are groups, ``\\`` a backslash.
    :param ignore_case: whether ``a`` is ``A`` too.
    :raises DefinitionError: for a pattern or a replacement outside of that.
    """
    for name, value in (("pattern", pattern), ("replacement", replacement)):
        if not isinstance(value, str):
            refuse(
                RegexpReplace.name,
                f"the {name} is {value!r}",
                "Give it a str: it is read, and translated, before the statement runs",
            )
    regexp = portable(pattern, replacement, ignore_case=ignore_case)
    options = dict(regexp.patterns)
    options |= {f"{name}_new": new for name, new in regexp.replacements.items()}
    return RegexpReplace(
        {"text": as_text(text, RegexpReplace.name)}, options, type_=sa.Text()
    )
