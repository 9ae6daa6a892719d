"""The traps in the cookbook go wrong as the pages say."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate.errors import SchemaError
from tests.databases import Database
from tests.docs.cookbook import documents
from tests.docs.cookbook import names
from tests.docs.cookbook import searches
from tests.docs.cookbook import tables
from tests.docs.cookbook.recipe import TRAPS
from tests.docs.cookbook.recipe import Recipe
from tests.docs.cookbook.recipe import Rows
from tests.docs.cookbook.recipe import kitchen
from tests.docs.cookbook.recipe import statements


class Trap(t.NamedTuple):
    """A trap, and what its last statement shows on each database it is for.

    It is sprung on the rows of a recipe, in the place of its last revisions.

    :param recipe: the recipe.
    :param shows: the rows by database.
    :param first: whether the first revision is applied before.
    """

    recipe: Recipe
    shows: dict[str, Rows]
    first: bool = True


def everywhere(rows: Rows) -> dict[str, Rows]:
    return {"postgresql": rows, "mysql": rows, "sqlite": rows}


_SECRET = "ada:secret@example.org:8080"

EXPECTED = {
    "categories": Trap(
        tables.CATEGORIES, everywhere([("large",), ("large",), ("large",)])
    ),
    "concatenate": Trap(
        names.CONCATENATE,
        {
            "postgresql": [("Ada Lovelace",), ("Plato ",)],
            "mysql": [("Ada Lovelace",), (None,)],
            "sqlite": [("Ada Lovelace",), (None,)],
        },
    ),
    "denormalise": Trap(tables.DENORMALISE, everywhere([("Ada Lovelace",), (None,)])),
    "email": Trap(
        names.EMAIL,
        {
            "postgresql": [('y"',), ("",)],
            "mysql": [("z.org",), ("none",)],
            "sqlite": [('y"@z.org',), ("none",)],
        },
    ),
    "extension": Trap(searches.EXTENSION, {"postgresql": [(0,)]}),
    "flags": Trap(tables.FLAGS, everywhere([("inactive",)])),
    "fulltext": Trap(searches.FULL_TEXT, {"postgresql": [(3,)]}),
    "fulltext-sqlite": Trap(searches.FULL_TEXT, {"sqlite": [(1,), (3,)]}),
    "json-flat": Trap(
        documents.JSON_FLAT,
        {
            "postgresql": [('"London"',), ("null",), ('["Rome", "Bari"]',)],
            "mysql": [('"London"',), ("null",), ('["Rome", "Bari"]',)],
            "sqlite": [("London",), (None,), ('["Rome","Bari"]',)],
        },
    ),
    "json-move": Trap(
        documents.JSON_MOVE,
        {
            "postgresql": [({"theme": "dark"},)],
            "mysql": [('{"theme": "dark"}',)],
            "sqlite": [('{"theme":"dark","notify":{"mail":1}}',)],
        },
        first=False,
    ),
    "json-nested": Trap(documents.JSON_NESTED, everywhere([("London",), (None,)])),
    "normalise": Trap(
        tables.NORMALISE,
        {"postgresql": [(7,)], "mysql": [(4,)], "sqlite": [(7,)]},
    ),
    "split": Trap(
        names.SPLIT,
        {
            "postgresql": [("Plato", ""), ("Ana", "Maria")],
            "mysql": [("Plato", "Plato"), ("Ana", "Souza")],
            "sqlite": [("", "Plato"), ("Ana", "Maria Souza")],
        },
    ),
    "url": Trap(
        names.URL,
        {
            "postgresql": [(_SECRET,), ("",), ("",)],
            "mysql": [(_SECRET,), ("",), ("mailto:ada@example.org",)],
            "sqlite": [(_SECRET,), ("",), ("",)],
        },
    ),
}


def test_each_trap_of_the_cookbook_has_a_check() -> None:
    assert sorted(TRAPS) == sorted([*EXPECTED, "index"])


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_trap_goes_wrong_as_the_page_says(
    name: str, tmp_path: pathlib.Path, database: Database
) -> None:
    trap = EXPECTED[name]
    found = statements(TRAPS[name], database.name)
    if database.name not in trap.shows:
        assert not found
        return
    with kitchen(trap.recipe, tmp_path, database) as cook:
        if trap.first:
            cook.upgrade(trap.recipe.revisions[0])
        *others, last = found

        for statement in others:
            database.execute(statement)

        assert database.rows(last) == trap.shows[database.name]


def test_an_index_by_its_name_alone_is_another_one(
    tmp_path: pathlib.Path, database: Database
) -> None:
    with kitchen(searches.INDEX, tmp_path, database) as cook:
        for statement in statements(TRAPS["index"], database.name):
            database.execute(statement)

        (index,) = sa.inspect(database.engine()).get_indexes("users")
        assert index["column_names"] == ["id"]
        with pytest.raises(SchemaError, match="another definition"):
            cook.upgrade()


def test_a_document_of_texts_breaks_at_a_quote(
    tmp_path: pathlib.Path, database: Database
) -> None:
    with kitchen(documents.JSON_NESTED, tmp_path, database) as cook:
        cook.upgrade("json-nested-expand")
        update, look = statements(TRAPS["json-nested"], database.name)
        update, look = (s.replace("IN (1, 3)", "IN (2)") for s in (update, look))

        if database.name != "sqlite":
            with pytest.raises(sa.exc.DBAPIError):
                database.execute(update)
        else:
            database.execute(update)
            with pytest.raises(sa.exc.OperationalError, match="malformed JSON"):
                database.rows(look)


def test_an_index_made_by_hand_is_replaced(
    tmp_path: pathlib.Path, database: Database
) -> None:
    with kitchen(searches.INDEX, tmp_path, database) as cook:
        database.execute("CREATE INDEX ix_users_email ON users (email)")
        database.execute("CREATE INDEX users_email_by_hand ON users (email)")

        cook.upgrade()

        (index,) = sa.inspect(database.engine()).get_indexes("users")
        assert index["name"] == "ix_users_email"


def test_an_order_that_has_a_name_keeps_it(
    tmp_path: pathlib.Path, database: Database
) -> None:
    with kitchen(tables.DENORMALISE, tmp_path, database) as cook:
        cook.upgrade("denormalise-expand")
        database.execute("UPDATE orders SET customer_name = 'Plato' WHERE id IN (1, 5)")

        cook.upgrade()

        cook.see(
            [
                (
                    "SELECT customer_name FROM orders WHERE id IN (1, 5, 6) "
                    "ORDER BY id",
                    [("Plato",), ("Plato",), ("Ada Lovelace",)],
                )
            ]
        )


def test_what_is_written_later_is_found(
    tmp_path: pathlib.Path, database: Database
) -> None:
    recipe = searches.FULL_TEXT
    with kitchen(recipe, tmp_path, database) as cook:
        cook.upgrade("fulltext-expand")
        database.execute("INSERT INTO articles (id, body) VALUES (30, 'engine')")
        cook.upgrade()
        for statement in recipe.since:
            database.execute(statement)

        cook.see([searches.found("engine", 5, 20, 30), searches.found("poetry", 1)])
