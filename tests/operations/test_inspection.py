"""``op.has_…``: migrations that depend on what the database has."""

from __future__ import annotations

import io
import typing as t

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from flask_datamigrate import errors
from tests.databases.database import Database
from tests.operations.conftest import People


def asked(database: Database, what: str, *arguments: t.Any, **more: t.Any) -> bool:
    with database.engine().connect() as connection:
        op = Operations(MigrationContext.configure(connection))
        found = getattr(op, f"has_{what}")(*arguments, **more)
    assert isinstance(found, bool)
    return found


QUESTIONS = [
    ("table", ("people",), True),
    ("table", ("persons",), False),
    ("column", ("people", "name"), True),
    ("column", ("people", "names"), False),
    ("column", ("persons", "name"), False),
    ("index", ("people", "ix_people_n"), True),
    ("index", ("people", "ix_people_m"), False),
    ("index", ("persons", "ix_people_n"), False),
    ("constraint", ("people", "uq_people_name"), True),
    ("constraint", ("people", "ck_people_n"), True),
    ("constraint", ("people", "fk_people"), False),
    ("constraint", ("persons", "uq_people_name"), False),
]


def test_it_answers_what_is_there_and_what_is_not(people: People) -> None:
    for what, arguments, expected in QUESTIONS:
        assert asked(people.database, what, *arguments) is expected, (what, arguments)


def test_foreign_keys_and_primary_keys_are_constraints(database: Database) -> None:
    database.execute(
        "CREATE TABLE a (id INTEGER NOT NULL, CONSTRAINT pk_a PRIMARY KEY (id))"
    )
    database.execute(
        "CREATE TABLE b (id INTEGER NOT NULL, "
        "CONSTRAINT fk_b_a FOREIGN KEY (id) REFERENCES a (id))"
    )

    assert asked(database, "constraint", "b", "fk_b_a")
    if database.name != "mysql":
        # There the primary key is always called PRIMARY.
        assert asked(database, "constraint", "a", "pk_a")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_schema_can_be_named(database: Database) -> None:
    database.execute("CREATE SCHEMA archive")
    database.execute("CREATE TABLE archive.old (id INTEGER)")

    assert asked(database, "table", "old", schema="archive")
    assert asked(database, "column", "old", "id", schema="archive")
    assert not asked(database, "table", "old")


def test_a_revision_can_depend_on_it(people: People) -> None:
    people.revision(
        """
def upgrade():
    for name in ("name", "nick"):
        if not op.has_column("people", name):
            op.add_column("people", sa.Column(name, sa.String(5)))

def downgrade():
    pass
"""
    )

    people.upgrade()

    assert "nick" in people.columns()


@pytest.mark.parametrize("what", ["table", "column", "index", "constraint"])
def test_without_a_database_it_says_why_it_cannot_answer(what: str) -> None:
    context = MigrationContext.configure(
        dialect=sa.make_url("postgresql+psycopg2://").get_dialect()(),
        opts={"as_sql": True, "output_buffer": io.StringIO()},
    )
    arguments = ("people",) if what == "table" else ("people", "x")

    with pytest.raises(errors.OfflineError, match=f"op.has_{what} asks the database"):
        getattr(Operations(context), f"has_{what}")(*arguments)
