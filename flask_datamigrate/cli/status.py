"""``flask db data status``."""

from __future__ import annotations

import json

import click
from flask import g
from flask.cli import with_appcontext

from ..backfill.reporting import duration
from ..upgrading.overview import Entry
from ..upgrading.overview import entries


@click.command()
@click.option(
    "-d", "--directory", help='Migration script directory (default is "migrations")'
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array instead.")
@with_appcontext
def status(directory: str | None, as_json: bool) -> None:
    """Show every backfill: its state, how far it is, and what went wrong.

    A backfill is pending, running, paused, failed, verifying, finished, undoing,
    undone or cancelled. One that is paused or failed goes on from its last commit
    with `flask db upgrade`, or with `flask db data run NAME` if it is deferred.
    """
    found = entries(directory or g.directory)
    if as_json:
        click.echo(json.dumps([entry.as_json() for entry in found], indent=2))
    elif not found:
        click.echo("No backfills. Write one with: flask db data new -m MESSAGE")
    else:
        _print_table(found)


def _print_table(found: list[Entry]) -> None:
    header = ("NAME", "TABLE", "STATE", "DONE", "ROWS CHANGED", "TIME")
    rows = [header, *(_cells(entry) for entry in found)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    for row in rows:
        line = "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        )
        click.echo(line.rstrip())
    for entry in found:
        record = entry.record
        if record is not None and record.error:
            click.echo(f"\n{entry.name}: {record.error}")
        if record is not None and record.conflicts:
            click.echo(
                f"\n{entry.name}: {record.conflicts:,} rows were changed by somebody "
                f"since and left alone; their old values are in {record.undo_table}"
            )


def _cells(entry: Entry) -> tuple[str, ...]:
    shown = entry.as_json()
    fraction = shown["fraction"]
    table = shown["table"] or "?"
    return (
        entry.name,
        table if entry.bind is None else f"{table} ({entry.bind})",
        entry.state.value + (f", {entry.runner}" if entry.runner else ""),
        "" if fraction is None else f"{fraction:.0%}",
        f"{shown['rows_changed']:,}",
        duration(shown["seconds"]) if entry.span else "",
    )
