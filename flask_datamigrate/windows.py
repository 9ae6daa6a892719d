"""The hours of a day in which backfills may work: ``01:00-05:00``."""

from __future__ import annotations

import dataclasses
import datetime
import re

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORM = re.compile(r"(?:([A-Za-z,-]+) +)?(\d\d):(\d\d) *- *(\d\d):(\d\d)")
_MIDNIGHT = 24 * 60


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """Hours of a day, on some days of the week.

    :param text: as it was written.
    :param days: the days it opens on; 0 is Monday.
    :param start: when it opens, in minutes after midnight.
    :param end: when it closes; at or before ``start``, it is on the next day.
    """

    text: str
    days: frozenset[int]
    start: int
    end: int

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read ``01:00-05:00``, ``Sat,Sun 22:00-06:00`` or ``Mon-Fri 00:00-24:00``.

        :raises ValueError: when it is none of that.
        """
        found = _FORM.fullmatch(text.strip())
        if found is None:
            raise ValueError(text)
        start = _minutes(found[2], found[3])
        end = _minutes(found[4], found[5])
        if start == end or start == _MIDNIGHT:
            raise ValueError(text)
        return cls(text.strip(), _days(found[1]), start, end)

    def is_open(self, now: datetime.datetime) -> bool:
        """Tell whether it is open at a local time."""
        minute = now.hour * 60 + now.minute
        today, yesterday = now.weekday(), (now.weekday() - 1) % 7
        if self.start < self.end:
            return today in self.days and self.start <= minute < self.end
        return (today in self.days and minute >= self.start) or (
            yesterday in self.days and minute < self.end
        )


def _minutes(hour: str, minute: str) -> int:
    minutes = int(hour) * 60 + int(minute)
    if int(minute) > 59 or minutes > _MIDNIGHT:
        raise ValueError(f"{hour}:{minute}")
    return minutes


def _days(text: str | None) -> frozenset[int]:
    if text is None:
        return frozenset(range(7))
    days: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = part.partition("-")
        begin = _DAYS.index(first)
        days.add(begin)
        if dash:
            length = (_DAYS.index(last) - begin) % 7
            days.update((begin + i) % 7 for i in range(length + 1))
    return frozenset(days)
