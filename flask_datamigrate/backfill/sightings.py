"""Leases as this process has seen them: when each was last found renewed."""

from __future__ import annotations

import time


class Sightings:
    """Tells which leases nobody renews, by the clock of this process.

    A lease ends by the database's clock, which somebody may set back: then it seems to
    go on for as much longer. But who lives renews it, so that one which stays as it is
    for its whole length is of somebody who is gone, whatever that clock says.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], tuple[float, float]] = {}

    def is_still(
        self, owner: str, number: int, until: float, seconds: float | None
    ) -> bool:
        """Take a lease in; tell whether it has been like this for its whole length.

        :param owner: the name tag of whoever has it.
        :param number: which one of the owner's it is.
        :param until: when it ends, by the database's clock.
        :param seconds: its length; ``None`` when that is not known.
        """
        now = time.monotonic()
        last, since = self._seen.get((owner, number), (None, now))
        if last != until:
            since = now
        self._seen[owner, number] = (until, since)
        return seconds is not None and now - since > seconds
