"""The schema as of a revision, from the migrations alone."""

from __future__ import annotations

import pathlib

import pytest
import sqlalchemy as sa

from flask_datamigrate import frozen
from flask_datamigrate.errors import RevisionError
from tests.apps import Project
from tests.databases.database import Database

R1 = """
def upgrade():
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("nick", sa.String(20)),
    )
"""

R2 = """
users = frozen.table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50)),
)
backfill = Backfill(sa.update(users).values(name=users.c.name + "!"))

def upgrade():
    op.backfill(backfill)
"""

R3 = """
def upgrade():
    with op.batch_alter_table("users") as batch:
        batch.add_column(sa.Column("email", sa.String(200)))
    op.create_index_online("ix_users_email", "users", ["email"])
    op.add_check_online("ck_users_name", "users", sa.text("name <> ''"))
"""

R4 = """
def upgrade():
    with op.batch_alter_table("users") as batch:
        batch.drop_column("nick")
"""


@pytest.fixture
def project(tmp_path: pathlib.Path, database: Database) -> Project:
    made = Project(tmp_path, database.url).init()
    made.revision("r1", R1)
    made.revision("r2", R2, down="r1")
    made.revision("r3", R3, down="r2")
    made.revision("r4", R4, down="r3")
    return made


def test_each_revision_has_the_columns_of_its_time(
    project: Project, database: Database
) -> None:
    with project.app().app_context():
        columns = {
            revision: sorted(frozen.at(revision).tables["users"].c.keys())
            for revision in ("r1", "r3", "head")
        }
        (index,) = frozen.at("r3").tables["users"].indexes
        assert list(frozen.at("r4").tables) == ["users"]

    assert columns == {
        "r1": ["id", "name", "nick"],
        "r3": ["email", "id", "name", "nick"],
        "head": ["email", "id", "name"],
    }
    assert index.name == "ix_users_email"
    assert database.tables() == []


def test_freeze_prints_a_table_of_an_earlier_revision(project: Project) -> None:
    project.flask("db", "upgrade", "r4")
    runner = project.app().test_cli_runner()
    then = runner.invoke(args=["db", "data", "freeze", "users", "--at", "r2"])
    now = runner.invoke(args=["db", "data", "freeze", "users"])
    assert 'sa.Column("nick", sa.String(20))' in then.output
    assert "email" in now.output and '"nick"' not in now.output


@pytest.mark.parametrize(
    ("revision", "there_are"),
    [("base", "there are none"), ("r1", 'did you mean "users"? (there are: users)')],
)
def test_a_table_that_was_not_there_yet_is_looked_for_in_the_migrations(
    project: Project, revision: str, there_are: str
) -> None:
    project.flask("db", "upgrade", "r4")
    runner = project.app().test_cli_runner()
    result = runner.invoke(args=["db", "data", "freeze", "userz", "--at", revision])
    said = f'there is no table "userz" in the migrations as of {revision}: {there_are}'
    assert result.exit_code == 1
    assert said in " ".join(result.output.split())


def test_the_table_of_alembic_is_not_named_among_those_of_the_app(
    project: Project,
) -> None:
    project.flask("db", "upgrade", "r1")
    runner = project.app().test_cli_runner()
    result = runner.invoke(args=["db", "data", "freeze", "zzz"])
    assert "in the database: there are: users" in " ".join(result.output.split())


TYPED = """
import enum

def upgrade():
    op.create_table(
        "things",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Enum("a", "b", name="kind")),
        sa.Column("size", sa.Integer),
    )
    with op.batch_alter_table("things") as batch:
        batch.add_column(sa.Column("other", sa.Uuid))
        batch.alter_column("size", type_=sa.BigInteger)
    with op.batch_alter_table("things", recreate="always") as batch:
        batch.alter_column("size", new_column_name="bytes")
    op.rename_table("things", "objects")
"""


def test_types_are_those_the_migrations_gave(project: Project) -> None:
    project.revision("r5", TYPED, down="r4")
    with project.app().app_context():
        columns = frozen.at("r5").tables["objects"].c
    assert columns.keys() == ["id", "kind", "bytes", "other"]
    assert isinstance(columns.id.type, sa.Uuid)
    assert isinstance(columns.other.type, sa.Uuid)
    assert columns.kind.type.enums == ["a", "b"]
    runner = project.app().test_cli_runner()
    printed = runner.invoke(args=["db", "data", "freeze", "objects", "--at", "r5"])
    assert 'sa.Column("id", sa.Uuid, primary_key=True)' in printed.output


ONLY_THERE = {
    "postgresql": """
def upgrade():
    tags = sa.Column("tags", sa.ARRAY(sa.Text))
    op.create_table("odd", sa.Column("id", sa.Integer, primary_key=True), tags)
""",
    "mysql": """
def upgrade():
    op.execute("CREATE TABLE odd (id INTEGER PRIMARY KEY, tags SET('a'))")
""",
}


@pytest.mark.parametrize("database", list(ONLY_THERE), indirect=True)
def test_a_history_that_sqlite_cannot_run_is_replayed_on_the_server(
    project: Project, database: Database
) -> None:
    project.revision("r5", ONLY_THERE[database.name], down="r4")
    with project.app().app_context():
        odd = frozen.at("r5").tables["odd"]
    kind = {"postgresql": "ARRAY", "mysql": "SET"}[database.name]
    assert odd.c.tags.type.__visit_name__ == kind
    assert database.tables() == []
    left = {
        "postgresql": "SELECT datname FROM pg_database",
        "mysql": "SELECT schema_name FROM information_schema.schemata",
    }[database.name]
    assert not [n for (n,) in database.rows(left) if n.startswith("datamigrate_replay")]


def test_a_history_that_runs_nowhere_is_one_clear_error(project: Project) -> None:
    project.revision("r5", "def upgrade(): op.drop_table('nope')", down="r4")
    with project.app().app_context():
        with pytest.raises(
            RevisionError, match=r"r5.py, line \d+\): the history cannot"
        ):
            frozen.at("r5")
        with pytest.raises(RevisionError, match="Can't locate revision .*'nope'"):
            frozen.at("nope")
