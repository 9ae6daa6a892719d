"""What the snippets on texts must give."""

from __future__ import annotations

import dataclasses
import functools
import re
import typing as t

import sqlalchemy as sa
from hypothesis import strategies as st

from tests.snippets.parity import TEXT
from tests.snippets.parity import Parity

from .texts import HUGE
from .texts import RANDOM
from .texts import TEXTS

Text: t.TypeAlias = "str | None"

SEPARATORS = [
    None,
    "",
    " ",
    "  ",
    ",",
    "b",
    "B",
    "é",
    "e",
    "'",
    "\\",
    "aa",
    "\U0001f600",
]
WITH_SEPARATORS = [
    *((text, separator) for text in TEXTS for separator in SEPARATORS),
    *((text, separator) for text in HUGE for separator in (" ", ",", "é", "xx")),
    # What is one separator inside another, from the left and from the right.
    *((text, "aa") for text in ("aaa", "aaaa", "aaaaa", "baaab", "aab", "baa")),
    *((text, "a b a") for text in ("a b a b a", "xa b a b ay")),
]
SHOWN = [("Ada King", " "), ("Ada", " "), (" Ada  King", " "), ("", " "), (None, " ")]


def part(index: int, text: Text, separator: Text) -> Text:
    if text is None or not separator:
        return None
    parts = text.split(separator)
    return parts[index] if -len(parts) <= index < len(parts) else ""


def before(text: Text, separator: Text) -> Text:
    return part(0, text, separator)


def after(text: Text, separator: Text) -> Text:
    if text is None or not separator:
        return None
    return text.partition(separator)[2]


def fixed(
    source: str, function: t.Callable[[Text, Text], Text]
) -> dict[str, t.Callable[..., Text]]:
    """Return the calls with a separator that is written, and with one from the row."""

    def with_separator(separator: str, text: Text, _: Text) -> Text:
        return function(text, separator)

    written = {
        source % f'"{separator}"': functools.partial(
            with_separator, separator.replace("\\\\", "\\")
        )
        for separator in (" ", ",,", "é", "A", "a", r"\\", "'", "%", "aa", "n", "\\t")
        if separator != "\\t"
    }
    return {**written, source % "t.c.separator": function}


SPLIT_PART = Parity(
    name="split_part",
    columns={"text": TEXT, "separator": TEXT},
    calls={
        call: function
        for index in (2, 1, 3, 50, -1, -2, -3, -50)
        for call, function in fixed(
            f"sn.split_part(t.c.text, %s, {index})",
            functools.partial(part, index - 1 if index > 0 else index),
        ).items()
    },
    inputs=WITH_SEPARATORS,
    shown=SHOWN,
    random=st.tuples(RANDOM, RANDOM),
)

SUBSTRING_BEFORE = Parity(
    name="substring_before",
    columns={"text": TEXT, "separator": TEXT},
    calls=fixed("sn.substring_before(t.c.text, %s)", before),
    inputs=WITH_SEPARATORS,
    shown=SHOWN,
    random=st.tuples(RANDOM, RANDOM),
)

SUBSTRING_AFTER = Parity(
    name="substring_after",
    columns={"text": TEXT, "separator": TEXT},
    calls=fixed("sn.substring_after(t.c.text, %s)", after),
    inputs=WITH_SEPARATORS,
    shown=SHOWN,
    random=st.tuples(RANDOM, RANDOM),
)

PATTERNS = [
    (r"[^0-9+]", ""),
    (r"\s+", " "),
    (r"^\s+", ""),
    (r"\s+$", ""),
    (r"^(\w+) (\w+)$", r"\2, \1"),
    (r"^([^ ]*) .*$", r"\1"),
    (r"\D", "-"),
    (r"\W+", "_"),
    (r"[\s,]+", "|"),
    (r"(\w)(?:\s+)(\w)", r"<\1\2>"),
    (r"a|b|é", "[x]"),
    (r"(?:ab|cd)+", "*"),
    (r"x{3,5}", "y"),
    (r"x{2}", "yy"),
    (r"a.*,", ""),
    (r",.", "$1&\\\\0"),
    (r"\\", "/"),
    (r"[\\\]\[^$.|?*+(){}-]", r"\\"),
    (r"'", "''"),
    (r"%", "%%"),
    ("é", "e"),
    ("[à-ÿ]", "?"),
    ("\U0001f600", ":)"),
    (r"\n|\r|\t", " "),
    (r"a(b)?", r"<\1>"),
    (r"@[a-z]+", ""),
    (r"[~&#-]", "~&#"),
    (r"a", "{x} :x %(x)s %s"),
]


def replaced(pattern: str, new: str, flags: int, text: Text, _: Text = None) -> Text:
    # Python's $ would match in front of a last newline, its \s, \w, \d all of Unicode.
    if pattern.endswith("$"):
        pattern = pattern[:-1] + r"\Z"
    return None if text is None else re.sub(pattern, new, text, flags=flags | re.ASCII)


REGEXP_REPLACE = Parity(
    name="regexp_replace",
    columns={"text": TEXT},
    calls={
        **{
            f'sn.regexp_replace(t.c.text, r"{pattern}", r"{new}")': functools.partial(
                replaced, pattern, new, 0
            )
            for pattern, new in PATTERNS
        },
        **{
            f'sn.regexp_replace(t.c.text, r"{pattern}", "-", ignore_case=True)': (
                functools.partial(replaced, pattern, "-", re.IGNORECASE)
            )
            for pattern in ("a", "[a-c]", "k", "S", "[^a]", r"i+\s")
        },
    },
    inputs=[
        *((text,) for text in TEXTS),
        ("a\n",),
        ("ab\n ",),
        ("abcdab",),
        ("xxxxxxxx",),
        ("K \u212a k ſ S s İ ı I i",),
    ],
    shown=[("+1 (555) 123-4567",), ("none",), ("",), (None,)],
    random=st.tuples(RANDOM),
)

