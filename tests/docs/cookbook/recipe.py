"""What a recipe of the cookbook has to do, and the database it does it on."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import sqlite3
import typing as t

import sqlalchemy as sa
from flask import Flask

import flask_datamigrate
from tests.apps import Project
from tests.databases import Database
from tests.docs.blocks import Block
from tests.docs.blocks import all_blocks

BLOCKS = [b for b in all_blocks() if b.page.startswith("docs/cookbook/")]
REVISIONS = {block.name: block.text for block in BLOCKS if block.kind == "revision"}
TRAPS = {block.name: block for block in BLOCKS if block.kind == "trap"}

Rows: t.TypeAlias = "list[tuple[t.Any, ...]]"
Look: t.TypeAlias = "tuple[str | sa.Executable, Rows]"

_HEADER = """\
revision = {revision!r}
down_revision = {down!r}
branch_labels = None
depends_on = None
"""
_SECTIONS = {
    "-- PostgreSQL": ("postgresql",),
    "-- MariaDB": ("mysql",),
    "-- SQLite": ("sqlite",),
    "-- all": ("postgresql", "mysql", "sqlite"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe, and what it does with a table of odd rows.

    :param revisions: its revisions on the page, in order.
    :param tables: the tables before, on a metadata of their own.
    :param rows: their rows, by table.
    :param after: what to look at after the upgrade, and the rows seen.
    :param since: what the new code writes then.
    :param back: what is to be seen of that after the downgrade.
    :param stays: the revisions whose downgrade leaves their work to that before.
    """

    revisions: tuple[str, ...]
    tables: sa.MetaData
    rows: dict[str, list[dict[str, t.Any]]]
    after: tuple[Look, ...]
    since: tuple[str | sa.Executable, ...] = ()
    back: tuple[Look, ...] = ()
    stays: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Kitchen:
    """A database with the rows of a recipe, and an app with its revisions."""

    recipe: Recipe
    database: Database
    app: Flask

    def upgrade(self, revision: str = "head", *, sql: bool = False) -> None:
        with self.app.app_context():
            flask_datamigrate.upgrade(revision=_id(revision), sql=sql)

    def downgrade(self, revision: str = "base") -> None:
        with self.app.app_context():
            flask_datamigrate.downgrade(revision=_id(revision))

    def forget(self) -> None:
        """Drop what is kept of rows that an undo has left alone, as an upgrade asks."""
        if "datamigrate_backfills" not in self.database.tables():
            return
        query = "SELECT name FROM datamigrate_backfills WHERE conflicts > 0"
        runner = self.app.test_cli_runner()
        for (name,) in self.database.rows(query):
            ran = runner.invoke(args=["db", "data", "forget", "--yes", name])
            assert ran.exit_code == 0, ran.output

    def close(self) -> None:
        """Close the connections of the app, which a fork of it must not share."""
        with self.app.app_context():
            for engine in self.app.extensions["migrate"].db.engines.values():
                engine.dispose()

    def see(self, looks: t.Iterable[Look]) -> None:
        """Assert that the database has what is to be seen."""
        for query, rows in looks:
            assert self.database.rows(query) == rows, str(query)


@contextlib.contextmanager
def kitchen(
    recipe: Recipe, path: pathlib.Path, database: Database, **config: t.Any
) -> t.Iterator[Kitchen]:
    """Make the tables and rows of a recipe, and a project with its revisions."""
    with database.engine(poolclass=sa.NullPool).begin() as connection:
        recipe.tables.create_all(connection)
        for name, rows in recipe.rows.items():
            for row in rows:
                # One by one, so that a value may be an expression, such as SQL's NULL.
                connection.execute(sa.insert(recipe.tables.tables[name]).values(row))
    project = Project(path, database.url)
    with project.app().app_context():
        flask_datamigrate.init(str(project.migrations))
    down = None
    for name in recipe.revisions:
        revision = _id(name)
        text = _HEADER.format(revision=revision, down=down) + REVISIONS[name]
        (project.migrations / "versions" / f"{revision}.py").write_text(text)
        down = revision
    cook = Kitchen(recipe, database, project.app(**config))
    try:
        yield cook
    finally:
        cook.close()


def _id(name: str) -> str:
    # A hyphen means something else to Alembic.
    return name.replace("-", "_")


def statements(block: Block, database: str) -> list[str]:
    """Return the statements that a trap has for a database, in order."""
    found: list[str] = []
    names: tuple[str, ...] = ()
    pending = ""
    for line in block.text.splitlines():
        if line in _SECTIONS:
            names = _SECTIONS[line]
            continue
        pending += f"{line}\n"
        # It knows the semicolons inside of a trigger.
        if sqlite3.complete_statement(pending):
            if database in names:
                found.append(pending.rstrip().removesuffix(";"))
            pending = ""
    assert not pending, f"a statement without its end: {block}"
    return found
