"""A Flask-Migrate project whose import line was changed, and its commands."""

from __future__ import annotations

import pathlib
import sys
import typing as t

import click.testing
import pytest
import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_datamigrate import DataMigrate

Tables = t.Callable[[SQLAlchemy], t.Any]


def users(db: SQLAlchemy) -> None:
    db.Table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50)),
    )


class Site:
    """An app with tables, and ``flask`` commands that run in this process.

    :param tables: defines the app's tables.
    :param options: what ``DataMigrate(app, db, …)`` gets beside app and database.
    """

    def __init__(
        self,
        url: str,
        tables: Tables = users,
        *,
        binds: t.Mapping[str, str] | None = None,
        migrate: DataMigrate | None = None,
        config: t.Mapping[str, t.Any] | None = None,
        **options: t.Any,
    ) -> None:
        self.app = Flask("site")
        self.app.config["SQLALCHEMY_DATABASE_URI"] = url
        if binds:
            self.app.config["SQLALCHEMY_BINDS"] = dict(binds)
        self.app.config.update(config or {})
        self.db = SQLAlchemy(self.app)
        tables(self.db)
        self.migrate = migrate or DataMigrate()
        self.migrate.init_app(self.app, self.db, **options)
        self.migrate.configure(_print_where_the_runner_looks)

    def run(self, *arguments: str) -> click.testing.Result:
        return self.app.test_cli_runner().invoke(args=list(arguments))

    def flask(self, *arguments: str) -> str:
        """Run a command, which has to succeed, and return what it printed."""
        result = self.run(*arguments)
        assert result.exit_code == 0, (arguments, result.output, result.exception)
        return result.output

    def close(self) -> None:
        with self.app.app_context():
            for engine in self.db.engines.values():
                engine.dispose()


def _print_where_the_runner_looks(config: t.Any) -> t.Any:
    # Alembic took the standard output of the time it was imported.
    config.stdout = sys.stdout
    return config


@pytest.fixture
def make_site(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> t.Iterator[t.Callable[..., Site]]:
    """Make apps in a directory of the test's own, which is the current one."""
    monkeypatch.chdir(tmp_path)
    sites: list[Site] = []

    def make(*arguments: t.Any, **options: t.Any) -> Site:
        sites.append(Site(*arguments, **options))
        return sites[-1]

    yield make
    for site in sites:
        site.close()


def revisions(directory: str = "migrations") -> list[pathlib.Path]:
    """Return the files of the revisions, by name."""
    return sorted(pathlib.Path(directory, "versions").glob("*.py"))
