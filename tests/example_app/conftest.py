"""The example app on a real database, and short ways to look at it."""

from __future__ import annotations

import contextlib
import importlib.metadata
import pathlib
import typing as t

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from tests.databases.database import Database
from tests.databases.run import Servers
from tests.databases.servers import database_on

Snapshot = dict[str, list[dict[str, t.Any]]]

# The app is written for Flask-SQLAlchemy 3.1; the extension works with 3.0 too.
_RELEASE = tuple(
    map(int, importlib.metadata.version("flask-sqlalchemy").split(".")[:2])
)
collect_ignore_glob = [] if _RELEASE >= (3, 1) else ["test_*.py"]

# Those that test_migrations.py does not have, with rows and in more detail.
datamigrate_tests = (
    ["single_head", "models_match_schema", "lint_clean"]
    if _RELEASE >= (3, 1)
    else False
)

VERSIONS = pathlib.Path(__file__).parents[2] / "example_app/migrations/versions"
REVISIONS = sorted(path.name[:4] for path in VERSIONS.glob("[0-9]*_*.py"))

TABLES = ("users", "bugs", "orders", "root_causes")

BESIDE = {
    "postgresql": "SELECT pg_get_triggerdef(oid) FROM pg_trigger "
    "WHERE NOT tgisinternal UNION ALL SELECT proname || prosrc FROM pg_proc "
    "WHERE pronamespace = to_regnamespace('public') "
    "UNION ALL SELECT typname FROM pg_type WHERE typtype = 'e'",
    "mysql": "SELECT trigger_name FROM information_schema.triggers "
    "WHERE trigger_schema = DATABASE()",
    "sqlite": "SELECT name FROM sqlite_master "
    "WHERE type = 'trigger' OR name LIKE 'bugs_search%'",
}
"""Triggers, functions, types and the tables of a search index, by what tells them."""


class Tracker:
    """The example app on one database.

    The fixture is not called ``app``, since pytest-flask would then keep one app
    context, and with it one session, around all requests of a test.

    :param config: more keys of its configuration.
    """

    def __init__(self, url: str, **config: t.Any) -> None:
        from example_app import create_app

        self.app: Flask = create_app(
            {"SQLALCHEMY_DATABASE_URI": url, "TESTING": True, **config}
        )

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
        """Return what every table of the app has, and what was made beside them.

        A column that came back stands last on some databases, so their order is
        not looked at.
        """
        inspector = sa.inspect(self.engine)
        there = [name for name in TABLES if inspector.has_table(name)]
        with self.engine.connect() as connection:
            query = BESIDE[connection.dialect.name]
            beside = sorted(connection.scalars(sa.text(query)))
        tables = {
            name: (
                sorted(
                    (c["name"], str(c["type"]), c["nullable"], str(c["default"]))
                    for c in inspector.get_columns(name)
                ),
                sorted(str(i["name"]) for i in inspector.get_indexes(name)),
                sorted(str(k["name"]) for k in inspector.get_foreign_keys(name)),
            )
            for name in there
        }
        return {**tables, "beside": beside} if beside else tables


@pytest.fixture
def app(tracker: Tracker) -> Flask:
    """Give the app to the ready-made tests."""
    return tracker.app


@pytest.fixture
def tracker(database: Database) -> t.Iterator[Tracker]:
    """Give the app on an empty database."""
    tracker = Tracker(database.url)
    yield tracker
    tracker.engine.dispose()


@pytest.fixture
def seeded(tracker: Tracker) -> Tracker:
    """Give the app at the baseline, with rows."""
    _seed(tracker)
    return tracker


class Upgraded:
    """For each server, a database with rows that went through every migration.

    :param servers: where they are made, by the first test that wants one.
    """

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._kept = contextlib.ExitStack()
        self._made: dict[str, Database] = {}

    def copy_to(self, database: Database) -> None:
        server = self._servers.get(database.name)
        if database.name not in self._made:
            made = self._kept.enter_context(database_on(server))
            tracker = Tracker(made.url)
            _seed(tracker)
            tracker.flask("db", "upgrade")
            tracker.engine.dispose()
            self._made[database.name] = made
        server.copy(self._made[database.name], database)

    def close(self) -> None:
        self._kept.close()


@pytest.fixture(scope="session")
def all_upgraded(database_servers: Servers) -> t.Iterator[Upgraded]:
    with contextlib.closing(Upgraded(database_servers)) as upgraded:
        yield upgraded


@pytest.fixture
def upgraded(tracker: Tracker, database: Database, all_upgraded: Upgraded) -> Tracker:
    """Give the app with rows that went through every migration."""
    all_upgraded.copy_to(database)
    return tracker


@pytest.fixture
def browser(upgraded: Tracker) -> FlaskClient:
    """Give a client of the upgraded app."""
    return upgraded.app.test_client()


def _seed(tracker: Tracker) -> None:
    tracker.flask("db", "upgrade", "0001")
    tracker.flask("seed", "--rows", "200")
