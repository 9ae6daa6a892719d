"""An app on the test's database, with a fresh ``migrations`` folder."""

from __future__ import annotations

import pathlib

import flask_migrate
import pytest
import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_datamigrate import DataMigrate


class Site:
    """An app, its database and its revisions.

    :param database: the database of the app.
    :param binds: the databases behind its bind keys.
    """

    def __init__(self, database, **binds):
        self.database = database
        self.app = Flask("site")
        self.app.config["SQLALCHEMY_DATABASE_URI"] = database.url
        if binds:
            self.app.config["SQLALCHEMY_BINDS"] = {
                key: bound.url for key, bound in binds.items()
            }
        self.db = SQLAlchemy(self.app)
        DataMigrate(self.app, self.db)
        with self.app.app_context():
            flask_migrate.init(multidb=bool(binds))

    def run(self, *args):
        return self.app.test_cli_runner().invoke(args=["db", *args])

    def new(self, *args):
        """Write a revision, and return the path of its file."""
        before = set(self.files())
        result = self.run("data", "new", *args)
        assert result.exit_code == 0, result.output
        (path,) = set(self.files()) - before
        assert path.name in result.output
        return path

    def files(self):
        return sorted(pathlib.Path("migrations").rglob("versions/**/*.py"))

    def close(self):
        with self.app.app_context():
            for engine in self.db.engines.values():
                engine.dispose()


@pytest.fixture
def make_site(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sites = []

    def make(*args, **binds):
        sites.append(Site(*args, **binds))
        return sites[-1]

    yield make
    for site in sites:
        site.close()


@pytest.fixture
def site(database, make_site):
    metadata = sa.MetaData()
    sa.Table(
        "users",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("full_name", sa.String(100), nullable=False),
        sa.Column("first_name", sa.String(50)),
    )
    sa.Table(
        "names",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
    )
    engine = database.engine()
    metadata.create_all(engine)
    for name in ("Ana Lima", "Bo Ek"):
        database.execute("INSERT INTO users (full_name) VALUES (:name)", {"name": name})
    return make_site(database)
