"""What a run tells about itself while it goes on and when it is done."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
import typing as t

from ..counting import counted


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """One changed row: its key, and the changed columns before and after."""

    key: str
    before: t.Mapping[str, t.Any]
    after: t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """Where a running backfill is.

    :param name: the backfill.
    :param table: its table.
    :param undoing: whether old values are being restored.
    :param changed: rows changed so far, over all runs.
    :param batches: batches committed so far.
    :param batch_size: rows the next batch takes.
    :param fraction: how far through the key it is, 0 to 1; ``None`` if unknown.
    :param rate: rows of the table passed per second in this run.
    :param eta: seconds until the last row at this rate; ``None`` if unknown.
    """

    name: str
    table: str
    undoing: bool
    changed: int
    batches: int
    batch_size: int
    fraction: float | None
    rate: float
    eta: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class BackfillReport:
    """What one backfill did.

    :param kind: ``update``, ``rows``, ``insert`` or ``delete``.
    :param rows_before: rows in the table when it began.
    :param rows_before_exact: whether that was counted or estimated.
    :param changed: rows changed, over all runs.
    :param skipped: rows the transform left as they were.
    :param refused: rows that could not be changed and were left out.
    :param left: rows that still match the ``where``; ``None`` when there is none.
    :param conflicts: rows an undo left alone, since somebody changed them.
    :param seconds: time spent in batches, over all runs.
    :param sample: a few of the changed rows of the first batch of this run.
    """

    name: str
    kind: str
    table: str
    revision: str | None
    state: str
    rows_before: int | None
    rows_before_exact: bool
    changed: int
    skipped: int
    left: int | None
    conflicts: int
    batches: int
    seconds: float
    sample: tuple[Sample, ...] = ()
    refused: int = 0

    def summary(self) -> str:
        """Return the report in one line."""
        parts = [f"{counted(self.changed, 'row')} {self._verb}"]
        # An estimate of before the statistics were taken says less than the count.
        guessed_low = not self.rows_before_exact and self.changed > (
            self.rows_before or 0
        )
        # Those rows are of another table.
        removed = self._verb == "removed"
        if self.rows_before is not None and not guessed_low and not removed:
            about = "" if self.rows_before_exact else "about "
            parts[0] += f" of {about}{self.rows_before:,}"
        if self.skipped and self.state != "undone":
            parts.append(f"{self.skipped:,} left as they were by the transform")
        if self.refused and self.state != "undone":
            parts.append(f"{self.refused:,} refused and left out")
        left_some = self.skipped or self.refused
        if self.left is not None and not left_some and self.state != "undone":
            parts.append(f"{self.left:,} left")
        if self.conflicts:
            what = _CONFLICTS.get(self.kind, "changed or deleted by somebody since")
            parts.append(f"{self.conflicts:,} {what}, left alone")
        parts.append(f"{counted(self.batches, 'batch')} in {duration(self.seconds)}")
        return f"{self.name} ({self.table}): {', '.join(parts)}"

    @property
    def _verb(self) -> str:
        if self.state == "undone":
            return "removed" if self.kind == "insert" else "restored"
        return {"delete": "deleted", "insert": "inserted"}.get(self.kind, "changed")


_CONFLICTS = {
    "delete": "whose place is taken",
    "insert": "changed, used or deleted by somebody since",
}
"""The rows an undo leaves alone."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pause:
    """A backfill that stopped between two batches, and goes on later.

    :param reason: who or what stopped it.
    """

    name: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Waiting:
    """A backfill that waits before its next batch.

    :param reason: what for.
    """

    name: str
    reason: str


class Reporter:
    """What a run reports to; this one stays silent."""

    def progressed(self, progress: Progress) -> None:
        """Take in where the backfill is; called after each batch."""

    def noted(self, text: str) -> None:
        """Take in a line worth telling: a wait, a retry, a take-over."""

    def finished(self, report: BackfillReport) -> None:
        """Take in what the backfill did."""

    def stopped(self) -> None:
        """Take in that the run ended before its last row."""


class OneAtATime(Reporter):
    """Pass on what several threads report, one report at a time."""

    def __init__(self, reporter: Reporter, lock: threading.RLock) -> None:
        self._reporter = reporter
        self._lock = lock

    def progressed(self, progress: Progress) -> None:
        with self._lock:
            self._reporter.progressed(progress)

    def noted(self, text: str) -> None:
        with self._lock:
            self._reporter.noted(text)

    def finished(self, report: BackfillReport) -> None:
        with self._lock:
            self._reporter.finished(report)

    def stopped(self) -> None:
        with self._lock:
            self._reporter.stopped()


class LogReporter(Reporter):
    """Report to a logger, at most one line of progress every few seconds."""

    def __init__(self, logger: logging.Logger, every: float) -> None:
        self._logger = logger
        self._every = every
        self._last = time.monotonic()

    def progressed(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last >= self._every:
            self._last = now
            self.noted(progress_line(progress))

    def noted(self, text: str) -> None:
        self._logger.info("%s", text)

    def finished(self, report: BackfillReport) -> None:
        self._logger.info("%s", report.summary())


def progress_line(progress: Progress) -> str:
    """Write progress in one line."""
    done = "" if progress.fraction is None else f"{progress.fraction:.0%}, "
    left = "" if progress.eta is None else f", {duration(progress.eta)} left"
    verb = "restored" if progress.undoing else "changed"
    return (
        f"{progress.name} ({progress.table}): {done}"
        f"{counted(progress.changed, 'row')} {verb}, {progress.rate:,.0f} rows/s{left}"
    )


def duration(seconds: float) -> str:
    """Write a time span for people: ``0.3 s``, ``4 min 5 s``, ``2 h 3 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
