"""``flask db data run``, ``accept``, ``undo`` and ``cancel``."""

from __future__ import annotations

import click
from flask import g
from flask.cli import with_appcontext

from .interrupts import stopping
from .progress import reporter

_DIRECTORY = click.option(
    "-d", "--directory", help='Migration script directory (default is "migrations")'
)


@click.command()
@_DIRECTORY
@click.argument("names", nargs=-1, metavar="[NAME]...")
@with_appcontext
def run(directory: str | None, names: tuple[str, ...]) -> None:
    """Run deferred backfills, or go on with stopped ones.

    Without a NAME, all that `flask db upgrade` has registered and that are not
    finished. The app may go on serving meanwhile. Ctrl-C stops after the batch at
    hand; the same command goes on from there.
    """
    from ..upgrading import deferred

    with stopping() as stop:
        reports = deferred.run(directory or g.directory, names, reporter(), stop)
    if not reports:
        click.echo("Nothing to run. See: flask db data status", err=True)


@click.command()
@_DIRECTORY
@click.argument("name")
@with_appcontext
def accept(directory: str | None, name: str) -> None:
    """Accept the edited definition of a backfill that was begun.

    A backfill whose definition was edited between two runs is refused, since the
    rows done so far were changed by the old one. After `accept`, the rows still to
    come are changed by the new one; those done are not done again.
    """
    from ..upgrading import deferred

    record = deferred.accept(directory or g.directory, name)
    click.echo(
        f"{name}: accepted as {record.fingerprint}. Go on with the command that was "
        "refused.",
        err=True,
    )


@click.command()
@_DIRECTORY
@click.argument("name")
@with_appcontext
def undo(directory: str | None, name: str) -> None:
    """Restore the rows of a backfill that was begun and whose revision is not applied.

    The backfill needs undo=True. When its revision is applied, `flask db downgrade`
    is the way back. Ctrl-C stops after the batch at hand; the same command goes on
    from there.
    """
    from ..upgrading import deferred

    with stopping() as stop:
        deferred.undo(directory or g.directory, name, reporter(), stop)


@click.command()
@_DIRECTORY
@click.argument("name")
@with_appcontext
def cancel(directory: str | None, name: str) -> None:
    """Give a backfill up; the rows it has changed stay changed.

    A later `flask db upgrade` to its revision begins it anew, from the first row.
    """
    from ..upgrading import deferred

    deferred.cancel(directory or g.directory, name)
    click.echo(f"{name}: cancelled. The rows it has changed stay changed.", err=True)
