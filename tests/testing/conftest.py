"""A small project, and an inner run of pytest that has it under test."""

from __future__ import annotations

import importlib
import pathlib

import pytest

from tests.apps import Project
from tests.databases.database import Database

pytest_plugins = ["pytester"]

# An inner run forgets the modules it was the first to import. Alembic would not forget
# what these have registered with it.
for name in ("plugin", "autogenerate", "ddl.rendering"):
    importlib.import_module(f"flask_datamigrate.operations.{name}")

R1 = """
def upgrade():
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", sa.String(200), nullable=False),
        sa.Column("visits", sa.Integer),
    )

def downgrade():
    op.drop_table("users")
"""

R2 = """
users = frozen.table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("visits", sa.Integer),
)
backfill = Backfill(sa.update(users).values(visits=users.c.visits + 1), undo=True)

def upgrade():
    op.backfill(backfill)

def downgrade():
    op.undo_backfill(backfill)
"""

R3 = """
def upgrade():
    with op.batch_alter_table("users") as batch:
        batch.add_column(sa.Column("name", sa.String(50)))

def downgrade():
    with op.batch_alter_table("users") as batch:
        batch.drop_column("name")
"""


@pytest.fixture
def project(tmp_path: pathlib.Path, database: Database) -> Project:
    """Give a project of three revisions, one of them a data migration."""
    made = Project(tmp_path, database.url).init()
    made.config = {"DATAMIGRATE_MAX_BATCH_SIZE": 10, "DATAMIGRATE_BATCH_SIZE": 10}
    made.revision("r1", R1)
    made.revision("r2", R2, down="r1")
    made.revision("r3", R3, down="r2")
    return made
