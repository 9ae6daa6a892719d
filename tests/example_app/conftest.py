"""The example app on a real database, and short ways to look at it."""

from __future__ import annotations

import importlib.metadata
import typing as t

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from tests.databases.database import Database

Snapshot = dict[str, list[dict[str, t.Any]]]

# The app is written for Flask-SQLAlchemy 3.1; the extension works with 3.0 too.
_RELEASE = tuple(
    map(int, importlib.metadata.version("flask-sqlalchemy").split(".")[:2])
)
collect_ignore_glob = [] if _RELEASE >= (3, 1) else ["test_*.py"]

TABLES = ("users", "bugs", "orders")


class Tracker:
    """The example app on one database.

    The fixture is not called ``app``, since pytest-flask would then keep one app
    context, and with it one session, around all requests of a test.
    """

    def __init__(self, url: str) -> None:
        from example_app import create_app

        self.app: Flask = create_app({"SQLALCHEMY_DATABASE_URI": url, "TESTING": True})

    @property
    def engine(self) -> sa.Engine:
        from example_app.database import db

        with self.app.app_context():
            return db.engine

    def flask(self, *arguments: str, exit_code: int = 0) -> str:
        """Run a ``flask`` command, and return what it printed."""
        result = self.app.test_cli_runner().invoke(args=list(arguments))
        assert result.exit_code == exit_code, (result.output, result.exception)
        return result.output

    def data(self) -> Snapshot:
        """Return every row of every table of the app."""
        tables = sa.MetaData()
        tables.reflect(self.engine, only=lambda name, _: name in TABLES)
        with self.engine.connect() as connection:
            return {
                table.name: [
                    dict(row)
                    for row in connection.execute(
                        sa.select(table).order_by(table.c.id)
                    ).mappings()
                ]
                for table in tables.sorted_tables
            }

    def schema(self) -> dict[str, t.Any]:
        """Return columns, indexes and keys of every table of the app."""
        inspector = sa.inspect(self.engine)
        there = [name for name in TABLES if inspector.has_table(name)]
        return {
            name: (
                [
                    (c["name"], str(c["type"]), c["nullable"])
                    for c in inspector.get_columns(name)
                ],
                sorted(str(i["name"]) for i in inspector.get_indexes(name)),
                sorted(str(k["name"]) for k in inspector.get_foreign_keys(name)),
            )
            for name in there
        }


@pytest.fixture
def tracker(database: Database) -> t.Iterator[Tracker]:
    """Give the app on an empty database."""
    tracker = Tracker(database.url)
    yield tracker
    tracker.engine.dispose()


@pytest.fixture
def seeded(tracker: Tracker) -> Tracker:
    """Give the app at the baseline, with rows."""
    tracker.flask("db", "upgrade", "0001")
    tracker.flask("seed", "--rows", "200")
    return tracker


@pytest.fixture
def upgraded(seeded: Tracker) -> Tracker:
    """Give the app with rows that went through every migration."""
    seeded.flask("db", "upgrade")
    return seeded


@pytest.fixture
def browser(upgraded: Tracker) -> FlaskClient:
    """Give a client of the upgraded app."""
    return upgraded.app.test_client()
