"""The values that follow from others, as today's app computes them.

The migrations hold definitions of their own, frozen at the day they were
written: an old migration must not change when the app does.
"""

from __future__ import annotations

import datetime as dt
import typing as t
import unicodedata

AGES_ON = dt.date(2024, 12, 31)
"""The day on which the ages are counted, so that nobody changes group by waiting."""

AGE_GROUPS: tuple[tuple[int, str], ...] = (
    (18, "minor"),
    (35, "young"),
    (65, "adult"),
)
"""The age that is too old for each group, youngest first; the rest are seniors."""

ACTIVE_STATUSES = ("active", "unverified")
"""The statuses of users who may log in."""

CAUSES: t.Mapping[str, str] = {
    "race condition": "race condition",
    "race conditon": "race condition",
    "of by one": "off by one",
    "off-by-one": "off by one",
}
"""The names of causes by other ways to type them, in small letters."""


def cause_name(text: str | None) -> str | None:
    """Return the name of the root cause that a text means.

    >>> cause_name("Race conditon ")
    'race condition'
    >>> cause_name("  ") is None
    True
    """
    trimmed = (text or "").strip(" ")
    return CAUSES.get(trimmed.lower(), trimmed) or None


def split_name(full_name: str | None) -> tuple[str | None, str | None]:
    """Return the first and the last word of a name.

    >>> split_name("Ana Maria de Souza")
    ('Ana', 'Souza')
    >>> split_name("Plato")
    ('Plato', '')
    """
    if full_name is None:
        return None, None
    words = full_name.strip(" ").split(" ")
    return words[0], words[-1] if len(words) > 1 else ""


def age_group(birth_date: dt.date | None) -> str:
    """Return the name of the group a birth date falls in."""
    if birth_date is None:
        return "unknown"
    age = age_in_years(birth_date, AGES_ON)
    return next((name for too_old, name in AGE_GROUPS if age < too_old), "senior")


def age_in_years(born: dt.date, on: dt.date) -> int:
    """Return how many birthdays there were.

    Who was born on 29 February has a birthday on 1 March in other years.

    >>> age_in_years(dt.date(2004, 2, 29), dt.date(2022, 2, 28))
    17
    """
    before = (on.month, on.day) < (born.month, born.day)
    return on.year - born.year - before


def score(
    full_name: str | None, email: str, birth_date: dt.date | None, status: str
) -> int:
    """Return how far a profile can be trusted, from 0 to 100.

    A name that is found again in the e-mail address weighs most: "José Núñez"
    in ``nunez.jose@example.org``.
    """
    words = plain(full_name or "").split()
    mailbox = plain(email.partition("@")[0])
    points = 20 * (len(words) > 1)
    points += 40 * bool(words and words[-1] in mailbox)
    points += 20 * (birth_date is not None)
    points += 20 * (status in ACTIVE_STATUSES)
    return points


def plain(text: str) -> str:
    """Return a text in small letters and without accents."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c))
