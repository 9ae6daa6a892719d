"""``flask db data lint``."""

from __future__ import annotations

import click
from flask import current_app
from flask import g
from flask.cli import with_appcontext

from ..counting import counted
from .options import directory_option


@click.command()
@click.argument("revisions", nargs=-1, metavar="[REVISION...]")
@directory_option
@click.option("--all", "every", is_flag=True, help="Read every revision.")
@click.option("--since", metavar="REV", help="Read the revisions that follow REV.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    show_default=True,
    help="text for people, json for programs, github for annotations in a workflow, "
    "sarif for code scanning.",
)
@click.option(
    "--fix",
    "mend",
    is_flag=True,
    help="Write what can be rewritten safely into the files: names for constraints, "
    "and unused ignores taken away.",
)
@click.option(
    "--live",
    is_flag=True,
    help="Ask the database how large the tables are: what a small table makes harmless "
    "becomes a note, on a large one it is an error.",
)
@with_appcontext
def lint(
    revisions: tuple[str, ...],
    directory: str | None,
    every: bool,
    since: str | None,
    form: str,
    mend: bool,
    live: bool,
) -> None:
    """Read migrations for what will break, without running any of them.

    By default those that are not applied yet, and all of them when the database
    cannot be asked. Each finding says what breaks, when, and the corrected lines.
    To keep what a rule finds, say why in its line:

    \b
      op.drop_table("old")  # datamigrate: ignore[DM112] unused since release 4

    Exits with 1 when there is an error or a warning.
    """
    from ..lint.fixing import fix
    from ..lint.reports import FORMATS
    from ..lint.workspace import Workspace

    if sum((bool(revisions), every, since is not None)) > 1:
        raise click.UsageError("take one of REVISION, --all and --since")
    workspace = Workspace(current_app, directory or g.directory)
    if revisions:
        selection = workspace.named(revisions)
    elif since is not None:
        selection = workspace.since(since)
    else:
        selection = workspace.everything() if every else workspace.unapplied()
    if selection.remark:
        click.echo(selection.remark, err=True)
    report = workspace.lint(selection)
    if mend:
        mended = fix(report.findings)
        click.echo(f"Rewrote the places of {counted(mended, 'finding')}.", err=True)
        workspace.forget()
        report = workspace.lint(selection)
    if live:
        report = workspace.live(report)
    written = FORMATS[form](report)
    if written:
        click.echo(written)
    click.get_current_context().exit(1 if report.failed else 0)
