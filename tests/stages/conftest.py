"""A project with people, and a change that splits their names in stages."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from tests.apps import Project
from tests.databases.database import Database
from tests.upgrading.conftest import Bench

PEOPLE = """
def upgrade():
    op.create_table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("full_name", sa.String(100)),
    )
    op.execute("INSERT INTO people VALUES (1, 'Ada Lovelace'), (2, 'Alan Turing')")

def downgrade():
    op.drop_table("people")
"""

EXPAND = """
change = "split"
stage = "expand"

def upgrade():
    op.add_column("people", sa.Column("first_name", sa.String(50)))

def downgrade():
    with op.batch_alter_table("people") as batch:
        batch.drop_column("first_name")
"""

MIGRATE = """
change = "split"
stage = "migrate"

people = frozen.table(
    "people",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("full_name", sa.String(100)),
    sa.Column("first_name", sa.String(50)),
)
backfill = Backfill(
    sa.update(people)
    .where(people.c.first_name.is_(None))
    .values(first_name=sn.split_part(people.c.full_name, " ", 1)),
    undo=True,
    name="fill",
)

def upgrade():
    op.backfill(backfill)

def downgrade():
    op.undo_backfill(backfill)
"""

DEFERRED = MIGRATE.replace('name="fill"', 'name="fill", deferred=True')

CONTRACT = """
change = "split"
stage = "contract"

def upgrade():
    with op.batch_alter_table("people") as batch:
        batch.drop_column("full_name")

def downgrade():
    op.add_column("people", sa.Column("full_name", sa.String(100)))
"""

ORDINARY = """
def upgrade():
    op.create_table("things", sa.Column("id", sa.Integer, primary_key=True))

def downgrade():
    op.drop_table("things")
"""


class Split(Bench):
    """The project, whose config says how far its code is."""

    def at(self, stage: str | None, **config: t.Any) -> Split:
        """Go on with code at a stage; ``None`` for a config without the change."""
        stages = {} if stage is None else {"split": stage}
        self.app = self.make_app(DATAMIGRATE_STAGES=stages, **config)
        return self

    def write(self, *, migrate: str = MIGRATE) -> None:
        """Write the revisions: r1, r2 to r4 of the change, and r5 behind them."""
        self.chain(PEOPLE, EXPAND, migrate, CONTRACT, ORDINARY)

    @property
    def columns(self) -> set[str]:
        import sqlalchemy as sa

        inspector = sa.inspect(self.database.engine())
        return {column["name"] for column in inspector.get_columns("people")}


@pytest.fixture
def split(tmp_path: pathlib.Path, database: Database) -> t.Iterator[Split]:
    bench = Split(Project(tmp_path, database.url), database)
    yield bench
    bench.close()
