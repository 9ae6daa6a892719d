"""How far a walk is, judged by keys and never by counting the table."""

from __future__ import annotations

import time

from .keys import Position
from .reporting import Progress
from .store import BACK
from .store import Range


class Meter:
    """Turns the state of a range into what people want to know.

    :param span: the range as it is when this run begins.
    :param rows: the rows of the table, exact or estimated.
    """

    def __init__(
        self,
        table: str,
        name: str,
        direction: str,
        span: Range,
        rows: int | None,
    ) -> None:
        self._table = table
        self._name = name
        self._direction = direction
        self._rows = rows
        self._begun = time.monotonic()
        self._visited = span.visited
        self._at_start = fraction(span, rows)

    def progress(self, span: Range, batch_size: int) -> Progress:
        """Describe where a range is now."""
        seconds = max(time.monotonic() - self._begun, 1e-6)
        at = fraction(span, self._rows)
        eta = None
        if at is not None and self._at_start is not None and at > self._at_start:
            eta = seconds * (1 - at) / (at - self._at_start)
        return Progress(
            name=self._name,
            table=self._table,
            undoing=self._direction == BACK,
            changed=span.changed,
            batches=span.batches,
            batch_size=batch_size,
            fraction=at,
            rate=(span.visited - self._visited) / seconds,
            eta=eta,
        )


def fraction(span: Range, rows: int | None) -> float | None:
    """Return how far through its key a range is, 0 to 1; ``None`` if unknown.

    :param rows: the rows of the table, for a key that is not one whole number.
    """
    if span.position is not None and span.position == span.upper:
        return 1.0
    by_key = _between(span.lowest, span.position, span.upper)
    if by_key is not None:
        return by_key
    return min(span.visited / rows, 0.99) if rows else None


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
