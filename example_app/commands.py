"""``flask seed`` and ``flask demo``."""

from __future__ import annotations

import typing as t

import click
import sqlalchemy as sa
from flask import Flask
from flask import current_app
from flask.cli import with_appcontext

from . import seed
from .database import BASELINE
from .database import db

FLASK = "flask --app example_app"

SAMPLES: t.Mapping[str, str] = {
    "users": "full_name, first_name, last_name, age_group, score, status",
    "bugs": "title, created_at, created_year",
    "orders": "user_id, customer_name, status, total",
}
"""The columns ``demo`` shows of each table; those not there yet are left out."""


def init_app(app: Flask) -> None:
    """Add the commands to ``flask``."""
    app.cli.add_command(seed_command)
    app.cli.add_command(demo_command)


@click.command("seed")
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    required=True,
    help="How many users, how many bugs and how many orders to add.",
)
@click.option(
    "--seed",
    "number",
    type=int,
    default=1,
    show_default=True,
    help="The same number gives the same rows in an empty database.",
)
@with_appcontext
def seed_command(rows: int, number: int) -> None:
    """Fill the tables with generated rows, as they were before any data migration.

    Works at the baseline and at every later revision: written are the columns of
    the baseline, and the status that replaced two of the flags. Run it again to add
    more.
    """
    missing = seed.missing_tables(db.engine)
    if missing:
        raise click.ClickException(
            f"The database has no table {' or '.join(missing)}, and nothing was "
            f"written. Run: {FLASK} db upgrade {BASELINE}"
        )
    for table in seed.TABLES:
        with click.progressbar(length=rows, label=f"{table.name:<7}") as bar:
            for written in seed.fill(db.engine, table, rows, number):
                bar.update(written)
    click.echo(f"Added {rows:,} users, {rows:,} bugs and {rows:,} orders.")


@click.command("demo")
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    default=20_000,
    show_default=True,
    help="How many rows each table gets.",
)
@with_appcontext
@click.pass_context
def demo_command(context: click.Context, rows: int) -> None:
    """Make tables, fill them, and run every migration on the rows.

    Needs an empty database.
    """
    found = sorted({"alembic_version", *seed.NAMES} & set(_tables()))
    if found:
        raise click.ClickException(
            f"The demo needs an empty database, and this one has {', '.join(found)}. "
            f"Nothing was changed. Run: {FLASK} db upgrade, or name another "
            "database, such as DATABASE_URL=sqlite:///demo.db"
        )
    _run(context, "db", "upgrade", BASELINE)
    _run(context, "seed", "--rows", str(rows))
    _show("Before the data migrations:")
    _run(context, "db", "upgrade")
    _show("After them:")
    click.echo(
        "\nNext:\n"
        f"  {FLASK} run               the app, on http://127.0.0.1:5000\n"
        f"  {FLASK} db data status    each backfill and its rows\n"
        f"  {FLASK} db downgrade 0011 undo what came after revision 0011\n"
        f"  {FLASK} db upgrade        and run it again"
    )


def _run(context: click.Context, *arguments: str) -> None:
    """Run a command of this app, just as if it were typed."""
    click.secho(f"\n$ {FLASK} {' '.join(arguments)}", bold=True)
    code = current_app.cli.main(
        list(arguments), prog_name="flask", standalone_mode=False, obj=context.obj
    )
    if isinstance(code, int) and code:
        context.exit(code)


def _tables() -> list[str]:
    return sa.inspect(db.engine).get_table_names()


def _show(heading: str) -> None:
    click.secho(f"\n{heading}", bold=True)
    with db.engine.connect() as connection:
        schema = sa.inspect(connection)
        for name, wanted in SAMPLES.items():
            there = {column["name"] for column in schema.get_columns(name)}
            columns = [c for c in wanted.split(", ") if c in there]
            table = sa.table(name, sa.column("id"), *map(sa.column, columns))
            query = sa.select(*(table.c[c] for c in columns)).order_by(table.c.id)
            click.echo(f"  {name}: {', '.join(columns)}")
            for row in connection.execute(query.limit(3)):
                click.echo(f"    {' | '.join(_cell(value) for value in row)}")


def _cell(value: object) -> str:
    text = "NULL" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
