"""Texts that databases are known to treat differently."""

from __future__ import annotations

from hypothesis import strategies as st

TEXTS = [
    None,
    "",
    " ",
    "  ",
    "a",
    "A",
    "Ada King",
    "none",
    " leading",
    "trailing ",
    "a  b",
    "a b c d",
    " a b ",
    "a,b,,c,",
    ",,",
    # Case, accents, and letters that some collation takes for equal.
    "straße STRASSE",
    "Éclair éclair eclair ECLAIR",
    "e\u0301 é",
    "ǅ ǆ Ǆ",
    "İstanbul ıI",
    "ﬁne ﬀ",
    "ς Σ σ ΌΣΟΣ",
    # Beyond the BMP, joined emoji, from right to left.
    "\U0001f600 \U0001f44d\U0001f3fd",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 family",
    "\U00010400 \U00010428",
    "שלום עולם",
    "日本 語",
    # White space that is none to some.
    "a\tb\nc\r\nd",
    "a\u00a0b\u2003c",
    "\ufeffbom",
    # What quoting, patterns and LIKE would read.
    "it's",
    'say "hi"',
    "50% _ \\ \\\\ \\n %s %(x)s :x {x} ?",
    "$1 \\1 &",
    "[a-z]* (b) ^c$ . + | {2}",
]

HUGE = ["x" * 100_000, "ab " * 33_334, "é," * 50_000]
"""A hundred thousand characters."""

RANDOM = st.one_of(
    st.none(),
    # U+0000 cannot be in a text of PostgreSQL, and a surrogate in none at all.
    st.text(
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30
    ),
    st.text("aA bé,\u0301\U0001f600 ", max_size=12),
)
"""Any text or NULL."""
