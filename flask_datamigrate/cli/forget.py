"""``flask db data forget``."""

from __future__ import annotations

import click
from flask import g
from flask.cli import with_appcontext

from .options import directory_option


@click.command()
@directory_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.argument("name")
@with_appcontext
def forget(directory: str | None, yes: bool, name: str) -> None:
    """Drop what a backfill with undo=True keeps, and get its room back.

    After that it cannot be undone, and a downgrade of its revision by
    op.undo_backfill fails and says so. It shows how large the table is, and asks.
    """
    from ..upgrading import forgetting

    for entry, kept in forgetting.kept(directory or g.directory, name):
        click.echo(f"{entry.name}: {kept} in {kept.table}", err=True)
        if not yes:
            click.confirm("Drop it? There is no undo after that.", abort=True, err=True)
        forgetting.forget(entry)
        click.echo(f"{entry.name}: forgotten.", err=True)
