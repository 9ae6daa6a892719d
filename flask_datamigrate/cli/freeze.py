"""``flask db data freeze``: print the code of frozen tables."""

from __future__ import annotations

import os
import typing as t

import click
from flask import current_app
from flask.cli import with_appcontext

from ..authoring.freeze import Frozen
from ..authoring.freeze import from_database
from ..authoring.freeze import from_models as read_models
from ..counting import counted
from ..errors import AuthoringError
from ..frozen.history import replayed


def _split(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[str, ...] | None:
    if value is None:
        return None
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    if not names:
        raise click.BadParameter("it names no column")
    return names


columns_option = click.option(
    "--columns",
    callback=_split,
    metavar="A,B",
    help="Only these columns, and the key; by default all.",
)


@click.command()
@click.argument("tables", nargs=-1, metavar="TABLE...")
@columns_option
@click.option(
    "--from-models",
    is_flag=True,
    help="Take the columns from the app's models instead of the database.",
)
@click.option(
    "--at",
    metavar="REVISION",
    help="Take the columns from the migrations as of this revision, replayed on an "
    "empty database.",
)
@click.option(
    "--bind", metavar="KEY", help="The bind key of the tables' database, if several."
)
@click.option(
    "--rewrite",
    metavar="REVISION",
    help="Replace the app's models that this revision imports by frozen ones.",
)
@click.option("--diff", is_flag=True, help="Only show what --rewrite would change.")
@click.option(
    "--check",
    is_flag=True,
    help="See that the rewritten revision sends the same SQL, before it is written.",
)
@with_appcontext
def freeze(
    tables: tuple[str, ...],
    columns: tuple[str, ...] | None,
    from_models: bool,
    at: str | None,
    bind: str | None,
    rewrite: str | None,
    diff: bool,
    check: bool,
) -> None:
    """Print tables as code for a migration.

    A migration must not import the app's models, which go on changing; it writes
    down the columns it needs. Paste the output into a revision:

    \b
      flask db data freeze users --columns full_name

    --rewrite does it for a revision that imports the app's models; its body stays as
    it is:

    \b
      flask db data freeze --rewrite 6c55e0560fd4 --diff --check
    """
    if rewrite is not None:
        if tables or columns or from_models or at:
            raise click.UsageError(
                "--rewrite finds the tables itself: it goes with --diff, --check and "
                "--bind only."
            )
        _rewrite(rewrite, bind, only_show=diff, check=check)
        return
    if diff or check:
        raise click.UsageError("--diff and --check go with --rewrite.")
    if not tables:
        raise click.UsageError("Name the tables: flask db data freeze TABLE...")
    if at is not None and from_models:
        raise click.UsageError(
            "The models are of today: use either --at or --from-models."
        )
    click.echo(str(frozen_tables(tables, columns, from_models, bind, at)), nl=False)


def _rewrite(revision: str, bind: str | None, *, only_show: bool, check: bool) -> None:
    from ..authoring import rewriting
    from ..authoring.rewriting.proof import prove

    rewritten = rewriting.rewrite(revision, bind)
    if only_show:
        click.echo(rewritten.diff(), nl=False)
    if check:
        proof = prove(rewritten, bind)
        fewer = ""
        if proof.narrower:
            fewer = f", {proof.narrower} of them for fewer columns"
        click.echo(
            f"Both send the same SQL: {counted(proof.statements, 'statement')}{fewer}."
        )
    if not only_show:
        rewritten.write()
        click.echo(f"Rewrote {os.path.relpath(rewritten.path)}")


def frozen_tables(
    names: tuple[str, ...],
    columns: tuple[str, ...] | None,
    from_models: bool,
    bind: str | None,
    at: str | None = None,
) -> Frozen:
    """Freeze tables of the current app.

    :param bind: the bind key of their database, ``None`` for the default one.
    :param at: the revision to take them from; ``None`` for the database as it is.
    :raises AuthoringError: for a bind key, table or column that does not exist.
    """
    db = current_app.extensions["migrate"].db
    if bind is not None and bind not in bound(db):
        raise AuthoringError(
            f'the app has no database with the bind key "{bind}"',
            state="Nothing was written",
            next=f"The keys of SQLALCHEMY_BINDS are: {', '.join(bound(db)) or 'none'}",
        )
    advice = ""
    if bind is None and bound(db):
        advice = f"For a table of another database: --bind {'|'.join(bound(db))}"
    if from_models:
        return read_models(db.metadatas[bind], names, columns, advice)
    if at is not None:
        with replayed(at, bind) as replay:
            return from_database(
                replay.connection,
                names,
                columns,
                advice=advice,
                declared=replay.declared,
                place=f"the migrations as of {at}",
            )
    with db.engines[bind].connect() as connection:
        return from_database(connection, names, columns, advice=advice)


def bound(db: t.Any) -> tuple[str, ...]:
    """Name the bind keys of the current app beside its default database.

    :param db: the Flask-SQLAlchemy extension.
    """
    # In this order, as Flask-Migrate's multi-database template asks.
    binds = current_app.config.get("SQLALCHEMY_BINDS")
    if binds is not None:
        return tuple(key for key in binds if key is not None)
    names: t.Callable[[], t.Iterable[str]] = getattr(db, "bind_names", tuple)
    return tuple(names())
