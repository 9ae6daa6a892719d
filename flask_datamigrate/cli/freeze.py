"""``flask db data freeze``: print the code of frozen tables."""

from __future__ import annotations

import typing as t

import click
from flask import current_app
from flask.cli import with_appcontext

from ..authoring.freeze import Frozen
from ..authoring.freeze import from_database
from ..authoring.freeze import from_models as read_models
from ..errors import AuthoringError


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
@click.argument("tables", nargs=-1, required=True, metavar="TABLE...")
@columns_option
@click.option(
    "--from-models",
    is_flag=True,
    help="Take the columns from the app's models instead of the database.",
)
@click.option(
    "--bind", metavar="KEY", help="The bind key of the tables' database, if several."
)
@with_appcontext
def freeze(
    tables: tuple[str, ...],
    columns: tuple[str, ...] | None,
    from_models: bool,
    bind: str | None,
) -> None:
    """Print tables as code for a migration.

    A migration must not import the app's models, which go on changing; it writes
    down the columns it needs. Paste the output into a revision:

    \b
      flask db data freeze users --columns full_name
    """
    click.echo(str(frozen_tables(tables, columns, from_models, bind)), nl=False)


def frozen_tables(
    names: tuple[str, ...],
    columns: tuple[str, ...] | None,
    from_models: bool,
    bind: str | None,
) -> Frozen:
    """Freeze tables of the current app.

    :param bind: the bind key of their database, ``None`` for the default one.
    :raises AuthoringError: for a bind key, table or column that does not exist.
    """
    db = current_app.extensions["migrate"].db
    if bind is not None and bind not in bound(db):
        raise AuthoringError(
            f'the app has no database with the bind key "{bind}"',
            state="Nothing was written",
            next=f"The keys of SQLALCHEMY_BINDS are: {', '.join(bound(db)) or 'none'}",
        )
    if from_models:
        return read_models(db.metadatas[bind], names, columns)
    with db.engines[bind].connect() as connection:
        return from_database(connection, names, columns)


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
