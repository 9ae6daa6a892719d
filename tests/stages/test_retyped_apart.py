"""Another type, or another name, of what only one of the databases has."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.stages.test_retyped import nick
from tests.stages.test_retyped import refused
from tests.stages.test_scaffold import Columns
from tests.stages.test_scaffold import Models
from tests.stages.test_scaffold import models as models
from tests.stages.test_scaffold import rows

Type = sa.types.TypeEngine[t.Any]


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_json_of_mariadb_is_refused_by_the_check_that_makes_it_json(
    models: Models,
) -> None:
    models.base(**nick(sa.JSON()))
    models.database.execute("INSERT INTO users (id, nick) VALUES (1, '[1]')")
    assert "CHECK (json_valid(`nick`))" in refused(models, nick(sa.Text()))
    renamed: dict[str, Columns] = {"users": {"name": lambda: sa.Column(sa.JSON)}}
    assert "on MariaDB, JSON is a text with a CHECK" in refused(models, renamed)
    # Without the CHECK it is a text.
    models.database.execute("ALTER TABLE users MODIFY nick LONGTEXT")
    written = models.scaffold(**renamed)
    assert "fill in" in "".join(written)
    models.fill({"name": "users.c.nick", "nick": "users.c.name"})
    contract = models.app(stage="contract", **renamed)
    models.run(contract, "upgrade")
    assert rows(models, "users") == [{"id": 1, "name": "[1]"}]
    models.run(contract, "downgrade", "base0")
    assert rows(models, "users") == [{"id": 1, "nick": "[1]"}]


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
