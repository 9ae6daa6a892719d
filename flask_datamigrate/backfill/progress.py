"""How far a walk is, judged by keys and never by counting the table."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from .keys import Position
from .ranges import BACK
from .ranges import Range
from .reporting import Progress


class Meter:
    """Turns the state of the ranges into what people want to know.

    What other processes do is as new as the last :meth:`know`.
    """

    def __init__(self, table: str, name: str, direction: str) -> None:
        self._table = table
        self._name = name
        self.direction = direction
        self._ranges: dict[int, Range] = {}
        self._rows: int | None = None
        self._begun: float | None = None
        self._visited = 0
        self._at_start: float | None = None

    def know(self, ranges: t.Iterable[Range], rows: int | None = None) -> None:
        """Take in where the ranges are.

        :param rows: the rows of the table, exact or estimated, if that is new.
        """
        self._ranges.update((span.number, span) for span in ranges)
        self._rows = rows or self._rows
        if self._begun is None:
            self._begun = time.monotonic()
            self._visited = sum(span.visited for span in self._ranges.values())
            self._at_start = fraction(self._ranges.values(), self._rows)

    def progress(self, span: Range, batch_size: int) -> Progress:
        """Describe where the backfill is, one of its ranges having come on."""
        self._ranges[span.number] = span
        ranges = self._ranges.values()
        seconds = max(time.monotonic() - (self._begun or 0.0), 1e-6)
        at = fraction(ranges, self._rows)
        eta = None
        if at is not None and self._at_start is not None and at > self._at_start:
            eta = seconds * (1 - at) / (at - self._at_start)
        return Progress(
            name=self._name,
            table=self._table,
            undoing=self.direction == BACK,
            changed=sum(r.changed for r in ranges),
            batches=sum(r.batches for r in ranges),
            batch_size=batch_size,
            fraction=at,
            rate=(sum(r.visited for r in ranges) - self._visited) / seconds,
            eta=eta,
        )

    def with_all(self, span: Range) -> Range:
        """Return a range with the counts of all ranges, for what is said of a run."""
        ranges = {**self._ranges, span.number: span}.values()
        return dataclasses.replace(
            span,
            batches=sum(r.batches for r in ranges),
            changed=sum(r.changed for r in ranges),
        )


def fraction(ranges: t.Collection[Range], rows: int | None) -> float | None:
    """Return how far through its key a backfill is, 0 to 1; ``None`` if unknown.

    One range is judged by its key where that is a whole number; several, and other
    keys, by the rows they have passed.

    :param rows: the rows of the table.
    """
    if ranges and all(span.is_done for span in ranges):
        return 1.0
    if len(ranges) == 1:
        (span,) = ranges
        by_key = _between(span.lowest, span.position, span.upper)
        if by_key is not None:
            return by_key
    return min(sum(span.visited for span in ranges) / rows, 0.99) if rows else None


def _between(
    lowest: Position | None, position: Position | None, upper: Position | None
) -> float | None:
    """Return where a whole-number key is between two others, 0 to 1."""
    if lowest is None or upper is None or len(upper) != 1:
        return None
    low, high = lowest[0], upper[0]
    if not isinstance(low, int) or not isinstance(high, int) or high <= low:
        return None
    at = low if position is None else position[0]
    return min(max((at - low) / (high - low), 0.0), 1.0)
