"""A project whose first revision makes a table, for revisions that work on it."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import sqlalchemy as sa

import flask_datamigrate
from tests.apps import Project
from tests.databases.database import Database

SCHEMA = """
def upgrade():
    op.create_table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("n", sa.Integer),
        sa.UniqueConstraint("name", name="uq_people_name"),
        sa.CheckConstraint("n < 1000", name="ck_people_n"),
    )
    op.create_index("ix_people_n", "people", ["n"])

def downgrade():
    op.drop_table("people")
"""

FROZEN = """
people = frozen.table(
    "people",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(20)),
    sa.Column("n", sa.Integer),
)
"""


class People:
    """The project, upgraded and downgraded in this process."""

    def __init__(self, path: pathlib.Path, database: Database) -> None:
        self.project = Project(path, database.url).init()
        self.database = database
        self.project.revision("r1", SCHEMA)
        self.upgrade("r1")
        for i in range(1, 11):
            database.execute(
                f"INSERT INTO people (id, name, n) VALUES ({i}, 'p{i}', 1)"
            )

    def revision(self, body: str, revision: str = "r2", down: str = "r1") -> None:
        self.project.revision(revision, FROZEN + body, down=down)

    def upgrade(self, to: str = "head", **config: t.Any) -> None:
        with self.project.app(**config).app_context():
            flask_datamigrate.upgrade(revision=to)

    def downgrade(self, to: str = "r1") -> None:
        with self.project.app().app_context():
            flask_datamigrate.downgrade(revision=to)

    def column(self, sql: str = "SELECT n FROM people ORDER BY id") -> list[t.Any]:
        return [row[0] for row in self.database.rows(sql)]

    @property
    def version(self) -> str:
        return str(self.database.scalar("SELECT version_num FROM alembic_version"))

    def columns(self) -> set[str]:
        inspector = sa.inspect(self.database.engine())
        return {column["name"] for column in inspector.get_columns("people")}


@pytest.fixture
def people(tmp_path: pathlib.Path, database: Database) -> People:
    return People(tmp_path, database)
