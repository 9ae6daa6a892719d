"""Another type, or another name, of what only one of the databases has."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.stages.test_retyped import nick
from tests.stages.test_scaffold import Columns
from tests.stages.test_scaffold import Models
from tests.stages.test_scaffold import models as models
from tests.stages.test_scaffold import rows

Type = sa.types.TypeEngine[t.Any]


def json_rows(models: Models, column: str) -> dict[int, t.Any]:
    engine = models.database.engine()
    found = sa.table("users", sa.column("id"), sa.column(column, sa.JSON))
    with engine.connect() as connection:
        return {row.id: row[1] for row in connection.execute(sa.select(found))}


def made(models: Models) -> t.Any:
    """Return how MariaDB shows the table, by its CHECK too; nothing elsewhere."""
    if models.database.name == "mysql":
        (shown,) = models.database.rows("SHOW CREATE TABLE users")
        return shown[1].partition(") ENGINE")[0]
    return None


def test_json_gets_another_name(models: Models) -> None:
    new: dict[str, Columns] = {
        "users": {"name": lambda: sa.Column(sa.JSON, nullable=False)}
    }
    models.base(**nick(sa.JSON(), nullable=False))
    before = made(models)
    models.database.execute("INSERT INTO users (id, nick) VALUES (1, '[1]')")
    assert "fill in" not in "".join(models.scaffold(**new))
    models.run(models.app(stage="migrate", **new), "upgrade")
    models.database.execute("INSERT INTO users (id, nick) VALUES (2, '[2]')")
    models.database.execute("INSERT INTO users (id, name) VALUES (3, '[3]')")
    contract = models.app(stage="contract", **new)
    models.run(contract, "upgrade")
    models.run(contract, "check")
    models.database.execute("INSERT INTO users (id, name) VALUES (4, '[4]')")
    wanted = {key: [key] for key in range(1, 5)}
    assert json_rows(models, "name") == wanted
    models.run(contract, "downgrade", "base0")
    assert json_rows(models, "nick") == wanted
    assert made(models) == before


def test_json_that_looks_renamed_is_asked_about(models: Models) -> None:
    models.base(**nick(sa.JSON()))
    app = models.app(users={"name": lambda: sa.Column(sa.JSON)})
    output = models.run(app, "migrate", "--yes", "-m", "name")
    assert "Wrote " in output and "fill in" not in output


def test_json_becomes_a_text(models: Models) -> None:
    old, text = nick(sa.JSON(none_as_null=True)), nick(sa.Text())
    models.base(**old)
    before = made(models)
    models.database.execute("INSERT INTO users (id, nick) VALUES (1, '[1]')")
    assert "fill in" not in "".join(models.scaffold(**text))
    new: dict[str, Columns] = {
        "users": {"nick": lambda: sa.Column("nick_new", sa.Text())}
    }
    migrate = models.app(stage="migrate", **old)
    models.run(migrate, "upgrade")
    models.run(migrate, "data", "run")
    models.database.execute("INSERT INTO users (id, nick) VALUES (2, '[2]')")
    models.database.execute("INSERT INTO users (id, nick_new) VALUES (3, '[3]')")
    if models.database.name != "postgresql":
        # Before version 16 it cannot tell by anything but an error.
        models.database.execute("INSERT INTO users (id, nick_new) VALUES (4, 'no')")
        models.database.execute("DELETE FROM users WHERE id = 4")
    contract = models.app(stage="contract", **new)
    models.run(contract, "upgrade")
    models.run(contract, "check")
    assert [row["nick_new"] for row in rows(models, "users")] == ["[1]", "[2]", "[3]"]
    models.run(contract, "downgrade", "base0")
    assert json_rows(models, "nick") == {1: [1], 2: [2], 3: [3]}
    assert made(models) == before


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_table_of_another_schema(models: Models) -> None:
    def users(type_: Type, new: str = "") -> dict[str, Columns]:
        unique = sa.UniqueConstraint(f"number{new}", name=f"uq_number{new}")
        options = {"schema": "shop"}
        return {
            "users": {
                "number": lambda: sa.Column(f"number{new}", type_, nullable=False),
                "level": lambda: sa.Column(f"level{new}", type_, index=True),
                "__table_args__": lambda: (unique, options),
            }
        }

    def app(tables: dict[str, Columns], stage: str | None = None) -> Flask:
        made = models.app(stage=stage, **tables)
        made.extensions["migrate"]._configure_args["include_schemas"] = True
        return made

    models.database.execute("CREATE SCHEMA shop")
    old, new = users(sa.String(20)), users(sa.Integer(), "_new")
    models.run(app(old), "migrate", "-m", "base", "--rev-id", "base0")
    models.run(app(old), "upgrade")
    insert = "INSERT INTO shop.users (id, number, level) VALUES "
    models.database.execute(insert + "(1, '7', '1')")
    models.run(app(users(sa.Integer())), "data", "change", "change")
    models.run(app(old, "expand"), "upgrade")
    models.database.execute(insert + "(2, '8', NULL)")
    models.run(app(old, "migrate"), "upgrade")
    models.run(app(old, "migrate"), "data", "run")
    contract = app(new, "contract")
    models.run(contract, "upgrade")
    models.run(contract, "check")
    found = models.database.rows(
        "SELECT number_new, level_new FROM shop.users ORDER BY id"
    )
    assert found == [(7, 1), (8, None)]
    models.run(contract, "downgrade", "base0")
    found = models.database.rows("SELECT number, level FROM shop.users ORDER BY id")
    assert found == [("7", "1"), ("8", None)]
