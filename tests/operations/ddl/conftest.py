"""A project with parents and children, for safe DDL in its second revision."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import sqlalchemy as sa
from alembic import command
from flask import current_app

import flask_datamigrate
from tests.apps import Project
from tests.databases.database import Database

SCHEMA = """
def upgrade():
    op.create_table(
        "parents",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(20), server_default="it's :x NULL"),
        sa.Column("n", sa.Integer),
    )
    op.create_table(
        "children",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("parent_id", sa.Integer),
        sa.Column(
            "owner_id",
            sa.Integer,
            sa.ForeignKey("parents.id", ondelete="CASCADE", name="fk_owner"),
        ),
    )

def downgrade():
    op.drop_table("children")
    op.drop_table("parents")
"""

FORMS = {
    "in use": {"DATAMIGRATE_ATOMIC_ROWS": 5},
    "small": {"DATAMIGRATE_ATOMIC_ROWS": 100},
}
"""What makes ten rows a table in use, and a small one."""


class Family:
    """The project, upgraded and downgraded in this process."""

    def __init__(self, path: pathlib.Path, database: Database) -> None:
        self.project = Project(path, database.url)
        self.database = database
        self.config: dict[str, t.Any] = {"DATAMIGRATE_ATOMIC_ROWS": 5}
        with self.project.app().app_context():
            flask_datamigrate.init(str(self.project.migrations))
        self.project.revision("r1", SCHEMA)
        self.upgrade("r1")
        for i in range(1, 11):
            database.execute(
                f"INSERT INTO parents (id, name, n) VALUES ({i}, 'p{i}', {i})"
            )
            database.execute(
                f"INSERT INTO children (id, parent_id, owner_id) VALUES ({i}, {i}, {i})"
            )

    def revision(
        self,
        upgrade: str,
        downgrade: str = "pass",
        revision: str = "r2",
        down: str = "r1",
    ) -> None:
        body = f"def upgrade():\n    {upgrade}\n\ndef downgrade():\n    {downgrade}\n"
        self.project.revision(revision, body, down=down)

    def upgrade(self, to: str = "head", **options: t.Any) -> None:
        self._run(lambda: flask_datamigrate.upgrade(revision=to, **options))

    def downgrade(self, to: str = "r1") -> None:
        self._run(lambda: flask_datamigrate.downgrade(revision=to))

    def alembic(self, name: str, *arguments: t.Any, **options: t.Any) -> None:
        """Run a command of plain Alembic."""

        def run() -> None:
            config = current_app.extensions["migrate"].migrate.get_config()
            getattr(command, name)(config, *arguments, **options)

        self._run(run)

    def _run(self, call: t.Callable[[], object]) -> None:
        app = self.project.app(**self.config)
        with app.app_context():
            try:
                call()
            finally:
                for engine in app.extensions["sqlalchemy"].engines.values():
                    engine.dispose()

    def table(self, name: str = "parents") -> sa.Table:
        """Return a table as the database has it."""
        return sa.Table(name, sa.MetaData(), autoload_with=self.database.engine())

    @property
    def is_small(self) -> bool:
        """Whether the tables are small ones to the directives."""
        return bool(self.config["DATAMIGRATE_ATOMIC_ROWS"] > 10)

    @property
    def version(self) -> str:
        return str(self.database.scalar("SELECT version_num FROM alembic_version"))


@pytest.fixture
def family(tmp_path: pathlib.Path, database: Database) -> Family:
    return Family(tmp_path, database)


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest, family: Family) -> str:
    """Run a test with a table in use, and with a small one."""
    family.config.update(FORMS[request.param])
    return str(request.param)
