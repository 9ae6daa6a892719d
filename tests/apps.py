"""A small Flask app with migrations of its own, for tests that run the real thing."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import textwrap
import typing as t

import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

import flask_datamigrate
from flask_datamigrate import DataMigrate
from tests import nursery

_HEADER = """
import sqlalchemy as sa
from alembic import op
from flask_datamigrate import Backfill
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn

revision = {revision!r}
down_revision = {down!r}
branch_labels = {labels!r}
depends_on = {depends!r}
"""

_ENTRY = """
import os

from tests.apps import make_app

app = make_app(
    os.environ["DATABASE_URL"],
    directory=os.environ["MIGRATIONS"],
    binds={key[5:].lower(): url for key, url in os.environ.items()
           if key.startswith("BIND_")},
)
app.config.from_prefixed_env()
"""


def make_app(
    url: str,
    *,
    directory: str | pathlib.Path,
    binds: t.Mapping[str, str] | None = None,
    migrate: DataMigrate | None = None,
    **config: t.Any,
) -> Flask:
    """Return an app with nothing but a database and its migrations."""
    app = Flask("tests")
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    if binds:
        app.config["SQLALCHEMY_BINDS"] = dict(binds)
    app.config.update(config)
    db = SQLAlchemy()
    db.init_app(app)
    (migrate or DataMigrate()).init_app(app, db, directory=str(directory))
    return app


@dataclasses.dataclass(slots=True)
class Project:
    """A project in a directory of its own: an app, and its migrations.

    :param path: the project's directory.
    :param url: the URL of its database.
    :param binds: the URLs of its further databases, by bind key.
    """

    path: pathlib.Path
    url: str
    binds: dict[str, str] = dataclasses.field(default_factory=dict)
    config: dict[str, t.Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.path / "entry.py").write_text(_ENTRY)

    @property
    def migrations(self) -> pathlib.Path:
        return self.path / "migrations"

    def init(self) -> Project:
        """Make the migrations directory with Flask-Migrate's own template."""
        with self.app().app_context():
            flask_datamigrate.init(str(self.migrations))
        return self

    def revision(
        self,
        revision: str,
        body: str,
        *,
        down: t.Any = None,
        labels: t.Any = None,
        depends: t.Any = None,
    ) -> pathlib.Path:
        """Write a revision's file.

        :param body: what follows the revision's identifiers.
        """
        header = _HEADER.format(
            revision=revision, down=down, labels=labels, depends=depends
        )
        path = self.migrations / "versions" / f"{revision}.py"
        path.write_text(f'"""{revision}"""{header}\n{textwrap.dedent(body)}')
        # Two edits of one length within a second must not leave the first's bytecode.
        for stale in path.parent.glob(f"__pycache__/{revision}.*"):
            stale.unlink()
        return path

    def app(self, **config: t.Any) -> Flask:
        """Return the app, made in this process."""
        return make_app(
            self.url,
            directory=self.migrations,
            binds=self.binds,
            **{**self.config, **config},
        )

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment a process of this project needs."""
        root = str(pathlib.Path(__file__).parent.parent)
        return {
            **os.environ,
            "PYTHONPATH": root,
            "FLASK_APP": str(self.path / "entry.py"),
            "DATABASE_URL": self.url,
            "MIGRATIONS": str(self.migrations),
            **{f"BIND_{key.upper()}": url for key, url in self.binds.items()},
            **{f"FLASK_{key}": str(value) for key, value in self.config.items()},
            **more,
        }

    def start(self, *arguments: str, **more: str) -> nursery.Process:
        """Start ``flask …`` as a process of its own."""
        return nursery.start(
            arguments, cwd=self.path, environment=self.environment(**more)
        )

    def run(self, *arguments: str, **more: str) -> Ran:
        """Run ``flask …`` to its end, whatever that is."""
        process = self.start(*arguments, **more)
        out, err = process.communicate(timeout=120)
        return Ran(process.returncode, out, err)

    def flask(self, *arguments: str, **more: str) -> Ran:
        """Run ``flask …``, which has to succeed."""
        ran = self.run(*arguments, **more)
        assert ran.code == 0, f"{arguments}: {ran.code}\n{ran.out}\n{ran.err}"
        return ran


@dataclasses.dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


def reflected(engine: sa.Engine, name: str) -> sa.Table:
    """Return a table as the database has it."""
    return sa.Table(name, sa.MetaData(), autoload_with=engine)
