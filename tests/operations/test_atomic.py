"""Small tables: add a column, fill it, set NOT NULL, in one revision."""

from __future__ import annotations

import pytest
from alembic import command
from flask import current_app

from flask_datamigrate import errors
from tests.operations.conftest import People

TEXTBOOK = """
fill = Backfill(
    sa.update(people).where(people.c.n.is_not(None)).values(name=people.c.name + "!"),
    atomic=True, verify=False,
)

def upgrade():
    op.add_column("people", sa.Column("extra", sa.Integer))
    op.backfill(fill)

def downgrade():
    with op.batch_alter_table("people") as batch:
        batch.drop_column("extra")
"""

PYTHON = """
fill = Backfill.rows(
    people, lambda row: {{"n": {expression}}}, reads=["n"], writes=["n"], atomic=True,
)

def upgrade():
    op.add_column("people", sa.Column("extra", sa.Integer))
    op.backfill(fill)

def downgrade():
    pass
"""


def test_schema_and_rows_change_in_one_revision(people: People) -> None:
    people.revision(TEXTBOOK)

    people.upgrade()

    names = people.column("SELECT name FROM people ORDER BY id")
    assert names == [f"p{i}!" for i in range(1, 11)]
    assert people.version == "r2"
    assert "extra" in people.columns()


def test_it_runs_under_plain_alembic_too(people: People) -> None:
    people.revision(TEXTBOOK)
    with people.project.app().app_context():
        config = current_app.extensions["migrate"].migrate.get_config()
        command.upgrade(config, "head")

    assert people.column("SELECT name FROM people WHERE id = 1") == ["p1!"]
    assert people.version == "r2"


def test_rows_are_computed_in_python(people: People) -> None:
    people.revision(PYTHON.format(expression="row.id * 10"))

    people.upgrade()

    assert people.column() == [i * 10 for i in range(1, 11)]


FAILURES = {
    "a transform that fails": (
        PYTHON.format(expression="1 // (row.id - 7)"),
        "row id=7: the transform raised ZeroDivisionError",
    ),
    "a value the database refuses": (
        PYTHON.format(expression="5000"),
        "the database refused a row",
    ),
    "a check that does not hold": (
        TEXTBOOK.replace("verify=False", "verify=sa.text('SELECT 5')"),
        "its check returned 5",
    ),
    "an unknown function": (
        TEXTBOOK.replace('people.c.name + "!"', "sa.func.no_such(people.c.name)"),
        "the database refused the statement",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_fails_changes_no_row_and_says_what_stays(
    people: People, name: str
) -> None:
    body, complaint = FAILURES[name]
    people.revision(body)

    with pytest.raises(errors.DataMigrateError, match=complaint) as caught:
        people.upgrade()

    message = str(caught.value)
    assert "revision r2, table people" in message
    assert people.column() == [1] * 10
    assert people.version == "r1"
    if people.database.name == "postgresql":
        assert "The revision was rolled back whole" in message
        assert "extra" not in people.columns()
    else:
        assert "does not roll DDL back" in message


def test_a_table_with_more_rows_than_allowed_is_refused(people: People) -> None:
    people.revision(TEXTBOOK)

    with pytest.raises(errors.DefinitionError, match="more than 9") as caught:
        people.upgrade(DATAMIGRATE_ATOMIC_ROWS=9)

    assert "Leave atomic=True out" in str(caught.value)
    assert people.column("SELECT name FROM people WHERE id = 1") == ["p1"]
    people.downgrade("base")
