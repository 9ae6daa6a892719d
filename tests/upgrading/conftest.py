"""A project with a table of counters, and its migrations run in this process."""

from __future__ import annotations

import pathlib
import typing as t

import flask_migrate
import pytest
from flask import Flask

import flask_datamigrate
from flask_datamigrate.upgrading import UpgradeReport
from tests.apps import Project
from tests.databases.database import Database

CREATE = """
def upgrade():
    op.create_table(
        "counters",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer, nullable=False),
    )
    op.execute("INSERT INTO counters VALUES (1, 10), (2, 20), (5, 50)")

def downgrade():
    op.drop_table("counters")
"""

COUNTERS = """
counters = frozen.table(
    "counters",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("n", sa.Integer),
)
"""

ADD = (
    COUNTERS
    + """
backfill = Backfill(sa.update(counters).values(n=counters.c.n + {by}), undo=True)

def upgrade():
    op.backfill(backfill)

def downgrade():
    op.undo_backfill(backfill)
"""
)

ADD_FOR_GOOD = ADD.replace("op.undo_backfill(backfill)", "pass").replace(
    ", undo=True", "{options}"
)

COLUMN = """
def upgrade():
    op.add_column("counters", sa.Column("{name}", sa.Integer))

def downgrade():
    with op.batch_alter_table("counters") as batch:
        batch.drop_column("{name}")
"""


class Bench:
    """A project on a database, with its app."""

    def __init__(self, project: Project, database: Database) -> None:
        self.project = project
        self.database = database
        self._apps: list[Flask] = []
        self.app = self.make_app()
        with self.app.app_context():
            flask_migrate.init(multidb=bool(project.binds))

    def make_app(self, **config: t.Any) -> Flask:
        self._apps.append(self.project.app(**config))
        return self._apps[-1]

    def revision(self, name: str, body: str, **options: t.Any) -> pathlib.Path:
        return self.project.revision(name, body, **options)

    def chain(self, *bodies: str) -> None:
        """Write revisions r1, r2, … one after another."""
        down = None
        for number, body in enumerate(bodies, start=1):
            self.revision(f"r{number}", body, down=down)
            down = f"r{number}"

    def upgrade(self, revision: str = "head", **options: t.Any) -> UpgradeReport:
        with self.app.app_context():
            return flask_datamigrate.upgrade(revision=revision, **options)

    def downgrade(self, revision: str = "-1", **options: t.Any) -> UpgradeReport:
        with self.app.app_context():
            return flask_datamigrate.downgrade(revision=revision, **options)

    def flask(self, *arguments: str) -> t.Any:
        """Run a command in this process, whatever its exit code."""
        return self.app.test_cli_runner().invoke(args=list(arguments))

    @property
    def counts(self) -> list[int]:
        return [n for (n,) in self.database.rows("SELECT n FROM counters ORDER BY id")]

    @property
    def heads(self) -> set[str]:
        rows = self.database.rows("SELECT version_num FROM alembic_version")
        return {version for (version,) in rows}

    def close(self) -> None:
        for app in self._apps:
            with app.app_context():
                for engine in app.extensions["sqlalchemy"].engines.values():
                    engine.dispose()


@pytest.fixture
def bench(tmp_path: pathlib.Path, database: Database) -> t.Iterator[Bench]:
    bench = Bench(Project(tmp_path, database.url), database)
    yield bench
    bench.close()
