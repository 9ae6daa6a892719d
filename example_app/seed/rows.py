"""The rows themselves: mostly plain ones, and all that makes migrations fail."""

from __future__ import annotations

import datetime as dt
import random
import typing as t

Row = tuple[t.Any, ...]

FIRST_NAMES = (
    "Ana", "Ben", "Chloé", "Dmitri", "Eleni", "Farid", "Grace", "Hiro", "Ingrid",
    "José", "Kwame", "Léa", "Mei", "Niamh", "Olga", "Paulo", "Quinn", "Rosa", "Søren",
    "Thandi", "Umar", "Vera", "Wei", "Ximena", "Yusuf", "Zoë",
)  # fmt: skip
LAST_NAMES = (
    "Adeyemi", "Brown", "Castro", "D'Angelo", "Eriksen", "Fischer", "García", "Hassan",
    "Ito", "Jansen", "Kowalski", "López", "Müller", "Nguyễn", "O'Brien", "Petrov",
    "Quispe", "Rossi", "Smith-Jones", "Tanaka", "Ümit", "Vogel", "Wang", "Żukowski",
)  # fmt: skip
HOSTILE_NAMES: tuple[str | None, ...] = (
    None,
    "",
    " ",
    "Plato",
    "Ana Maria de Souza",
    "Conan O'Brien",
    "D'Arcy  McCool",
    "  Sam Spaced  ",
    "李小龙",
    "山田\u3000太郎",
    "Marie\u00a0Curie Sklodowska",
    "محمد بن سلمان",
    "Zoë\u0301 Ångström",
    "🦊 Fox",
    "Robert'); DROP TABLE users;--",
    "100% _wild_ \\ card",
    "Tab\tbed Name",
    "x" * 100,
)
WORDS = (
    "login", "search", "export", "upload", "invoice", "avatar", "calendar", "report",
)  # fmt: skip
FAULTS = ("crashes", "hangs", "shows nothing", "is slow", "loses data", "fails twice")
CAUSES: tuple[str | None, ...] = (
    "null pointer", "Race condition", "race condition", "race conditon ",
    "off by one", "of by one", "time zone",
    "encoding: naïve façade ☃", "missing index", "it's the user's cache", "",
    "first line\nsecond line\twith a tab and a \\ backslash", None, None,
)  # fmt: skip
STATUSES: t.Mapping[tuple[bool, bool], str] = {
    (True, True): "active",
    (True, False): "unverified",
    (False, True): "suspended",
    (False, False): "closed",
}
"""The status of a user by the flags: is_active, is_verified."""
BUG_STATUSES = ("open", "in progress", "fixed", "closed")
ORDER_STATUSES: tuple[str | None, ...] = (
    None, None, None, None, "pending", "completed", "completed", "cancelled",
)  # fmt: skip
NOTES: tuple[str | None, ...] = (None, None, None, "", "a gift", "ring twice — 2×")

HOSTILE_EVERY = 8
"""One user in so many has one of the hostile names."""

_DAY = 86_400
_SOME_BIRTH = dt.date(1935, 1, 1)
_BIRTH_DAYS = 28_000
_LEAP_DAYS = tuple(dt.date(year, 2, 29) for year in range(1936, 2012, 4))
_SOME_TIME = dt.datetime(2015, 1, 1)
_TEN_YEARS = 3652 * _DAY
# Seconds on either side of a new year, where a wrong time zone is seen.
_NEW_YEARS = tuple(
    dt.datetime(year, 1, 1) + dt.timedelta(seconds=second)
    for year in range(2016, 2025)
    for second in (-1, 0)
)


def users(seed: int, first: int, count: int, _: int) -> t.Iterator[Row]:
    """Generate users; the first of them have the hostile names.

    :param seed: the number that decides what the rows are.
    :param first: the key of the first row.
    :param count: how many.
    """
    draw = random.Random(f"{seed} users").getrandbits
    for index in range(count):
        n, key = draw(96), first + index
        hostile = index % HOSTILE_EVERY == 1
        n, name_1 = divmod(n, len(FIRST_NAMES))
        n, name_2 = divmod(n, len(LAST_NAMES))
        given, family = FIRST_NAMES[name_1], LAST_NAMES[name_2]
        if hostile:
            name = HOSTILE_NAMES[index // HOSTILE_EVERY % len(HOSTILE_NAMES)]
        else:
            name = f"{given} {family}"
        n, known = divmod(n, 3)
        mailbox = f"{given}.{family}".lower() if known else "user"
        n, kind = divmod(n, 16)
        n, day = divmod(n, _BIRTH_DAYS)
        n, second = divmod(n, _TEN_YEARS)
        yield (
            key,
            name,
            f"{mailbox}.{key}@example.org".replace("'", "").replace("-", ""),
            _birth_date(kind, day),
            _SOME_TIME + dt.timedelta(seconds=second),
            *_standing(n),
        )


def bugs(seed: int, first: int, count: int, first_user: int) -> t.Iterator[Row]:
    """Generate bugs that users from *first_user* on reported."""
    draw = random.Random(f"{seed} bugs").getrandbits
    for key in range(first, first + count):
        n = draw(96)
        n, word = divmod(n, len(WORDS))
        n, fault = divmod(n, len(FAULTS))
        n, cause = divmod(n, len(CAUSES))
        n, status = divmod(n, len(BUG_STATUSES))
        n, second = divmod(n, _TEN_YEARS)
        n, anonymous = divmod(n, 8)
        yield (
            key,
            f"The {WORDS[word]} {FAULTS[fault]}",
            CAUSES[cause],
            BUG_STATUSES[status],
            _time(second),
            first_user + n % count if anonymous else None,
            None,
        )


def orders(seed: int, first: int, count: int, first_user: int) -> t.Iterator[Row]:
    """Generate orders of the users from *first_user* on."""
    draw = random.Random(f"{seed} orders").getrandbits
    for key in range(first, first + count):
        n = draw(96)
        n, status = divmod(n, len(ORDER_STATUSES))
        n, cents = divmod(n, 50_000)
        n, free = divmod(n, 16)
        n, second = divmod(n, _TEN_YEARS)
        n, note = divmod(n, len(NOTES))
        yield (
            key,
            first_user + n % count,
            ORDER_STATUSES[status],
            cents / 100 if free else 0.0,
            _time(second),
            NOTES[note],
        )


def _standing(n: int) -> tuple[bool, bool, str]:
    """Return the two flags of a user, and the status that says the same."""
    is_active, is_verified = n % 5 != 0, n // 5 % 2 == 0
    return is_active, is_verified, STATUSES[is_active, is_verified]


def _birth_date(kind: int, day: int) -> dt.date | None:
    if kind == 0:
        return None
    if kind == 1:
        return _LEAP_DAYS[day % len(_LEAP_DAYS)]
    return _SOME_BIRTH + dt.timedelta(days=day)


def _time(second: int) -> dt.datetime | None:
    """Return a time in ten years; one in 64 is unknown, one is around a new year."""
    kind = second % 64
    if kind == 0:
        return None
    if kind == 1:
        return _NEW_YEARS[second // 64 % len(_NEW_YEARS)]
    return _SOME_TIME + dt.timedelta(seconds=second)
