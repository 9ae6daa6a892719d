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
        assert "The revision was rolled back" in message
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


LOOSE = """
code, n = sa.Column("code", sa.String(20)), sa.Column("n", sa.Integer)
loose = frozen.table("loose", code, n)
total = frozen.table("total", sa.Column("n", sa.Integer, primary_key=True))
{fill}

def upgrade():
    op.backfill(fill)

def downgrade():
    pass
"""


@pytest.fixture
def loose(people: People) -> People:
    """A table with rows that have no key, and one for what they come to."""
    people.database.execute("CREATE TABLE loose (code VARCHAR(20), n INTEGER)")
    people.database.execute("CREATE UNIQUE INDEX ix_loose_code ON loose (code)")
    people.database.execute("CREATE TABLE total (n INTEGER PRIMARY KEY)")
    people.database.execute(
        "INSERT INTO loose VALUES ('a', 1), ('b', 1), (NULL, 1), (NULL, 1)"
    )
    return people


def test_rows_without_a_key_are_changed_too(loose: People) -> None:
    statement = "sa.update(loose).where(loose.c.n == 1).values(n=2)"
    fill = f"fill = Backfill({statement}, key=['code'], atomic=True)"
    loose.revision(LOOSE.format(fill=fill))

    loose.upgrade()

    assert loose.column("SELECT n FROM loose") == [2] * 4


def test_rows_that_python_could_not_find_again_are_refused(loose: People) -> None:
    fill = (
        "fill = Backfill.rows(loose, lambda row: {'n': 2}, reads=[], writes=['n'], "
        "key=['code'], atomic=True)"
    )
    loose.revision(LOOSE.format(fill=fill))

    with pytest.raises(errors.DefinitionError, match='"code" .* can be NULL'):
        loose.upgrade()

    assert loose.column("SELECT n FROM loose") == [1] * 4


def test_an_insert_is_of_the_whole_query(loose: People) -> None:
    """One that could not be told range by range."""
    query = "sa.select(sa.func.sum(loose.c.n))"
    statement = f"sa.insert(total).from_select(['n'], {query})"
    fill = f"fill = Backfill({statement}, over=loose, key=['code'], atomic=True)"
    loose.revision(LOOSE.format(fill=fill))

    loose.upgrade()

    assert loose.column("SELECT n FROM total") == [4]


def test_an_empty_table_is_checked_too(people: People) -> None:
    people.database.execute("DELETE FROM people")
    people.revision(TEXTBOOK.replace("verify=False", "verify=sa.text('SELECT 5')"))

    with pytest.raises(errors.VerificationError, match="its check returned 5"):
        people.upgrade()

    assert people.version == "r1"


COPY = """
others = frozen.table("others", sa.Column("id", sa.Integer), sa.Column("nmae", sa.Text))
fill = Backfill(
    sa.insert(others).from_select(["id"], sa.select(people.c.id)),
    over=people, atomic=True,
)

def upgrade():
    op.create_table("others", sa.Column("id", sa.Integer), sa.Column("name", sa.Text))
    op.backfill(fill)
"""


def test_the_table_it_fills_is_compared_too(people: People) -> None:
    people.revision(COPY)

    with pytest.raises(errors.FrozenMismatchError, match='table "others".*"nmae"'):
        people.upgrade()


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_a_table_without_transactions_is_refused(people: People) -> None:
    people.database.execute("ALTER TABLE people ENGINE=MyISAM")
    people.revision(TEXTBOOK)

    with pytest.raises(errors.DefinitionError, match="ENGINE=InnoDB"):
        people.upgrade()

    assert people.column("SELECT name FROM people WHERE id = 1") == ["p1"]


JOINED = """
from flask_datamigrate import snippets as sn

given = frozen.table("given", sa.Column("id", sa.Integer), sa.Column("n", sa.Integer))
fill = Backfill(
    sn.update_from(
        people, given, on=people.c.id == given.c.id, values={"n": given.c.n}
    ),
    atomic=True, verify=False,
)

def upgrade():
    op.execute("CREATE TEMPORARY TABLE given (id INTEGER, n INTEGER)")
    op.execute("INSERT INTO given VALUES (1, 7), (2, 8)")
    op.backfill(fill)
"""


def test_it_may_join_a_temporary_table(people: People) -> None:
    people.revision(JOINED)

    people.upgrade()

    assert people.column()[:3] == [7, 8, 1]
