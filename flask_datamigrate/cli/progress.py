"""Progress for people: a bar on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import typing as t

import click
from flask import current_app

from .. import settings
from ..backfill.reporting import BackfillReport
from ..backfill.reporting import LogReporter
from ..backfill.reporting import Progress
from ..backfill.reporting import Reporter
from ..backfill.reporting import duration
from ..counting import counted
from ..operations.log import LOGGER
from .lines import LineReporter

_STEPS = 1000


def reporter(as_json: bool = False) -> Reporter:
    """Return the reporter that suits where this command's messages go.

    :param as_json: whether lines for machines are asked for.
    """
    values = settings.read(current_app.config)
    if as_json:
        return LineReporter(values.log_seconds)
    if sys.stderr.isatty():
        return BarReporter()
    return EchoReporter(values.log_seconds)


class EchoReporter(LogReporter):
    """Progress as log lines; the report of each backfill is printed in full."""

    def __init__(self, every: float) -> None:
        self._logger = logging.getLogger(LOGGER)
        super().__init__(self._logger, every)

    def noted(self, text: str) -> None:
        # Only env.py sets logging up, and not every command comes past it.
        if self._logger.hasHandlers() and self._logger.isEnabledFor(logging.INFO):
            super().noted(text)
        else:
            click.echo(text, err=True)

    def finished(self, report: BackfillReport) -> None:
        tell(report)


class BarReporter(Reporter):
    """A progress bar with the live rate and the time left."""

    def __init__(self) -> None:
        self._bar: t.Any = None
        self._at = 0

    def progressed(self, progress: Progress) -> None:
        if self._bar is None:
            self._bar = click.progressbar(
                length=_STEPS,
                label=f"{progress.name} ({progress.table})",
                show_eta=False,
                item_show_func=_beside_the_bar,
                file=sys.stderr,
            )
            self._bar.__enter__()
            self._at = 0
        at = round((progress.fraction or 0) * _STEPS)
        self._bar.update(max(at - self._at, 0), progress)
        self._at = max(at, self._at)

    def noted(self, text: str) -> None:
        self._close()
        click.echo(text, err=True)

    def finished(self, report: BackfillReport) -> None:
        self._close()
        tell(report)

    def stopped(self) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None


def tell(report: BackfillReport) -> None:
    """Print what a backfill did, with a sample of the rows it changed."""
    click.echo(report.summary(), err=True)
    for row in report.sample:
        changes = ", ".join(
            f"{name} {row.before[name]!r} → {row.after[name]!r}" for name in row.after
        )
        click.echo(f"  {row.key}: {changes}", err=True)


def _beside_the_bar(progress: Progress | None) -> str | None:
    if progress is None:
        return None
    left = "" if progress.eta is None else f", {duration(progress.eta)} left"
    return f"{counted(progress.changed, 'row')}, {progress.rate:,.0f} rows/s{left}"
