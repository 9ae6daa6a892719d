"""Steps beside the batches that wait for a server, as the batches do."""

from __future__ import annotations

import random
import time
import typing as t

from sqlalchemy import exc

from . import failures
from . import faults
from .session import Session

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.5
"""Seconds between two tries: doubled each time from the first to the longest, and
jittered so that two processes do not meet again."""

T = t.TypeVar("T")


def patiently(
    session: Session,
    name: str,
    label: str,
    step: t.Callable[[], T],
    *,
    against: t.Container[faults.Fault] = faults.RETRIED,
) -> T:
    """Do a step, and once more when its connection was lost, or a lock not had.

    That goes on for ``DATAMIGRATE_RETRY_SECONDS`` after the first time.

    :param name: the backfill.
    :param label: how errors name it.
    :param step: one that may be done again although it was committed unnoticed.
    :param against: what it is done again after.
    :raises InterruptedRun: when asked to stop meanwhile.
    """
    deadline: float | None = None
    pause = _FIRST_PAUSE
    while True:
        try:
            return step()
        except exc.DBAPIError as error:
            fault, now = faults.classify(error), time.monotonic()
            if fault in faults.GONE:
                session.transactions.lost()
            if not session.transactions.retries or fault not in against:
                raise
            deadline = deadline or now + session.settings.retry_seconds
            if now > deadline:
                raise
            session.reporter.noted(f"{name}: {fault.meaning}")
            if session.stop.wait(random.uniform(pause / 2, pause)):
                raise failures.stopped_waiting(label, fault) from error
        pause = min(pause * 2, _LONGEST_PAUSE)
