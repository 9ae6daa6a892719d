"""Rests in which other writers of an SQLite file get their turn.

SQLite has one writer at a time, and no queue: who finds the file locked looks again
after a while, at last every 100 ms. Between two batches it is free for less than one,
which such a look seldom meets, and others would wait until they fail with "database is
locked". Only a rest as long as their sleep is sure to let them in.

Nobody can see whether somebody waits, but whether somebody has written. So the rests
are rare until then, and frequent while others write.
"""

from __future__ import annotations

import time

from ..dialects import family
from .connections import Transactions

REST = 0.1
"""Seconds of a rest: the longest sleep of a connection that waits for the file, see
``sqliteDefaultBusyCallback`` in SQLite's ``main.c``."""

ALONE = 2.5
"""Seconds of work between two rests when nobody else has written lately: a run takes
4 % longer by that, and who comes to write waits for about as long at most. That is half
of what Python's ``sqlite3`` waits by default."""

AMONG = 0.3
"""Seconds of work between two rests while others write."""

LATELY = 1.0
"""Seconds after which somebody who has written is thought to be gone."""


class Turns:
    """Says when to rest; never, where the database lets others write beside a batch."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._is_needed = family(transactions.dialect) == "sqlite"
        self._since = self._written = time.monotonic()
        self._version: int | None = None
        self._is_among = False

    def rest(self) -> float:
        """Return the seconds to rest now: 0 when it is not time yet."""
        if not self._is_needed:
            return 0
        worked = time.monotonic() - self._since
        return REST if worked >= (AMONG if self._is_among else ALONE) else 0

    def rested(self) -> None:
        """Take in that a rest, or a wait, is over, and look who has written."""
        now = self._since = time.monotonic()
        if not self._is_needed:
            return
        with self._transactions.reading() as connection:
            # It changes when another connection has written, and not by what this one
            # writes: https://sqlite.org/pragma.html#pragma_data_version
            version = connection.exec_driver_sql("PRAGMA data_version").scalar_one()
        if self._version not in (None, version):
            self._written = now
            self._is_among = True
        elif now - self._written > LATELY:
            self._is_among = False
        self._version = version
