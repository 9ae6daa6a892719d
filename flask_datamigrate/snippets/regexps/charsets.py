"""Sets of characters, as sorted ranges of code points."""

from __future__ import annotations

import typing as t

Ranges: t.TypeAlias = "tuple[tuple[int, int], ...]"

LAST = 0x10FFFF
NONE: Ranges = ()
NEWLINE: Ranges = ((10, 10),)
DIGITS: Ranges = ((0x30, 0x39),)
WORD: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
SPACE: Ranges = ((9, 13), (0x20, 0x20))


def of(character: str) -> Ranges:
    return ((ord(character), ord(character)),)


def union(*sets: Ranges) -> Ranges:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pair for ranges in sets for pair in ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def complement(ranges: Ranges) -> Ranges:
    found = []
    start = 1
    for low, high in union(ranges):
        if low > start:
            found.append((start, low - 1))
        start = high + 1
    if start <= LAST:
        found.append((start, LAST))
    return tuple(found)


def overlap(one: Ranges, other: Ranges) -> bool:
    return any(a <= d and c <= b for a, b in one for c, d in other)


def both_cases(ranges: Ranges) -> Ranges:
    """Add the other case of each letter of ASCII."""
    swapped = []
    for first, last, shift in ((0x41, 0x5A, 32), (0x61, 0x7A, -32)):
        for low, high in ranges:
            low, high = max(low, first), min(high, last)
            if low <= high:
                swapped.append((low + shift, high + shift))
    return union(ranges, tuple(swapped))


def is_ascii(ranges: Ranges) -> bool:
    return all(high < 128 for _, high in ranges)
