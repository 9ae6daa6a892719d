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
"""What the size is divided by after a lock timeout, a deadlock, a statement timeout or
a refused row."""

RISE = 1.5
"""How much longer than the others since the trouble a batch may last on the way back:
while rows are doubled and the time hardly rises, it is not the rows that cost."""

MISSES = 3
"""How many batches may last longer on the way back before it is given a rest."""

REST = 20
"""Batches until the way back is tried again; twice as many each time."""

SPREAD = 0.05
"""How far sizes must have differed, as a share of their mean, to tell the cost of a
row from that of a batch."""

MOST_TARGETS = 4
"""The most rows may take, in targets, where the fixed cost of a batch is high."""


@dataclasses.dataclass(slots=True)
class _WayBack:
    """The way from a batch made small by trouble back to the size before it.

    :param former: the size before the trouble.
    :param suspects: rows from here on that are known to hold the cause.
    """

    former: int
    suspects: int
    _batches: int = 0
    _seconds: float = 0.0
    _misses: int = 0
    _rest: int = REST
    _resting: int = 0

    @property
    def rests(self) -> bool:
        """Whether it is not tried for a while to make batches larger."""
        return self._resting > 0

    def is_amid_trouble(self, rows: int) -> bool:
        """Tell whether a good batch leaves rows that are known to hold the cause."""
        self.suspects = max(self.suspects - rows, 0)
        return self.suspects > 0

    def goes_on(self, rows: int, seconds: float, target: float) -> bool:
        """Take in a good batch, and tell whether the next one may be larger."""
        if self._resting:
            self._resting -= 1
            self._take_in(seconds)
            return False
        usual = self._seconds / self._batches if self._batches else None
        if rows <= FEWEST and usual is None:
            limit = seconds
        elif usual is None:
            limit = MOST_TARGETS * target
        else:
            limit = max(target, RISE * usual)
        if seconds <= limit:
            self._take_in(seconds)
            return True
        self._misses += 1
        if self._misses == MISSES:
            self._misses, self._batches, self._seconds = 0, 0, 0.0
            self._resting, self._rest = self._rest, 2 * self._rest
        return False

    def _take_in(self, seconds: float) -> None:
        self._batches += 1
        self._seconds += seconds


@dataclasses.dataclass(slots=True)
class Pace:
    """The size of the next batch, by the time the last ones took.

    A batch costs a fixed time (round trips, the commit) and a time per row; both are
    found by a weighted least-squares line through the last batches. Rows get what
    the fixed cost leaves of the target, but at least as long as the fixed cost: on a
    far or slow server smaller batches would hold their locks no shorter.

    After trouble the rows that had it are gone through without growing. Then each good
    batch doubles the size up to what it was before, as long as the time hardly rises:
    a few rows take the fixed time of a batch, which says nothing of what a row costs.

    :param size: rows of the first batch.
    :param target: seconds a batch should take.
    :param most: the most rows a batch may have.
    :param former: the size to come back to, where trouble made ``size`` smaller before.
    """

    size: int
    target: float
    most: int
    former: dataclasses.InitVar[int] = 0
    fixed: float = 0.0
    _mean: tuple[float, float, float, float] | None = None
    _way: _WayBack | None = None

    def __post_init__(self, former: int) -> None:
        if former > self.size:
            self._way = _WayBack(former, 0)

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
        way = self._way
        if way is not None and way.is_amid_trouble(rows):
            return
        if way is None or self.size >= self.most:
            self._follow_the_line()
            return
        is_tried = not way.rests
        if way.goes_on(rows, seconds, self.target):
            self.size = min(int(self.size * GROWTH), way.former, self.most)
        elif rows <= FEWEST and is_tried:
            self.size = max(1, int(rows / GROWTH))
        else:
            self._follow_the_line()
        if self.size >= way.former:
            self._way = None

    def _follow_the_line(self) -> None:
        wanted = self._budget() / self._seconds_per_row()
        size = int(min(wanted, self.size * GROWTH, self.most))
        size = max(size, min(self.size, FEWEST))
        if abs(size - self.size) > DEAD_BAND * self.size:
            self.size = size

    def tune(self, most: int, target: float) -> None:
        """Keep to other limits from now on."""
        if most < self.size:
            self._begin_way_back(0)
            self.size = most
        self.most, self.target = most, target

    def shrink(self) -> bool:
        """Make the next batch smaller; tell whether that was possible."""
        self._begin_way_back(self.size)
        if self.size == 1:
            return False
        self.size = max(1, self.size // SHRINK)
        # What was measured before the trouble says nothing about what comes now.
        self.fixed, self._mean = 0.0, None
        return True

    def _begin_way_back(self, suspects: int) -> None:
        former = self.size if self._way is None else max(self._way.former, self.size)
        self._way = _WayBack(former, suspects)

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
