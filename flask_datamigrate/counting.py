"""Numbers of things, as messages have them."""

from __future__ import annotations

_PLURALS = {"batch": "batches", "index": "indexes"}


def counted(number: int, noun: str) -> str:
    """Write a number of things for people: ``1 row``, ``1,200 rows``.

    :param noun: the word for one; all that stand in messages take an *s*, but for a
        few.
    """
    word = noun if number == 1 else _PLURALS.get(noun, f"{noun}s")
    return f"{number:,} {word}"
