from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from flask_datamigrate import frozen
from flask_datamigrate.errors import DefinitionError


def test_two_frozen_tables_of_one_name_do_not_see_each_other():
    one = frozen.table("users", sa.Column("id", sa.Integer), schema="app")
    two = frozen.table("users", sa.Column("name", sa.Text))
    assert one.metadata is not two.metadata
    assert (one.c.keys(), one.schema) == (["id"], "app")
    assert (two.c.keys(), two.schema) == (["name"], None)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((), "has no columns"),
        ((sa.Column("id", sa.Integer), sa.Column("id", sa.Text)), '"id" twice'),
        ((sa.Integer(),), "is not a column"),
        (("id",), "'id' is not a column"),
        ((sa.Column(sa.Integer),), "without a name"),
    ],
)
def test_a_wrong_frozen_table_is_one_clear_error(columns, message):
    with pytest.raises(DefinitionError, match=message) as raised:
        frozen.table("users", *columns)
    assert "frozen table 'users'" in str(raised.value)


def test_a_column_of_another_table_is_refused():
    users = frozen.table("users", sa.Column("id", sa.Integer))
    with pytest.raises(DefinitionError, match='belongs to table "users" already'):
        frozen.table("orders", users.c.id)


def test_a_table_needs_a_name():
    with pytest.raises(DefinitionError, match="must be a text"):
        frozen.table(sa.Column("id", sa.Integer))


def test_a_frozen_model_works_with_a_session(database):
    database.execute("CREATE TABLE order_items (id INTEGER PRIMARY KEY, metadata TEXT)")
    item = frozen.model(
        "order_items",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("metadata", sa.Text),
    )
    with orm.Session(database.engine()) as session:
        session.add(item(id=1, metadata="old"))
        session.commit()
        session.get(item, 1).metadata = "new"
        session.commit()
    assert item.__name__ == "OrderItems"
    assert database.rows("SELECT id, metadata FROM order_items") == [(1, "new")]


def test_two_frozen_models_of_one_table_do_not_meet():
    first = frozen.model("users", sa.Column("id", sa.Integer, primary_key=True))
    second = frozen.model("users", sa.Column("email", sa.Text, primary_key=True))
    with pytest.raises(TypeError, match="'email' is not a column"):
        first(email="a@example.org")
    assert second(email="a@example.org").email == "a@example.org"


def test_a_frozen_model_needs_a_primary_key():
    with pytest.raises(DefinitionError, match="no primary key.*primary_key=True"):
        frozen.model("users", sa.Column("id", sa.Integer))


def test_a_blank_stops_any_statement_that_holds_it(database):
    database.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(20))")
    database.execute("INSERT INTO users VALUES (1, 'Ana')")
    users = frozen.table("users", sa.Column("id", sa.Integer), sa.Column("name"))
    blank = frozen.fill_in("the value of name")
    for statement in (
        sa.update(users).values(name=blank),
        sa.delete(users).where(blank),
        blank,
    ):
        with pytest.raises(DefinitionError, match="the value of name is missing"):
            database.execute(statement)
    assert database.rows("SELECT * FROM users") == [(1, "Ana")]


def test_a_blank_in_a_transform_stops_at_once():
    with pytest.raises(DefinitionError, match="the score is missing"):
        frozen.fill_in("the score", {"id": 1})
