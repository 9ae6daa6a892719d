"""``flask db data status``."""

from __future__ import annotations

import json

import click
from flask import g
from flask.cli import with_appcontext

from ..backfill.reporting import duration
from ..backfill.states import State
from ..counting import counted
from ..stages.compatibility import Standing
from ..upgrading.given_up import rows_now
from ..upgrading.overview import Entry
from ..upgrading.overview import entries
from ..upgrading.standings import standings
from ..upgrading.unfinished import undefined
from .interrupts import stopping
from .options import directory_option

_SHOWN = 10
"""How many refused rows of a backfill are listed."""

_EVERY = 2.0
"""Seconds between two looks of ``--watch``."""


@click.command()
@directory_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array instead.")
@click.option(
    "--watch",
    is_flag=True,
    help="Look again every 2 seconds until all is done; Ctrl-C leaves.",
)
@with_appcontext
def status(directory: str | None, as_json: bool, watch: bool) -> None:
    """Show every backfill and every staged change, and what went wrong.

    A backfill is pending, running, paused, failed, verifying, finished, undoing,
    undone or cancelled. One that is paused or failed goes on from its last commit
    with `flask db upgrade`, or with `flask db data run NAME` if it is deferred.

    A backfill with atomic=True is part of its revision's own transaction and not
    listed: it is done when `flask db current` shows the revision or a later one.

    A staged change is shown with its stage in the config and in the database, whether
    its contract may be applied, and the next step. In the JSON its "kind" is "change".
    """
    # Not by KeyboardInterrupt, which may be raised where it is passed over.
    with stopping(said="") as stop:
        while not stop.is_set():
            found = entries(directory or g.directory)
            changes = standings(directory or g.directory)
            if watch:
                click.clear()
            if as_json:
                shown = [entry.as_json() for entry in found]
                shown += [change.as_json() for change in changes]
                click.echo(json.dumps(shown, indent=None if watch else 2))
            else:
                _print(found, changes)
            if not watch or all(entry.is_done for entry in found):
                return
            stop.wait(_EVERY)
    click.get_current_context().exit(130)


def _print(found: list[Entry], changes: list[Standing]) -> None:
    if not found:
        click.echo("No backfills. Write one with: flask db data new -m MESSAGE")
    else:
        _print_table(found)
    if changes:
        click.echo()
        _print_changes(changes)


def _print_refused(entry: Entry) -> None:
    accepted = all(refusal.accepted for refusal in entry.refusals)
    how = "accepted" if accepted else f"flask db data accept --refused {entry.name}"
    click.echo(f"\n{entry.name}: refused rows: {len(entry.refusals):,} ({how})")
    for row, refusal in entry.refused[:_SHOWN]:
        click.echo(f"  {row}: {refusal.error}")
    if len(entry.refusals) > _SHOWN:
        click.echo("  and more, see --json")


