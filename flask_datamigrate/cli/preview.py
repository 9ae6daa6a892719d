"""``flask db data preview``."""

from __future__ import annotations

import json
import typing as t

import click
from flask import g
from flask.cli import with_appcontext

from ..counting import counted
from .options import directory_option

if t.TYPE_CHECKING:
    from ..backfill.preview import Preview
    from ..backfill.reporting import Sample

_VERBS = {"delete": "deleted", "insert": "inserted"}


@click.command()
@directory_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array instead.")
@click.argument("revision")
@with_appcontext
def preview(directory: str | None, as_json: bool, revision: str) -> None:
    """Show what the backfills of a revision would do, and how long it would take.

    A few batches, spread over the key, are run and rolled back: nothing is changed,
    and no state is written. Of an insert only the query is run, so that no sequence
    is advanced. It warns of tables that each batch would read whole.
    """
    from ..upgrading import previewing

    found = list(previewing.previews(directory or g.directory, revision))
    if as_json:
        shown = [{**one.as_json(), "bind": bind} for bind, one in found]
        click.echo(json.dumps(shown, indent=2, default=str))
        return
    for bind, one in found:
        _print(bind, one)


def _print(bind: str | None, found: Preview) -> None:
    rows = "an unknown number of rows"
    if found.rows is not None:
        rows = counted(found.rows, "row")
    table = found.table if bind is None else f"{found.table}, {bind}"
    about = "" if found.rows_exact or found.rows is None else "about "
    click.echo(f"{found.name} ({table}): {found.kind}, {about}{rows} in the table")
    for row in found.sample:
        click.echo(f"  {_line(row)}")
    for line in _estimates(found):
        click.echo(f"  {line}")
    for scan in found.scans:
        click.echo(
            f"  Each batch reads all of {scan.table} "
            f"(about {counted(scan.rows, 'row')})."
            + (
                f" An index would help, in a revision before: {scan.index}"
                if scan.index
                else ""
            )
        )
    click.echo("  Nothing was changed.")


def _estimates(found: Preview) -> t.Iterator[str]:
    from ..backfill.reporting import duration

    if found.changed is not None:
        verb = _VERBS.get(found.kind, "changed")
        about = "At most" if found.at_most else "About"
        yield f"{about} {counted(found.changed, 'row')} would be {verb}."
    if found.batches and found.seconds is not None:
        tried = f"{counted(found.tried, 'batch')} tried"
        yield (
            f"About {counted(found.batches, 'batch')} of "
            f"{counted(found.batch_size, 'row')}, "
            f"{duration(found.seconds)} ({tried})."
        )
    if found.kind == "insert":
        yield "The time is that of the query alone; the insert adds to it."
    if found.undo:
        yield "With undo=True it takes longer: what it keeps is written too."
    if found.set_aside:
        yield f"Set aside meanwhile: {', '.join(found.set_aside)}."


def _line(row: Sample) -> str:
    if not row.after:
        return f"{row.key}: goes, {_values(row.before)}"
    if not row.before:
        return f"{row.key}: {_values(row.after)}"
    changes = ", ".join(
        f"{name} {row.before[name]!r} → {row.after[name]!r}" for name in row.after
    )
    return f"{row.key}: {changes}"


def _values(values: t.Mapping[str, t.Any]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in values.items())
