"""``flask db migrate``: Flask-Migrate's, and a question about what looks renamed."""

from __future__ import annotations

import sys
import typing as t

import click
from flask import g
from flask.cli import with_appcontext
from flask_migrate.cli import db as stock

from ..operations import renames
from ..upgrading import outstanding
from .change import written

_STOCK = stock.commands["migrate"]


@with_appcontext
def _migrate(stage: bool | None, **options: t.Any) -> None:
    def decide(rename: renames.Rename | renames.TableRename) -> bool:
        if stage is not None:
            return stage
        if not sys.stdin.isatty():
            click.echo(
                f"Warning: {rename}. With --yes it is written as a staged change, "
                "which keeps them.",
                err=True,
            )
            return False
        click.echo(f"{rename}.", err=True)
        return click.confirm("Write it as a staged change, which keeps them?", err=True)

    found: renames.Rename | renames.TableRename | None = None
    token = renames.decide.set(decide)
    try:
        assert _STOCK.callback is not None
        _STOCK.callback(**options)
    except renames.Staged as left:
        found = left.rename
    except SystemExit as left:
        # Flask-Migrate has told Alembic's error, and leaves in the midst of it.
        if outstanding.is_behind(left.__context__):
            directory = options["directory"] or g.directory
            said = outstanding.advice(directory, options["x_arg"])
            if said:
                click.echo(said, err=True)
        raise
    finally:
        renames.decide.reset(token)
    if found is not None:
        chosen = ("head", "splice", "branch_label", "version_path", "directory")
        message = options["message"] or found.change.replace("_", " ")
        written(found.change, message, **{name: options[name] for name in chosen})


migrate = click.Command(
    "migrate",
    callback=_migrate,
    help=f"{_STOCK.help}\n\nA column or a table that looks renamed is asked about: "
    "written as a staged change (`flask db data change`), its values are kept.",
    params=[
        *_STOCK.params,
        click.Option(
            ["--yes/--no", "stage"],
            default=None,
            help="Write what looks like a rename as a staged change, or as Alembic "
            "sees it; without a terminal and without this, as Alembic sees it.",
        ),
    ],
)
