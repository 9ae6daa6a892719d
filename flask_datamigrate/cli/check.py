"""``flask db data check``: may this code run on this database?"""

from __future__ import annotations

import click
from flask import g
from flask.cli import with_appcontext

from ..stages import changes
from ..stages import unnamed
from ..upgrading.standings import reach
from ..upgrading.standings import standings
from ..upgrading.standings import unwritten
from .options import directory_option


@click.command()
@directory_option
@with_appcontext
def check(directory: str | None) -> None:
    """See whether the stages of the config go with the database.

    For a pipeline, or in front of the app in a container: exits with 0 if the code can
    live with the database, and with 3 if it cannot, with each conflict and what mends
    it. A database that does not answer is an error, exit code 1, also where there are
    no staged changes. Nothing is changed.
    """
    found = standings(directory or g.directory, changes.read)
    conflicts = [s.conflict for s in found if s.conflict is not None]
    conflicts += unwritten([standing.name for standing in found])
    for conflict in conflicts:
        click.echo(f"Conflict: {conflict}", err=True)
    if conflicts:
        click.get_current_context().exit(3)
    if not found:
        reach(directory or g.directory)
        click.echo(
            "The database answers. There are no staged changes to compare.", err=True
        )
        return
    for standing in found:
        if standing.config is not None:
            click.echo(
                f"{standing.name}: the code is at {standing.config}, the database at "
                f"{standing.database or 'none of its stages'}"
                f"{', verified' if standing.verified else ''}",
                err=True,
            )
        elif standing.database is not None and not standing.is_over:
            said = unnamed.said(standing.name, standing.database, standing.verified)
            click.echo(f"{said}.", err=True)
        if standing.processes:
            click.echo(
                f"{standing.name}: the gate of its contract is {standing.gate}. "
                f"{standing.next}.",
                err=True,
            )
    click.echo("Code and database go together.", err=True)
