"""How many rows the next batch takes, so that batches last the time they should."""

from __future__ import annotations

import dataclasses

WEIGHT = 0.3
"""The share of the newest batch in the running averages: a few batches decide, so
that one slow commit does not halve the size and a real change is followed."""

GROWTH = 2.0
"""The most a batch may grow by, so that a lucky measurement cannot lock many rows."""

DEAD_BAND = 0.15
"""A change of size smaller than this share is not made: it would only be noise."""

FEWEST = 10
"""No slow batch makes the size go below this: so few rows say more of the moment than
of what a row costs. Only trouble (see :meth:`Pace.shrink`) makes it smaller."""

SHRINK = 4
"""What the size is divided by after a lock timeout, deadlock or statement timeout."""

SPREAD = 0.05
"""How far sizes must have differed, as a share of their mean, to tell the cost of a
row from that of a batch."""

MOST_TARGETS = 4
"""The most rows may take, in targets, where the fixed cost of a batch is high."""


@dataclasses.dataclass(slots=True)
class Pace:
    """The size of the next batch, by the time the last ones took.

    A batch costs a fixed time (round trips, the commit) and a time per row; both are
    found by a weighted least-squares line through the last batches. Rows get what
    the fixed cost leaves of the target, but at least as long as the fixed cost: on a
    far or slow server smaller batches would hold their locks no shorter.

    :param size: rows of the first batch.
    :param target: seconds a batch should take.
    :param most: the most rows a batch may have.
    """

    size: int
    target: float
    most: int
    fixed: float = 0.0
    _mean: tuple[float, float, float, float] | None = None

    def record(self, rows: int, seconds: float) -> None:
        """Take in that a batch of ``rows`` took ``seconds``."""
        if rows < 1:
            return
        new = (float(rows), seconds, float(rows * rows), rows * seconds)
        if self._mean is None:
            self._mean = new
        else:
            a, b, c, d = (
                old + WEIGHT * (now - old)
                for old, now in zip(self._mean, new, strict=True)
            )
            self._mean = (a, b, c, d)
        wanted = self._budget() / self._seconds_per_row()
        size = int(min(wanted, self.size * GROWTH, self.most))
        size = max(size, min(self.size, FEWEST))
        if abs(size - self.size) > DEAD_BAND * self.size:
            self.size = size

    def tune(self, most: int, target: float) -> None:
        """Keep to other limits from now on."""
        self.most, self.target = most, target
        self.size = min(self.size, most)

    def shrink(self) -> bool:
        """Make the next batch smaller; tell whether that was possible."""
        if self.size == 1:
            return False
        self.size = max(1, self.size // SHRINK)
        # What was measured before the trouble says nothing about what comes now.
        self.fixed, self._mean = 0.0, None
        return True

    def _seconds_per_row(self) -> float:
        assert self._mean is not None
        rows, seconds, squares, products = self._mean
        spread = squares - rows * rows
        if spread > (SPREAD * rows) ** 2:
            slope = max((products - rows * seconds) / spread, 0.0)
            self.fixed = min(max(seconds - slope * rows, 0.0), 0.9 * seconds)
        return max((seconds - self.fixed) / rows, 1e-9)

    def _budget(self) -> float:
        return max(
            self.target - self.fixed, min(self.fixed, MOST_TARGETS * self.target)
        )
