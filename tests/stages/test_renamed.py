"""``flask db data change`` where a column gets another name, and a default."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
import sqlalchemy as sa

from tests.stages.test_scaffold import Columns
from tests.stages.test_scaffold import Models
from tests.stages.test_scaffold import ids
from tests.stages.test_scaffold import models as models
from tests.stages.test_scaffold import rows
from tests.stages.test_scaffold import text

Options = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Case:
    """A column `nick` that becomes `handle`.

    :param old: the options of the one.
    :param new: those of the other.
    :param omitted: what a row has without a value, before the contract.
    """

    old: Options
    new: Options
    omitted: str | None


CASES = {
    "may be NULL": Case({}, {"server_default": "it's"}, None),
    "default of both": Case(
        {"server_default": "it's"}, {"server_default": "it's"}, "it's"
    ),
    "NOT NULL": Case(
        {"nullable": False}, {"nullable": False, "server_default": "it's"}, "it's"
    ),
    "NOT NULL, default of both": Case(
        {"nullable": False, "server_default": "so"},
        {"nullable": False, "server_default": "it's", "comment": "by hand"},
        "so",
    ),
    "NULL forbidden": Case({}, {"nullable": False, "server_default": "it's"}, None),
}


def users(name: str, options: Options) -> dict[str, Columns]:
    return {"users": {name: text(**options)}}


def insert(models: Models, key: int, **values: str) -> None:
    table = sa.table("users", sa.column("id"), *map(sa.column, values))
    models.database.execute(sa.insert(table).values(id=key, **values))


def names(models: Models, column: str) -> dict[int, str | None]:
    return {row["id"]: row[column] for row in rows(models, "users")}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_renamed_column_with_a_default_keeps_the_values(
    models: Models, case: Case
) -> None:
    old, new = users("nick", case.old), users("handle", case.new)
    empty = {} if "nullable" in case.old or "nullable" in case.new else {2: None}
    models.base(**old)
    insert(models, 1, nick="ada")
    for key in empty:
        models.database.execute(f"INSERT INTO users (id, nick) VALUES ({key}, NULL)")
    insert(models, 3, nick="it's")
    before = names(models, "nick")
    assert "fill in" not in "".join(models.scaffold(**new))

    models.run(models.app(stage="expand", **old), "upgrade")
    insert(models, 4, nick="old")
    insert(models, 5, nick="it's")
    models.database.execute("UPDATE users SET nick = 'older' WHERE id = 4")
    found = names(models, "handle")
    assert (found[1], found[4], found[5]) == (None, "older", "it's")

    migrate = models.app(stage="migrate", **new)
    models.run(migrate, "upgrade")
    assert names(models, "handle") == names(models, "nick")
    insert(models, 6, handle="new")
    insert(models, 7, handle="it's")
    models.database.execute("UPDATE users SET handle = 'newer' WHERE id = 6")
    insert(models, 8)
    wanted = {**before, 4: "older", 5: "it's", 6: "newer", 7: "it's", 8: case.omitted}
    assert names(models, "handle") == names(models, "nick") == wanted

    contract = models.app(stage="contract", **new)
    if case.omitted is None and "nullable" in case.new:
        wanted[8] = "it's"
    models.run(contract, "upgrade")
    models.run(contract, "check")
    insert(models, 9)
    assert names(models, "handle") == {**wanted, 9: "it's"}
    insert(models, 10, handle="last")

    models.run(contract, "downgrade", "base0")
    found = names(models, "nick")
    assert {key: found[key] for key in before} == before
    assert (found[4], found[6], found[10]) == ("older", "newer", "last")
    models.run(contract, "upgrade")
    models.run(contract, "check")
    found = names(models, "handle")
    assert (found[1], found[6], found[10]) == ("ada", "newer", "last")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_taken_back_to_migrate_both_columns_are_written_again(
    models: Models, case: Case
) -> None:
    old, new = users("nick", case.old), users("handle", case.new)
    models.base(**old)
    (filled,) = ids(models.scaffold(**new), "migrate")
    contract = models.app(stage="contract", **new)
    models.run(contract, "upgrade")
    models.run(contract, "downgrade", filled)
    insert(models, 1, handle="it's")
    insert(models, 2, handle="new")
    insert(models, 3, nick="it's")
    insert(models, 4, nick="old")
    insert(models, 5)
    wanted = {1: "it's", 2: "new", 3: "it's", 4: "old", 5: case.omitted}
    assert names(models, "handle") == names(models, "nick") == wanted
    models.run(contract, "upgrade")
    models.run(contract, "downgrade", "base0")
    assert names(models, "nick") == wanted


def typed(name: str, type_: sa.types.TypeEngine[t.Any], **options: t.Any) -> t.Any:
    return {"users": {name: lambda: sa.Column(type_, **options)}}


@pytest.mark.parametrize(
    ("type_", "default", "values"),
    [
        (sa.Integer(), "-7", {1: 5, 2: -7}),
        (sa.Boolean(), sa.false(), {1: True, 2: False}),
        (sa.String(9), sa.text("'so so'"), {1: "x", 2: "so so"}),
    ],
)
def test_a_default_takes_the_place_of_null(
    models: Models, type_: sa.types.TypeEngine[t.Any], default: t.Any, values: t.Any
) -> None:
    new = typed("later", type_, nullable=False, server_default=default)
    models.base(**typed("early", type_))
    table = sa.table("users", sa.column("id"), sa.column("early", type_))
    models.database.execute(sa.insert(table).values(id=1, early=values[1]))
    models.database.execute(sa.insert(table).values(id=2))
    output = models.run(models.app(**new), "migrate", "--yes", "-m", "later")
    assert "Wrote " in output and "to fill in" not in output
    app = models.app(**new)
    app.config["DATAMIGRATE_STAGES"] = {"rename_users_early_to_later": "contract"}
    models.run(app, "upgrade")
    models.run(app, "check")
    models.database.execute("INSERT INTO users (id) VALUES (3)")
    assert names(models, "later") == {**values, 3: values[2]}
    models.run(app, "downgrade", "base0")
    assert names(models, "early") == {1: values[1], 2: None, 3: None}


def test_a_shorter_column_is_to_be_filled_in(models: Models) -> None:
    models.base(users={"full_name": text(100)})
    models.database.execute("INSERT INTO users (id, full_name) VALUES (1, 'Ada')")
    new: dict[str, Columns] = {"users": {"name": text(10)}}
    assert models.scaffold(**new)[0].count("frozen.fill_in(") == 2
    models.fill(
        {
            "name": "sa.func.substr(users.c.full_name, 1, 10)",
            "full_name": "users.c.name",
        }
    )
    models.run(models.app(stage="expand", users={"full_name": text(100)}), "upgrade")
    insert(models, 2, full_name="Augusta Ada King")
    assert names(models, "name") == {1: None, 2: "Augusta Ad"}
    models.run(models.app(stage="contract", **new), "upgrade")
    assert names(models, "name") == {1: "Ada", 2: "Augusta Ad"}


def test_rows_that_are_not_unique_are_named(models: Models) -> None:
    def unique(name: str) -> dict[str, Columns]:
        made = {"__table_args__": lambda: (sa.UniqueConstraint(name, name="uq_name"),)}
        return {"users": {name: text(), **made}}

    models.base(users={"nick": text()})
    models.database.execute(
        "INSERT INTO users (id, nick) VALUES (1, 'ada'), (2, 'ada'), (3, 'bob')"
    )
    models.scaffold(**unique("handle"))
    contract = models.app(stage="contract", **unique("handle"))
    for _ in range(2):
        result = contract.test_cli_runner().invoke(args=["db", "upgrade"])
        assert result.exit_code == 1
        assert "1 value occurs more than once, in 2 rows: id=1 and id=2" in " ".join(
            result.output.split()
        )
    models.database.execute("UPDATE users SET handle = 'eve' WHERE id = 2")
    models.run(contract, "upgrade")
    models.run(contract, "check")
    with pytest.raises(sa.exc.IntegrityError):
        insert(models, 4, handle="eve")
    models.run(contract, "downgrade", "base0")
    assert names(models, "nick") == {1: "ada", 2: "eve", 3: "bob"}


def test_case_accents_and_trailing_spaces_come_back(models: Models) -> None:
    models.base(users={"nick": text()})
    changed = {"ONE": "One", "TWO ": "TWO", "tree": "trée", "same": "same"}
    for key, nick in enumerate(changed, 1):
        insert(models, key, nick=nick)
    models.scaffold(users={"handle": text()})
    contract = models.app(stage="contract", users={"handle": text()})
    models.run(contract, "upgrade")

    table = sa.table("users", sa.column("id"), sa.column("handle"))
    for key, handle in enumerate(changed.values(), 1):
        update = sa.update(table).where(table.c.id == key)
        models.database.execute(update.values(handle=handle))
    models.run(contract, "downgrade", "--", "-2")
    assert list(names(models, "nick").values()) == list(changed.values())