# MariaDB looks for the place of each match from the start of the text again: many
# matches in a huge one take minutes there.
_FEW = [(r"x+", "y"), (r"[^ab ,é]{3}$", "."), (r"^ab", "")]

REGEXP_REPLACE_HUGE = dataclasses.replace(
    REGEXP_REPLACE,
    calls={
        f'sn.regexp_replace(t.c.text, r"{pattern}", r"{new}")': functools.partial(
            replaced, pattern, new, 0
        )
        for pattern, new in _FEW
    },
    inputs=[(text,) for text in HUGE],
    shown=(),
    random=None,
)

# As in capitals.py, but written down by name of the case, letter by letter.
_BLOCKS = "AZ az ÀÖ ØÞ ßö øſ ΆΆ ΈΊ ΌΌ ΎΡ Σώ Ѐҁ Ґҿ"
LETTERS = [
    chr(code)
    for first, last in _BLOCKS.split()
    for code in range(ord(first), ord(last) + 1)
]


def initcap(text: Text) -> Text:
    if text is None:
        return None
    result, inside = "", False
    for character in text:
        is_letter = character in LETTERS
        if is_letter:
            other = character.lower() if inside else character.upper()
            result += "i" if (character, inside) == ("İ", True) else other
            if len(other) > 1 and character != "İ":
                result = result[: -len(other)] + character
        else:
            result += character
        inside = (
            is_letter or character in "0123456789" or "\u0300" <= character <= "\u036f"
        )
    return result


INITCAP = Parity(
    name="initcap",
    columns={"text": TEXT},
    calls={"sn.initcap(t.c.text)": initcap},
    inputs=[
        *((text,) for text in TEXTS),
        *((letter + letter,) for letter in LETTERS),
        ("ada KING o'neil 2ND jean-luc",),
        ('"quoted" \\n \b\f\n\r\t\x01',),
        ("u\u0308BER",),
        ("ა Ა ᲐᲑ Աբ",),
        *((text,) for text in HUGE[:2]),
    ],
    shown=[("ada KING",), ("o'neil",), ("éclair",), ("",), (None,)],
    random=st.tuples(RANDOM | st.text([*LETTERS, *" 1\u0301-'"], max_size=12)),
)


def joined(
    values: list[tuple[t.Any, ...]],
    separator: str,
    key: t.Callable[..., t.Any] = lambda *_: 0,
    once: bool = False,
) -> Text:
    rows = [row for row in values if row[0] is not None]
    texts = [row[0] for row in sorted(rows, key=lambda row: (key(*row), row[0]))]
    texts = list(dict.fromkeys(texts)) if once else texts
    return separator.join(texts) if texts else None


STRING_AGG = Parity(
    name="string_agg",
    columns={"bug": sa.Integer(), "text": TEXT, "rank": sa.Integer(), "name": TEXT},
    calls={
        'sn.string_agg(t.c.text, ", ")': lambda v: joined(v, ", "),
        'sn.string_agg(t.c.text, "")': lambda v: joined(v, ""),
        """sn.string_agg(t.c.text, "'%\\\\")""": lambda v: joined(v, "'%\\"),
        'sn.string_agg(t.c.text, ", ", distinct=True)': lambda v: joined(
            v, ", ", once=True
        ),
        'sn.string_agg(t.c.text, ";", order_by=t.c.rank)': lambda v: joined(
            v, ";", lambda _, rank, __: (rank is None, rank or 0)
        ),
        'sn.string_agg(t.c.text, ";", order_by=t.c.rank.desc())': lambda v: joined(
            v, ";", lambda _, rank, __: (rank is None, -(rank or 0))
        ),
        'sn.string_agg(t.c.text, ";", order_by=[t.c.name, t.c.rank.desc()])': (
            lambda v: joined(
                v,
                ";",
                lambda _, rank, name: (
                    (name is None, name or ""),
                    (rank is None, -(rank or 0)),
                ),
            )
        ),
    },
    inputs=[
        (1, "b", 1, "x"),
        (1, "a", 2, "X"),
        (1, None, 3, None),
        (1, "a", None, "é"),
        (1, "A", 2, "e"),
        (1, "á", 2, "x "),
        (1, "a ", 2, "x"),
        (2, None, 1, None),
        (2, None, None, None),
        (3, "", 1, ""),
        (4, "", 2, None),
        (4, "", 1, ""),
        *((5, text, i % 3, text) for i, text in enumerate(TEXTS)),
        *((6, text, i % 3, None) for i, text in enumerate(HUGE)),
    ],
    shown=[(1, "b", 1, ""), (1, "a", 2, ""), (1, None, 3, ""), (2, None, 1, "")],
    random=st.tuples(st.integers(0, 3), RANDOM, st.none() | st.integers(-2, 2), RANDOM),
    aggregate=True,
)


ALL = [
    SPLIT_PART,
    SUBSTRING_BEFORE,
    SUBSTRING_AFTER,
    REGEXP_REPLACE,
    REGEXP_REPLACE_HUGE,
    STRING_AGG,
    INITCAP,
]
