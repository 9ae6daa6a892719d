"""``flask db data change``: write the revisions of a staged change."""

from __future__ import annotations

import os
import sys
import typing as t

import click
from alembic.util import CommandError
from flask import current_app
from flask import g
from flask.cli import with_appcontext

from ..authoring import staging
from ..errors import AuthoringError
from ..stages.gates import assignment
from ..upgrading import outstanding
from .options import directory_option
from .options import place_options


@click.command()
@click.argument("name")
@click.option(
    "-m", "--message", help="What the change does, in a few words; by default NAME."
)
@click.option(
    "--parts/--apart",
    default=None,
    help="What a new column with a default is, beside one that takes the place of a "
    "column that goes: another part of that, or a column of its own. Without it, it "
    "is asked.",
)
@place_options
@directory_option
@with_appcontext
def change(
    name: str,
    message: str | None,
    directory: str | None,
    parts: bool | None,
    **options: t.Any,
) -> None:
    """Write what differs between models and database as a staged change.

    `flask db migrate` writes one revision, which stops the code that is running when
    it drops, renames or forbids something. This writes several: what is added
    (expand), the rows (migrate), and what goes (contract). Change the models as they
    shall be in the end, then:

    \b
      flask db data change split_full_name -m "split full name"

    Old and new columns are kept equal by triggers between expand and contract.
    A column of another type gets one beside it, COLUMN_new, which takes its place and
    keeps that name: the line for the model is printed. A table by another name leaves
    a view by the old one until contract. Expressions that only you can
    know are marked `# <- fill in`.
    """
    message = message or name.replace("_", " ")
    written(name, message, directory, parts=parts, **options)


def written(
    name: str,
    message: str,
    directory: str | None,
    *,
    parts: bool | None = None,
    **options: t.Any,
) -> None:
    """Write a staged change, and say which files it is.

    :param parts: whether new columns with a default are parts of what goes; ``None``
        to ask.
    """

    def decide(doubt: staging.Doubt) -> bool | None:
        if parts is not None or not sys.stdin.isatty():
            return parts
        click.echo(f"Table {doubt.table[1]}: {doubt}.", err=True)
        named = ", ".join(doubt.columns)
        question = f"Is {named} another part of {', '.join(doubt.gone)}?"
        return click.confirm(question, default=None, err=True)

    migrate = current_app.extensions["migrate"].migrate
    directory = directory or getattr(g, "directory", None)
    config = migrate.get_config(directory, opts=["autogenerate"])
    try:
        scaffold = staging.change(
            config, name, message, decide, apart=parts is False, **options
        )
    except CommandError as error:
        if not outstanding.is_behind(error):
            raise
        raise AuthoringError(
            str(error).removesuffix("."),
            where=f"change {name}",
            state="Nothing was written",
            next=outstanding.advice(directory).removesuffix("."),
        ) from error
    revisions = scaffold.revisions
    for revision in revisions:
        marks = f", {revision.marks} to fill in" if revision.marks else ""
        path = os.path.relpath(revision.path)
        click.echo(f"Wrote {path} ({revision.part.stage}{marks})")
    if any(revision.marks for revision in revisions):
        click.echo("Fill in what is marked `# <- fill in`, alike in each revision.")
    for advice in scaffold.advice:
        click.echo(advice)
    first = revisions[0].part.stage
    click.echo(f"Begin with {assignment(name, first)}, then run `flask db upgrade`.")