def _print_table(found: list[Entry]) -> None:
    header = ("NAME", "TABLE", "STATE", "DONE", "ROWS CHANGED", "TIME")
    _print_rows([header, *(_cells(entry) for entry in found)])
    for entry in found:
        record = entry.record
        if entry.paused_by is not None:
            click.echo(
                f"\n{entry.name}: paused by an operator ({entry.paused_by}). "
                f"To go on: flask db data resume {entry.name}"
            )
        if entry.is_orphaned and entry.task is not None and not entry.edited:
            click.echo(
                f"\n{entry.name}: its last process ended without a word; what it "
                f"committed is saved. To go on: flask db data retry {entry.name}"
            )
        if entry.waiting is not None:
            click.echo(f"\n{entry.name}: waiting: {entry.waiting}")
        if entry.order.tuned:
            tuned = ", ".join(f"{k} {v:g}" for k, v in entry.order.tuned.items())
            click.echo(f"\n{entry.name}: tuned to {tuned}")
        if entry.restored:
            click.echo(f"\n{entry.name}: its undo was given up. {rows_now(entry)}")
        if entry.set_aside:
            click.echo(
                f"\n{entry.name}: {counted(len(entry.set_aside), 'index')} set aside: "
                f"{', '.join(entry.set_aside)}. Made again when it ends, is undone or "
                "is cancelled"
            )
        if entry.refusals:
            _print_refused(entry)
        if record is not None and record.error:
            click.echo(f"\n{entry.name}: {record.error}")
        if entry.edited:
            click.echo(
                f"\n{entry.name}: its definition changed since it was begun, and the "
                "next run is refused. Take the edit back; or, for the rows still to "
                f"come: flask db data accept {entry.name}"
            )
        if record is not None and entry.task is None and not entry.is_done:
            click.echo(f"\n{undefined(record)}")
        if record is not None and record.conflicts:
            where = record.undo_table or "no table any more: they were forgotten"
            click.echo(
                f"\n{entry.name}: {counted(record.conflicts, 'row')} "
                f"{_left_alone(record.kind, record.conflicts)} {where}"
            )
    undoable = [entry.name for entry in found if _can_be_undone(entry)]
    if undoable:
        click.echo(
            f"\nCan be undone: {', '.join(undoable)}. To drop what is kept for that: "
            "flask db data forget NAME"
        )


def _can_be_undone(entry: Entry) -> bool:
    record = entry.record
    if record is None or record.undo_table is None or record.conflicts:
        return False
    return entry.is_done


def _left_alone(kind: str, count: int) -> str:
    """Say which rows an undo left alone, up to the name of the side table."""
    be = "was" if count == 1 else "were"
    if kind == "delete":
        return f"{be} not brought back, since the place is taken; see"
    if kind == "insert":
        return (
            f"{be} changed, used or deleted by somebody since and left alone; what "
            "came in is in"
        )
    return f"{be} changed by somebody since and left alone; the old values are in"


def _print_changes(changes: list[Standing]) -> None:
    header = ("CHANGE", "CONFIG", "DATABASE", "CONTRACT")
    rows = [
        (
            change.name,
            change.config or "not named",
            (change.database or "none") + (", verified" if change.verified else ""),
            change.gate,
        )
        for change in changes
    ]
    _print_rows([header, *rows])
    for change in changes:
        if change.conflict is not None:
            click.echo(f"\nConflict: {change.conflict.what}.")
        if change.sync:
            click.echo(f"\n{change.name}: in sync: {', '.join(change.sync)}")
        click.echo(f"\n{change.name}: next: {change.next}")


def _print_rows(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        line = "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        )
        click.echo(line.rstrip())


def _cells(entry: Entry) -> tuple[str, ...]:
    shown = entry.as_json()
    fraction = shown["fraction"]
    table = shown["table"] or "?"
    return (
        entry.name,
        table if entry.bind is None else f"{table} ({entry.bind})",
        _state(entry),
        "" if fraction is None else f"{fraction:.0%}",
        f"{shown['rows_changed'] - entry.restored:,}",
        duration(shown["seconds"]) if entry.ranges else "",
    )


def _state(entry: Entry) -> str:
    if entry.runners:
        return ", ".join([entry.state.value, *_parts(entry), *entry.runners])
    if entry.state is State.FINISHED and not entry.applied:
        return "finished, its revision not applied"
    if entry.state is State.PENDING and entry.applied and entry.record is None:
        return "not run here, its revision applied"
    if not entry.has_file:
        return f"{entry.state.value}, the file of its revision missing"
    return entry.state.value


def _parts(entry: Entry) -> list[str]:
    """Say how many of its ranges are done, if they are several, and its batches."""
    total = entry.total
    parts = [f"{total.done} of {total.ranges} ranges done"] if total.ranges > 1 else []
    if total.batches:
        parts.append(f"{counted(total.batch_size, 'row')} a batch")
    return parts
