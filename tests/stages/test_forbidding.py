"""The written contract, where rows are in the way of what it forbids."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.stages.test_scaffold import Columns
from tests.stages.test_scaffold import Models
from tests.stages.test_scaffold import models as models
from tests.stages.test_scaffold import rows
from tests.stages.test_scaffold import text


@dataclasses.dataclass(frozen=True)
class Case:
    """A change to whose new column a row is in the way of NOT NULL, or of uniqueness.

    :param forward: what is to be filled in.
    :param code: the models of the new code.
    :param bad: what old code writes when the backfill is finished.
    :param said: what the contract says of it.
    :param mend: what makes it a row as any other.
    """

    old: dict[str, Columns]
    new: dict[str, Columns]
    code: dict[str, Columns]
    forward: dict[str, str]
    bad: str
    said: str
    mend: str


def column(name: str, type_: t.Any, **options: t.Any) -> dict[str, Columns]:
    return {"users": {name: lambda: sa.Column(type_, **options)}}


CASES = {
    "of another type": Case(
        column("age", sa.String(20), nullable=False),
        column("age", sa.Integer(), nullable=False),
        column("age_new", sa.Integer(), nullable=False),
        {},
        "INSERT INTO users (id, age) VALUES (3, 'many')",
        "NULL is left in 1 row (id=3)",
        "UPDATE users SET age_new = 30 WHERE age_new IS NULL",
    ),
    "new": Case(
        column("age", sa.String(20)),
        column("years", sa.Integer(), nullable=False),
        column("years", sa.Integer(), nullable=False),
        {
            "years": "sa.cast(users.c.age, sa.Integer)",
            "age": "sa.cast(users.c.years, sa.String(20))",
        },
        "INSERT INTO users (id, age) VALUES (3, NULL)",
        "NULL is left in 1 row (id=3)",
        "UPDATE users SET years = 30 WHERE years IS NULL",
    ),
    "unique": Case(
        column("age", sa.String(20)),
        {"users": {"years": text(20, unique=True, index=True)}},
        {"users": {"years": text(20, unique=True, index=True)}},
        {},
        "INSERT INTO users (id, age) VALUES (3, '7')",
        "more than once",
        "UPDATE users SET years = '30' WHERE id = 3",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_row_in_the_way_leaves_the_triggers_in_place(
    models: Models, case: Case
) -> None:
    def app(stage: str, tables: dict[str, Columns]) -> Flask:
        made = models.app(stage=stage, **tables)
        # On PostgreSQL what forbids then runs outside of a transaction.
        made.config["DATAMIGRATE_ATOMIC_ROWS"] = 1
        return made

    models.base(**case.old)
    models.database.execute("INSERT INTO users (id, age) VALUES (1, '6'), (2, '7')")
    models.scaffold(**case.new)
    models.fill(case.forward)
    old, (new,) = "age", case.code["users"]
    migrate = app("migrate", case.old)
    models.run(migrate, "upgrade")
    models.run(migrate, "data", "run")
    models.database.execute(case.bad)

    contract = app("contract", case.code)
    for key in (4, 5):
        result = contract.test_cli_runner().invoke(args=["db", "upgrade"])
        assert result.exit_code == 1 and case.said in result.output, result.output
        # What either code writes goes on to be right for the other one.
        models.database.execute(f"INSERT INTO users (id, age) VALUES ({key}0, '{key}')")
        models.database.execute(
            f"INSERT INTO users (id, {new}) VALUES ({key}1, '{key}1')"
        )
        models.database.execute(f"UPDATE users SET {new} = '{key}2' WHERE id = 1")
        found = {row["id"]: row for row in rows(models, "users")}
        for id, value in ((1, f"{key}2"), (key * 10, key), (key * 10 + 1, f"{key}1")):
            assert str(found[id][old]) == str(found[id][new]) == str(value)

    models.database.execute(case.mend)
    models.run(contract, "upgrade")
    models.run(contract, "check")
    found = {row["id"]: row for row in rows(models, "users")}
    assert old not in found[1] and str(found[3][new]) == "30"
    models.run(contract, "downgrade", "base0")
    assert {row["id"]: row["age"] for row in rows(models, "users")} == {
        1: "52", 2: "7", 3: "30", 40: "4", 41: "41", 50: "5", 51: "51",
    }  # fmt: skip
