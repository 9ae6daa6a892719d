"""``flask db upgrade`` and ``flask db downgrade``, with data migrations."""

from __future__ import annotations

import click
from flask import g
from flask.cli import with_appcontext

from .interrupts import stopping
from .progress import reporter

_WAIT = click.option(
    "--wait",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long to wait for another upgrade that is running. "
    "Default: DATAMIGRATE_LOCK_WAIT.",
)
_DIRECTORY = click.option(
    "-d", "--directory", help='Migration script directory (default is "migrations")'
)
_SQL = click.option(
    "--sql", is_flag=True, help="Write the SQL to standard output; run nothing."
)
_TAG = click.option(
    "--tag", help='Arbitrary "tag" name - can be used by custom env.py scripts'
)
_X_ARG = click.option(
    "-x",
    "--x-arg",
    multiple=True,
    help="Additional arguments consumed by custom env.py scripts",
)


@click.command()
@_DIRECTORY
@_SQL
@_TAG
@_X_ARG
@_WAIT
@click.option(
    "--defer/--no-defer",
    default=None,
    help="Register backfills and leave the work to `flask db data run`, or do it "
    "now. Default: DATAMIGRATE_BACKFILLS.",
)
@click.argument("revision", default="head")
@with_appcontext
def upgrade(
    directory: str | None,
    sql: bool,
    tag: str | None,
    x_arg: tuple[str, ...],
    wait: float | None,
    defer: bool | None,
    revision: str,
) -> None:
    """Upgrade to a later version, schema and data.

    Backfills run in batches between the schema revisions. Ctrl-C stops after the
    batch at hand; the same command goes on from there. Several upgrades started at
    once wait for each other.
    """
    from .. import upgrading

    with stopping() as stop:
        report = upgrading.upgrade(
            directory or g.directory,
            revision,
            sql,
            tag,
            x_arg or g.x_arg,
            wait=wait,
            defer=defer,
            reporter=reporter(),
            stop=stop,
        )
    if report.deferred:
        names = ", ".join(report.deferred)
        click.echo(f"Deferred: {names}. Do the work with: flask db data run", err=True)


@click.command()
@_DIRECTORY
@_SQL
@_TAG
@_X_ARG
@_WAIT
@click.argument("revision", default="-1")
@with_appcontext
def downgrade(
    directory: str | None,
    sql: bool,
    tag: str | None,
    x_arg: tuple[str, ...],
    wait: float | None,
    revision: str,
) -> None:
    """Revert to a previous version, data and schema.

    Without a REVISION, by one. Where a revision calls `op.undo_backfill`, the old
    values are restored in batches. Ctrl-C stops after the batch at hand; the same
    command goes on from there.
    """
    from .. import upgrading

    with stopping() as stop:
        upgrading.downgrade(
            directory or g.directory,
            revision,
            sql,
            tag,
            x_arg or g.x_arg,
            wait=wait,
            reporter=reporter(),
            stop=stop,
        )
