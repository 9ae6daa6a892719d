"""What old code may go on writing is forbidden at contract, and not before."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.stages.test_scaffold import Columns
from tests.stages.test_scaffold import Models
from tests.stages.test_scaffold import ids
from tests.stages.test_scaffold import models as models
from tests.stages.test_scaffold import text


def number(*more: t.Any, **options: t.Any) -> t.Callable[[], t.Any]:
    return lambda: sa.Column(sa.Integer, *more, **options)


def checked() -> t.Any:
    limit = sa.CheckConstraint("age >= 0", name="ck_users_age")
    return sa.Column(sa.Integer, limit)


def reference() -> t.Any:
    return sa.Column(sa.Integer, sa.ForeignKey("teams.id", name="fk_users_team"))


TEAMS: dict[str, Columns] = {"teams": {"name": text()}}


@dataclasses.dataclass(frozen=True)
class Case:
    """What the models forbid in a column there is.

    :param bad: the values of the column that old code writes all along.
    :param said: what the contract says of them.
    """

    old: dict[str, Columns]
    new: dict[str, Columns]
    bad: tuple[str, str]
    said: str


CASES = {
    "unique index": Case(
        {"users": {"nick": text()}},
        {"users": {"nick": text(unique=True, index=True)}},
        ("'a'", "'a'"),
        "1 value occurs more than once, in 2 rows: id=1 and id=2",
    ),
    "foreign key": Case(
        {"users": {"team": number()}, **TEAMS},
        {"users": {"team": reference}, **TEAMS},
        ("7", "8"),
        "2 rows (id=1, id=2)",
    ),
    "check": Case(
        {"users": {"age": number()}},
        {"users": {"age": checked}},
        ("-1", "-2"),
        "2 rows (id=1, id=2)",
    ),
}


def comparing(models: Models, stage: str | None, tables: dict[str, Columns]) -> Flask:
    """Return an app whose autogenerate compares what Alembic leaves out."""
    app = models.app(stage=stage, **tables)
    app.extensions["migrate"]._configure_args.update(
        compare_server_default=True,
        autogenerate_plugins=[
            "alembic.autogenerate.*",
            "alembic.ext.checkconstraint_byname",
        ],
    )
    return app


def stages(models: Models, tables: dict[str, Columns]) -> list[int]:
    """Write the change; return how many revisions each stage has."""
    before = set(models.files())
    models.run(comparing(models, None, tables), "data", "change", "change")
    texts = [path.read_text() for path in models.files() if path not in before]
    return [len(ids(texts, stage)) for stage in ("expand", "migrate", "contract")]


def insert(models: Models, *values: str, column: str, first: int) -> None:
    for id, value in enumerate(values, first):
        models.database.execute(
            f"INSERT INTO users (id, {column}) VALUES ({id}, {value})"
        )


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_column_that_is_there_is_restricted_at_contract(
    models: Models, case: Case
) -> None:
    pytest.importorskip("alembic.ext.checkconstraint_byname")
    (column,) = case.old["users"]
    models.base(**case.old)
    assert stages(models, case.new) == [0, 1, 1]

    # Old code may write what it likes until none is left.
    models.run(models.app(stage="migrate", **case.old), "upgrade")
    insert(models, *case.bad, column=column, first=1)
    contract = comparing(models, "contract", case.new)
    result = contract.test_cli_runner().invoke(args=["db", "upgrade"])
    assert result.exit_code == 1 and case.said in result.output, result.output
    insert(models, *case.bad, column=column, first=3)

    models.database.execute(f"UPDATE users SET {column} = NULL")
    models.run(contract, "upgrade")
    models.run(contract, "check")
    models.run(contract, "downgrade", "base0")
    insert(models, *case.bad, column=column, first=5)


def test_a_naming_convention_is_followed_once(models: Models) -> None:
    pytest.importorskip("alembic.ext.checkconstraint_byname")
    models.naming = {
        kind: f"{kind}_%(table_name)s_%(constraint_name)s" for kind in ("ck", "uq")
    }
    models.base(users={"age": number(), "nick": text()})

    def limited() -> t.Any:
        limit = sa.CheckConstraint("age >= 0", name="age")
        return sa.Column(sa.Integer, limit)

    new = {"users": {"age": limited, "nick": text()}}
    stages(models, new)
    contract = comparing(models, "contract", new)
    for _ in range(2):
        models.run(contract, "upgrade")
        models.run(contract, "check")
        with pytest.raises(sa.exc.DatabaseError, match="ck_users_age"):
            insert(models, "-1", column="age", first=1)
        models.run(contract, "downgrade", "base0")
        insert(models, "-1", column="age", first=1)
        models.database.execute("DELETE FROM users")


def test_a_reference_from_a_new_column_is_made_at_expand(models: Models) -> None:
    models.base(users={"nick": text()}, **TEAMS)
    assert stages(models, {"users": {"team": reference}, **TEAMS})[0] == 2


def test_a_reference_goes_with_its_column_and_comes_again(models: Models) -> None:
    models.base(users={"nick": text(), "team": reference}, **TEAMS)
    models.database.execute("INSERT INTO teams (id, name) VALUES (1, 'a')")
    insert(models, "1", column="team", first=1)
    new: dict[str, Columns] = {"users": {"nick": text()}, **TEAMS}
    stages(models, new)
    contract = comparing(models, "contract", new)
    for _ in range(2):
        models.run(contract, "upgrade")
        models.run(contract, "check")
        models.run(contract, "downgrade", "base0")
        assert models.database.rows("SELECT id, team FROM users") == [(1, 1)]
        (key,) = sa.inspect(models.database.engine()).get_foreign_keys("users")
        assert key["name"] == "fk_users_team"


def test_a_default_goes_when_no_old_code_is_left(models: Models) -> None:
    old: dict[str, Columns] = {
        "users": {"nick": text(), "age": number(nullable=False, server_default="7")}
    }
    new: dict[str, Columns] = {"users": {"nick": text(), "age": number(nullable=False)}}
    models.base(**old)
    assert stages(models, new) == [0, 1, 1]
    models.run(models.app(stage="migrate", **old), "upgrade")
    insert(models, "'a'", column="nick", first=1)
    contract = comparing(models, "contract", new)
    models.run(contract, "upgrade")
    models.run(contract, "check")
    models.run(contract, "downgrade", "base0")
    insert(models, "'b'", column="nick", first=2)
    assert models.database.rows("SELECT age FROM users") == [(7,), (7,)]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            {"code": text(), "tenant": number(primary_key=True), "part": "key"},
            "add column part to the primary key of table users: it cannot be staged",
        ),
        (
            {"nick": "key", "code": number(), "tenant": number(primary_key=True)},
            "add column nick to the primary key of table users: it cannot be staged",
        ),
        (
            {"nick": text(), "code": number(nullable=False), "tenant": number()},
            "take column tenant out of the primary key of table users",
        ),
        (
            {"nick": text(), "code": number(nullable=False)},
            "take column tenant out of the primary key of table users",
        ),
        # Of these autogenerate sees nothing.
        (
            {
                "nick": text(),
                "code": number(primary_key=True),
                "tenant": number(primary_key=True),
            },
            "models and database are alike, but for what is not staged: the primary "
            "key of table users is (id, tenant) in the database, and (id, code, "
            "tenant) in the models",
        ),
    ],
)
def test_another_primary_key_is_refused(
    models: Models, columns: Columns, said: str
) -> None:
    key = number(primary_key=True)
    tenant: Columns = {"code": number(nullable=False), "tenant": key}
    models.base(users={"nick": text(), **tenant})
    before = models.files()
    made = {n: text(primary_key=True) if c == "key" else c for n, c in columns.items()}
    app = models.app(users=made)
    result = app.test_cli_runner().invoke(args=["db", "data", "change", "change"])
    output = " ".join(result.output.split())
    assert result.exit_code == 1 and said in output, output
    assert "Nothing was written. Leave the key in the models as it is" in output
    assert models.files() == before


def test_a_key_that_is_no_part_of_the_change_is_named(models: Models) -> None:
    models.base(users={"nick": text(), "tenant": number(nullable=False)})
    app = models.app(
        users={"nick": text(nullable=False), "tenant": number(primary_key=True)}
    )
    output = models.run(app, "data", "change", "change")
    assert "No part of the change: the primary key of table users is (id) in" in output
