"""``flask db data log``: what became of a backfill, step by step."""

from __future__ import annotations

import datetime
import json

import click
from flask import g
from flask.cli import with_appcontext

from ..backfill.events import Event
from .options import directory_option


@click.command()
@directory_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line.")
@click.argument("name")
@with_appcontext
def log(directory: str | None, as_json: bool, name: str) -> None:
    """Show what became of a backfill: when, by which process, and why.

    Every step from one state to another is in it, with the error of one that failed,
    and what operators asked of it. Times are those of this machine's time zone.
    """
    from ..upgrading import ordering

    for entry, events in ordering.log(directory or g.directory, name):
        for event in events:
            if as_json:
                shown = {**event.as_json(), "bind": entry.bind}
                click.echo(json.dumps(shown))
            else:
                click.echo(_line(event))


def _line(event: Event) -> str:
    at = datetime.datetime.fromtimestamp(event.at).astimezone()
    what: str = event.kind
    if event.kind == "state":
        what = f"{event.from_state or 'new'} → {event.to_state}"
    detail = f": {event.detail}" if event.detail else ""
    process = event.as_json()["process"]
    return f"{at:%Y-%m-%d %H:%M:%S %z}  {event.backfill}  {what} ({process}){detail}"
