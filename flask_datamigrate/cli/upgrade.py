"""``flask db upgrade`` and ``flask db downgrade``, with data migrations."""

from __future__ import annotations

import typing as t

import click
from flask import g
from flask.cli import with_appcontext

from ..accepted import MOST_SECONDS
from ..errors import GateError
from ..settings import STAGES
from ..settings import Stage
from . import lines
from .interrupts import stopping
from .options import directory_option
from .progress import reporter

if t.TYPE_CHECKING:
    from ..upgrading.report import UpgradeReport

_WAIT = click.option(
    "--wait",
    type=click.FloatRange(0, MOST_SECONDS),
    metavar="SECONDS",
    help="How long to wait for another upgrade that is running. "
    "Default: DATAMIGRATE_LOCK_WAIT.",
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
@directory_option
@_SQL
@_TAG
@_X_ARG
@click.option(
    "--through",
    type=click.Choice(STAGES),
    help="The last stage of staged changes to apply. DATAMIGRATE_STAGES may allow "
    "less.",
)
@_WAIT
@click.option(
    "--defer/--no-defer",
    default=None,
    help="Register backfills and leave the work to `flask db data run`, or do it "
    "now. Default: DATAMIGRATE_BACKFILLS.",
)
@lines.json_option
@click.argument("revision", default="head")
@with_appcontext
def upgrade(
    directory: str | None,
    sql: bool,
    tag: str | None,
    x_arg: tuple[str, ...],
    through: Stage | None,
    wait: float | None,
    defer: bool | None,
    as_json: bool,
    revision: str,
) -> None:
    """Upgrade to a later version, schema and data.

    Backfills run in batches between the schema revisions. Ctrl-C stops after the
    batch at hand; the same command goes on from there. Several upgrades started at
    once wait for each other.

    Revisions of a staged change that the code is not ready for are held, with all
    behind them, and named: see DATAMIGRATE_STAGES. If it is unfinished backfills that
    hold a contract revision, the exit code is 3.
    """
    if as_json and sql:
        raise click.UsageError("--sql writes SQL to standard output, not --json.")
    with lines.errors(as_json), stopping() as stop:
        from .. import upgrading

        try:
            report = upgrading.upgrade(
                directory or g.directory,
                revision,
                sql,
                tag,
                x_arg or g.x_arg,
                through=through,
                wait=wait,
                defer=defer,
                reporter=reporter(as_json),
                stop=stop,
            )
        except GateError as error:
            if error.report is not None:
                _tell(error.report, as_json)
            raise
    _tell(report, as_json)


@click.command()
@directory_option
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
    with stopping() as stop:
        from .. import upgrading

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


def _tell(report: UpgradeReport, as_json: bool) -> None:
    if as_json:
        lines.write(
            "upgraded",
            revisions=report.revisions,
            deferred=report.deferred,
            held=[str(held) for held in report.held],
        )
        return
    if report.deferred:
        names = ", ".join(report.deferred)
        click.echo(f"Deferred: {names}. Do the work with: flask db data run", err=True)
    for held in report.held:
        if not held.closed:
            click.echo(f"Held: {held}", err=True)
