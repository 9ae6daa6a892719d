"""``--json``: what a command does, as one JSON object a line for machines."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import time
import typing as t

import click
from alembic.util import CommandError

from ..backfill.reporting import BackfillReport
from ..backfill.reporting import Progress
from ..backfill.reporting import Reporter

json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print progress, reports and errors as a JSON object a line.",
)


class LineReporter(Reporter):
    """Report to standard output, at most one line of progress every few seconds."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._last = time.monotonic()

    def progressed(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last >= self._every:
            self._last = now
            write("progress", **dataclasses.asdict(progress))

    def noted(self, text: str) -> None:
        write("note", text=text)

    def finished(self, report: BackfillReport) -> None:
        write("finished", **dataclasses.asdict(report))


def write(event: str, **values: t.Any) -> None:
    """Print one line.

    :param event: what happened; the values are what belongs to it.
    """
    at = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
    # A sample's values may be of any type that a column has.
    click.echo(json.dumps({"event": event, "at": at, **values}, default=str))


@contextlib.contextmanager
def errors(as_json: bool) -> t.Iterator[None]:
    """Write the error that ends a command as a line too.

    :param as_json: whether lines are asked for.
    """
    try:
        yield
    except CommandError as error:
        if as_json:
            parts = ("what", "where", "state", "next")
            values: dict[str, t.Any] = {p: getattr(error, p, "") for p in parts}
            values["what"] = values["what"] or str(error)
            values["not_run"] = getattr(error, "not_run", ())
            write("error", exit_code=getattr(error, "exit_code", 1), **values)
        raise
