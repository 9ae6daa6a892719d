"""``flask db data new``: write a data migration."""

from __future__ import annotations

import typing as t

import click
from flask import current_app
from flask import g
from flask.cli import with_appcontext

from ..authoring import freeze
from ..authoring import revision
from .freeze import bound
from .freeze import columns_option
from .freeze import frozen_tables
from .options import directory_option
from .options import place_options


@click.command()
@click.option(
    "-m", "--message", required=True, help="What the migration does, in a few words."
)
@click.option(
    "--table",
    "tables",
    multiple=True,
    metavar="NAME",
    help="A table it touches, or SCHEMA.TABLE; may be given again.",
)
@columns_option
@click.option(
    "--from-models",
    is_flag=True,
    help="Take the columns from the app's models instead of the database.",
)
@click.option(
    "--kind",
    type=click.Choice(revision.KINDS),
    default="update",
    show_default=True,
    help="How it changes rows: see above.",
)
@click.option(
    "--change",
    metavar="NAME",
    help="The staged change it belongs to.",
)
@click.option(
    "--stage",
    type=click.Choice(revision.STAGES),
    help="The stage of that change: `flask db upgrade` holds it by DATAMIGRATE_STAGES.",
)
@click.option(
    "--deferred",
    is_flag=True,
    help="`flask db upgrade` only registers the work; `flask db data run` does it.",
)
@click.option(
    "--atomic",
    is_flag=True,
    help="For a small table: all rows in the revision's own transaction.",
)
@click.option(
    "--bind", metavar="KEY", help="The bind key of the database it is for, if several."
)
@place_options
@click.option("--rev-id", help="The revision's id, instead of a generated one.")
@directory_option
@with_appcontext
def new(
    message: str,
    tables: tuple[str, ...],
    columns: tuple[str, ...] | None,
    from_models: bool,
    directory: str | None,
    **options: t.Any,
) -> None:
    """Write a data migration: a revision that changes rows.

    The tables of --table are written into it as they are now, so that it does the
    same when the models have moved on; without one, an example table is. One
    expression is left to you, marked `# <- fill in`; then `flask db upgrade` runs it.

    \b
      flask db data new -m "split full name" --table users \\
          --columns full_name,first_name

    \b
    The kinds:
      update  set a column by an expression of the database
      rows    compute it in Python, row by row
      insert  copy rows from one table (first) into another (second)
      delete  delete rows
      sql     run one SQL statement
    """
    if not message.strip():
        raise click.UsageError("--message is empty: say what the migration does.")
    if not tables and (columns or from_models):
        raise click.UsageError("--columns and --from-models need --table.")
    wrong = revision.conflict(
        tables=len(tables),
        **{k: options[k] for k in ("kind", "change", "stage", "deferred", "atomic")},
    )
    if wrong:
        raise click.UsageError(f"{wrong}.")
    migrate = current_app.extensions["migrate"]
    bind = options["bind"]
    config = migrate.migrate.get_config(directory or getattr(g, "directory", None))
    frozen = freeze.Frozen()
    if tables:
        frozen = frozen_tables(tables, columns, from_models, bind)
    path = revision.new(
        config,
        revision.Options(
            message=message, frozen=frozen, binds=bound(migrate.db), **options
        ),
    )
    click.echo(f"Wrote {path}")
    click.echo("Fill in what is marked `# <- fill in`, then run `flask db upgrade`.")
