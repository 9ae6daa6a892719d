"""The fixture ``datamigrate``: migrations taken up and down, with rows."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate.errors import DataMigrateError
from flask_datamigrate.testing import Migrations
from tests.apps import Project
from tests.databases.database import Database

ROWS = [{"id": i, "email": f"{i}@example.org", "visits": i} for i in range(1, 51)]


@pytest.fixture
def migrations(project: Project) -> t.Iterator[Migrations]:
    with Migrations(project.app()).on_empty_databases() as migrations:
        yield migrations


def test_rows_go_in_at_one_revision_and_are_looked_at_after_the_next(
    migrations: Migrations,
) -> None:
    migrations.upgrade_to("r1")
    assert migrations.heads == ("r1",)
    migrations.insert("users", ROWS)
    report = migrations.upgrade_to("r2")

    assert [backfill.changed for backfill in report.backfills] == [50]
    assert [row["visits"] for row in migrations.rows("users")] == list(range(2, 52))

    migrations.downgrade_to("r1")
    assert migrations.rows("users") == ROWS


def test_the_columns_are_those_of_the_revision(migrations: Migrations) -> None:
    migrations.upgrade_to("r3")
    migrations.insert("users", {"id": 1, "email": "a", "visits": None, "name": "Ada"})
    assert migrations.rows("users")[0]["name"] == "Ada"

    migrations.downgrade_to("r2")
    with pytest.raises(LookupError, match='has no column "name" at this revision'):
        migrations.insert("users", {"id": 2, "email": "b", "name": "Bo"})
    with pytest.raises(LookupError, match='no table "user" .* mean "users"'):
        migrations.rows("user")


def test_a_killed_upgrade_goes_on_where_it_was(migrations: Migrations) -> None:
    migrations.upgrade_to("r1")
    migrations.insert("users", ROWS)

    migrations.upgrade_killed("r2", after=2)
    done = [row["visits"] - row["id"] for row in migrations.rows("users")]
    assert done == [1] * 20 + [0] * 30

    migrations.upgrade_to("r2")
    assert [row["visits"] for row in migrations.rows("users")] == list(range(2, 52))


def test_an_upgrade_that_ends_before_its_kill_fails_the_test(
    migrations: Migrations,
) -> None:
    migrations.upgrade_to("r1")
    migrations.insert("users", ROWS[:5])
    with pytest.raises(AssertionError, match="done before it could be killed"):
        migrations.upgrade_killed("r3", after=9)
    migrations.downgrade_to("base")
    with pytest.raises(AssertionError, match=r"failed before .*No such revision|nope"):
        migrations.upgrade_killed("nope")
    with pytest.raises(ValueError, match="at least one batch"):
        migrations.upgrade_killed("r3", after=0)


def test_it_leaves_an_empty_database(project: Project, database: Database) -> None:
    project.revision(
        "r4",
        """
        def upgrade():
            kind = sa.Enum("a", "b", name="kind")
            op.create_table(
                "children",
                sa.Column("id", sa.Integer, primary_key=True),
                sa.Column("kind", kind),
                sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id")),
            )
            op.execute("CREATE VIEW names AS SELECT name FROM users")

        def downgrade():
            raise RuntimeError("there is no way back")
        """,
        down="r3",
    )
    database.execute("CREATE VIEW stays AS SELECT 1 AS one")
    with Migrations(project.app()).on_empty_databases() as migrations:
        migrations.upgrade_to()
        assert "children" in database.tables()
    assert database.tables() == []
    assert sa.inspect(database.engine()).get_view_names() == ["stays"]
    if database.name == "postgresql":
        assert database.rows("SELECT typname FROM pg_type WHERE typname = 'kind'") == []


def test_it_takes_no_database_that_has_tables(
    project: Project, database: Database
) -> None:
    database.execute("CREATE TABLE precious (id INTEGER PRIMARY KEY)")
    with pytest.raises(DataMigrateError, match="not empty: there are 1 tables"):
        with Migrations(project.app()).on_empty_databases():
            pass
    assert database.tables() == ["precious"]


def test_a_snapshot_says_what_is_different(migrations: Migrations) -> None:
    migrations.upgrade_to("r1")
    before = migrations.snapshot()
    migrations.insert("users", ROWS[:1])
    migrations.upgrade_to("r3")
    after = migrations.snapshot()
    assert before.difference(before) == ""
    found = before.difference(after)
    assert "users: + column name VARCHAR(50) default None" in found.replace("'", "")
    assert "users: + row {'id': 1" in found
    assert after.difference(before).count("users: - ") == found.count("users: + ")
