"""The values that follow from others, as today's app computes them.

The migrations hold definitions of their own, frozen at the day they were
written: an old migration must not change when the app does.
"""

from __future__ import annotations

import datetime as dt
import unicodedata

AGE_GROUPS: tuple[tuple[dt.date, str], ...] = (
    (dt.date(2007, 1, 1), "minor"),
    (dt.date(1990, 1, 1), "young"),
    (dt.date(1960, 1, 1), "adult"),
)
"""The first birth date of each group, youngest first; who is older is a senior."""


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
    return next((name for first, name in AGE_GROUPS if birth_date >= first), "senior")


def score(
    full_name: str | None, email: str, birth_date: dt.date | None, is_active: bool
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
    points += 20 * bool(is_active)
    return points


def plain(text: str) -> str:
    """Return a text in small letters and without accents."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c))
