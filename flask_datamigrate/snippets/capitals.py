"""``sn.initcap``: the first letter of each word in upper case, the others in lower.

What is a letter, and which other case it has, depends on the locale in PostgreSQL and
on the version of Unicode elsewhere. The letters here are those of which all know the
same: Latin, Greek and Cyrillic as written in Europe.
"""

from __future__ import annotations

import functools
import re
import typing as t

import sqlalchemy as sa

from .aggregates import uncut
from .arguments import as_text
from .construct import Construct
from .sqlite_functions import Python

_LETTERS = "".join(
    chr(code)
    for first, last in (
        (0x41, 0x5A),
        (0x61, 0x7A),
        (0xC0, 0xD6),
        (0xD8, 0xF6),
        (0xF8, 0x17F),
        (0x386, 0x386),
        (0x388, 0x38A),
        (0x38C, 0x38C),
        (0x38E, 0x3A1),
        (0x3A3, 0x3CE),
        (0x400, 0x481),
        (0x490, 0x4BF),
    )
    for code in range(first, last + 1)
)

# Digits and combining accents are of a word too: "2nd", and an é in two characters.
_WORD = "[0-9A-Za-zÀ-ÖØ-öø-ſ\u0300-\u036fΆΈ-ΊΌΎ-ΡΣ-ώЀ-ҁҐ-ҿ]"


def _simple(case: t.Callable[[str], str]) -> dict[str, str]:
    """Return the letters that become one other letter (UnicodeData.txt, 12 and 13)."""
    changed = {letter: case(letter)[0] for letter in _LETTERS}
    one = {"ß", "ŉ", "ΐ", "ΰ"}
    return {a: b for a, b in changed.items() if a != b and a not in one}


_UPPER = _simple(str.upper)
_LOWER = _simple(str.lower)
_TO_UPPER = str.maketrans(_UPPER)
_TO_LOWER = str.maketrans(_LOWER)

_find_words = functools.partial(re.compile(f"{_WORD}+").sub)


def _initcap(text: str | None) -> str | None:
    return None if text is None else _find_words(_capital, text)


def _capital(word: re.Match[str]) -> str:
    return word[0][0].translate(_TO_UPPER) + word[0][1:].translate(_TO_LOWER)


_CUT = "\ufdd0"

_MYSQL = (
    "(SELECT "
    + uncut(
        "GROUP_CONCAT(CASE part.n % 2 WHEN 1 THEN part.found ELSE "
        "CONCAT(UPPER(LEFT(part.found, 1)), LOWER(SUBSTRING(part.found, 2))) END "
        "ORDER BY part.n SEPARATOR '')"
    )
    # Every second element of the array is a word.
    + " FROM JSON_TABLE(CONCAT('[', REPLACE(JSON_QUOTE(REGEXP_REPLACE("
    "CONVERT({text} USING utf8mb4) COLLATE {binary}, {word}, WORD)), "
    "{cut}, '\",\"'), ']'), '$[*]' COLUMNS (n FOR ORDINALITY, "
    "found LONGTEXT PATH '$')) AS part)"
)


class Initcap(Construct):
    name = "initcap"
    sql = {
        # Every match is some characters that are in no word, and a word.
        "postgresql": "(SELECT string_agg(part.found[1] || "
        "translate(substr(part.found[2], 1, 1), {small}, {great}) || "
        "translate(substr(part.found[2], 2), {great_2}, {small_2}), '' "
        "ORDER BY part.n) FROM regexp_matches(CAST({text} AS TEXT), {parts}, 'g') "
        "WITH ORDINALITY AS part (found, n))",
        "mysql": _MYSQL.replace("WORD", "{icu_word}"),
        "mariadb": _MYSQL.replace("WORD", "{pcre_word}"),
        "sqlite": Python(_initcap, "CAST({text} AS TEXT)"),
    }


def initcap(text: t.Any) -> Construct:
    """Return a text with each word's first letter in upper case, the others in lower.

    ::

        sn.initcap(users.c.full_name)

    A word is of letters, digits and combining accents; ``"o'neil"`` is two of them and
    becomes ``"O'Neil"``. The letters are those of Latin, Greek and Cyrillic up to
    U+017F, U+0386 to U+03CE, U+0400 to U+0481 and U+0490 to U+04BF, whatever the
    locale. Each stays one letter: ``ß`` has no upper case here. All others, as of
    Armenian, are in no word and stay as they are. NULL where the text is NULL. The
    result is a ``sa.Text``.

    On MySQL and MariaDB the text must not have the character U+FDD0, which Unicode
    gives to no letter, and one longer than ``group_concat_max_len`` is an error, as in
    :func:`string_agg`. On SQLite it is computed in Python on the connection, which a
    ``--sql`` script and an index cannot do.

    :param text: an expression.
    """
    options = {
        "small": "".join(_UPPER),
        "great": "".join(_UPPER.values()),
        "great_2": "".join(_LOWER),
        "small_2": "".join(_LOWER.values()),
        "parts": f"({_WORD.replace('[', '[^')}*)({_WORD}*)",
        "word": f"({_WORD}+)",
        "icu_word": f"{_CUT}$1{_CUT}",
        "pcre_word": f"{_CUT}\\1{_CUT}",
        "cut": _CUT,
    }
    return Initcap({"text": as_text(text, Initcap.name)}, options, type_=sa.Text())
