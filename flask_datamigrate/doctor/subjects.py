"""What there is to look at: the app, its migrations, and each of its databases."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory
from flask import Flask

from .. import scripts
from ..dialects import family
from ..quoting import full_name
from ..settings import Settings
from ..upgrading import overview
from ..upgrading.overview import Entry
from ..upgrading.places import Place


@dataclasses.dataclass(frozen=True)
class Installation:
    """An app with the extension.

    :param settings: its keys; the defaults where they cannot be read.
    """

    app: Flask
    settings: Settings

    @property
    def migrate(self) -> t.Any:
        return self.app.extensions["migrate"]

    @property
    def engines(self) -> t.Mapping[str | None, sa.Engine]:
        engines: t.Mapping[str | None, sa.Engine] = self.migrate.db.engines
        return engines

    def models(self, bind: str | None) -> sa.MetaData:
        """Return the tables that the app's models have in a database."""
        found: t.Mapping[str | None, sa.MetaData] = self.migrate.db.metadatas
        return found.get(bind, sa.MetaData())


@dataclasses.dataclass(frozen=True)
class Project:
    """The migrations of an app, and where ``env.py`` runs them."""

    installation: Installation
    config: Config
    tree: ScriptDirectory
    places: tuple[Place, ...]

    @functools.cached_property
    def revisions(self) -> frozenset[str]:
        """Every revision that has a file."""
        return frozenset(script.revision for script in self.tree.walk_revisions())


@dataclasses.dataclass(frozen=True)
class Patient:
    """One database that ``env.py`` migrates.

    :param connection: for short looks; nothing is written on it.
    """

    project: Project
    place: Place
    bind: str | None
    connection: sa.Connection

    @property
    def settings(self) -> Settings:
        return self.project.installation.settings

    @property
    def family(self) -> str:
        return family(self.connection.dialect)

    @functools.cached_property
    def entries(self) -> list[Entry]:
        """The backfills that it knows."""
        engines = self.project.installation.engines
        found = overview.entries_at(self.project.tree, [self.place], engines)
        return [entry for entry in found if entry.record is not None]

    @functools.cached_property
    def tables(self) -> list[str]:
        """The names of the tables in the schema of the state tables."""
        return sa.inspect(self.connection).get_table_names(self.place.schema)

    @functools.cached_property
    def applied(self) -> set[str]:
        """The revisions that are applied, of those that have a file."""
        heads = self.project.revisions.intersection(self.place.heads)
        return scripts.ancestors(self.project.tree, heads)

    def rows(self, sql: str, **values: t.Any) -> list[t.Any]:
        """Return the rows of a query; its text has ``:name`` places."""
        return list(self.connection.execute(sa.text(sql), values))

    def quoted(self, name: str, schema: str | None = None) -> str:
        """Return a name as SQL has it, its schema in front."""
        return full_name(self.connection.dialect, name, schema)
