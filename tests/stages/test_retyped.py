"""``flask db data change`` where a column gets another type."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import typing as t

import pytest
import sqlalchemy as sa

from tests.stages.test_scaffold import ONE
from tests.stages.test_scaffold import Columns
from tests.stages.test_scaffold import Models
from tests.stages.test_scaffold import models as models
from tests.stages.test_scaffold import rows

Decimal = decimal.Decimal
Date = datetime.date
Type = sa.types.TypeEngine[t.Any]


@dataclasses.dataclass(frozen=True)
class Case:
    """A column of another type.

    :param values: of the old type, and what they are as one of the new; NULL is NULL.
    """

    old: Type
    new: Type
    values: list[tuple[t.Any, t.Any]]


CASES = {
    "number": Case(
        sa.String(20), sa.Integer(), [("12", 12), ("-7", -7), (" 3", 3), ("0", 0)]
    ),
    "born": Case(sa.String(20), sa.Date(), [("2024-02-29", Date(2024, 2, 29))]),
    "data": Case(
        sa.Text(),
        sa.JSON(none_as_null=True),
        [('{"a": [1, "é"]}', {"a": [1, "é"]}), ("[]", [])],
    ),
    "price": Case(
        sa.Integer(), sa.Numeric(6, 2), [(12, Decimal("12")), (-9999, Decimal("-9999"))]
    ),
    "count": Case(
        sa.Numeric(8, 2), sa.Integer(), [(Decimal("12"), 12), (Decimal("-7.00"), -7)]
    ),
    "code": Case(sa.Integer(), sa.String(20), [(12, "12"), (-7, "-7")]),
    "short": Case(
        sa.String(20), sa.String(5), [("Ada", "Ada"), ("", ""), ("naïve", "naïve")]
    ),
    "large": Case(sa.Integer(), sa.BigInteger(), [(12, 12), (2**31 - 1, 2**31 - 1)]),
}
LINES = {"number": "sa.Integer", "price": "sa.Numeric(6, 2)"}
"""What the command prints of some of them."""


def models_of(new: bool = False, *, mapped: bool = False) -> dict[str, Columns]:
    """Return the models.

    :param mapped: with the lines that the command prints.
    """

    def column(name: str, case: Case) -> t.Callable[[], t.Any]:
        if mapped:
            return lambda: sa.Column(f"{name}_new", case.new)
        return lambda: sa.Column(case.new if new else case.old)

    return {"users": {name: column(name, case) for name, case in CASES.items()}}


def table(*, old: bool = False, new: bool = False) -> sa.Table:
    """Return the table as old code knows it, or new code, or both."""
    columns = [sa.Column("id", sa.Integer, primary_key=True)]
    for name, case in CASES.items():
        if old:
            columns.append(sa.Column(name, case.old))
        if new:
            columns.append(sa.Column(f"{name}_new", case.new))
    return sa.Table("users", sa.MetaData(), *columns)


OLD, NEW, BOTH = table(old=True), table(new=True), table(old=True, new=True)


def values(number: int) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """Return the values of a row for old code, and what they are for new code."""
    old, new = {}, {}
    for name, case in CASES.items():
        old[name], new[f"{name}_new"] = case.values[number % len(case.values)]
    return old, new


def write(models: Models, *statements: sa.Executable) -> None:
    with models.database.engine().begin() as connection:
        for statement in statements:
            connection.execute(statement)


def read(models: Models, columns: sa.Table) -> dict[int, dict[str, t.Any]]:
    with models.database.engine().connect() as connection:
        found = connection.execute(sa.select(columns)).mappings()
        return {row["id"]: {k: v for k, v in row.items() if k != "id"} for row in found}


def fill(models: Models, tables: dict[str, Columns]) -> str:
    """Do the work of the migrate stage."""
    app = models.app(stage="migrate", **tables)
    models.run(app, "upgrade")
    return models.run(app, "data", "run")


def test_the_stages_run_up_down_and_up(models: Models) -> None:
    models.base(**models_of())
    for number in range(1, 5):
        write(models, sa.insert(OLD).values(id=number, **values(number)[0]))
    write(models, sa.insert(OLD).values(id=5))
    before = read(models, OLD)
    app = models.app(**models_of(new=True))
    output = models.run(app, "data", "change", "change")
    assert "fill in" not in output
    for name, type_ in LINES.items():
        assert f'{name} = db.mapped_column("{name}_new", {type_})' in output
    empty = dict.fromkeys(BOTH.c.keys()[1:])

    models.run(models.app(stage="expand", **models_of()), "upgrade")
    # Old code writes, NULL too.
    old, new = values(0)
    write(
        models,
        sa.insert(OLD).values(id=50, **old),
        sa.insert(OLD).values(id=51),
        sa.update(OLD).where(OLD.c.id == 51).values(old),
        sa.insert(OLD).values(id=52, **old),
        sa.update(OLD).where(OLD.c.id == 52).values(dict.fromkeys(old)),
    )
    found = read(models, BOTH)
    assert found[50] == found[51] == {**old, **new}
    assert found[52] == empty
    old, new = values(1)
    assert found[1] == {**old, **dict.fromkeys(new)}

    fill(models, models_of())
    found = read(models, BOTH)
    for number in range(1, 5):
        old, new = values(number)
        assert found[number] == {**old, **new}
    assert found[5] == empty
    # New code writes, and old code reads it.
    old, new = values(1)
    write(
        models,
        sa.insert(NEW).values(id=60, **new),
        sa.insert(NEW).values(id=61),
        sa.update(NEW).where(NEW.c.id == 61).values(new),
        sa.update(NEW).where(NEW.c.id == 52).values(new),
        sa.update(NEW).where(NEW.c.id == 1).values(dict.fromkeys(new)),
    )
    found = read(models, BOTH)
    assert found[60] == found[61] == found[52]
    same = set(old) - {"data"}
    assert {name: found[60][name] for name in same} == {n: old[n] for n in same}
    assert found[1] == empty

    contract = models.app(stage="contract", **models_of(mapped=True))
    models.run(contract, "upgrade")
    models.run(contract, "check")
    assert rows(models, "users")[0].keys() == {"id", *new}
    found = read(models, NEW)
    assert found[5] == dict.fromkeys(new)
    assert found[60] == new and found[2] == values(2)[1]
    write(models, sa.insert(NEW).values(id=70, **values(2)[1]))
    write(models, sa.update(NEW).where(NEW.c.id == 1).values(values(3)[1]))
    last = read(models, NEW)

    models.run(contract, "downgrade", "base0")
    after = read(models, OLD)
    for number in range(2, 6):
        assert after[number] == before[number]
    old, _ = values(3)
    assert {name: after[1][name] for name in same} == {name: old[name] for name in same}

    fill(models, models_of())
    models.run(contract, "upgrade")
    assert read(models, NEW) == last


def orders(number: Type, text: Type, new: str = "") -> dict[str, Columns]:
    """Return models where much hangs on the columns.

    :param number: the type of some of them.
    :param text: the type of one that refers to another table.
    :param new: how the names of the new columns end.
    """

    def column(key: str, type_: Type, *arguments: t.Any, **options: t.Any) -> t.Any:
        return lambda: sa.Column(f"{key}{new}", type_, *arguments, **options)

    def others() -> t.Any:
        return (
            sa.UniqueConstraint(f"number{new}", name=f"uq_number{new}"),
            sa.Index(f"ix_level{new}_id", f"level{new}", "id"),
            sa.ForeignKeyConstraint(
                [f"customer{new}"],
                ["customers.code"],
                name=f"fk_customer{new}",
                ondelete="CASCADE",
            ),
        )

    code = {"code": lambda: sa.Column(sa.String(20), nullable=False, unique=True)}
    return {
        "customers": code,
        "orders": {
            "number": column("number", number, nullable=False),
            "amount": column(
                "amount", number, nullable=False, server_default="0", index=True
            ),
            "level": column("level", number),
            "rate": column("rate", number, server_default="5"),
            "customer": column("customer", text),
            "__table_args__": others,
        },
    }


def hanging(models: Models) -> dict[str, t.Any]:
    """Return the indexes, constraints and NOT NULLs of the table, by name."""
    inspector = sa.inspect(models.database.engine())
    found: dict[str, t.Any] = {}
    for one in inspector.get_indexes("orders"):
        found[str(one["name"])] = one["column_names"], bool(one["unique"])
    for unique in inspector.get_unique_constraints("orders"):
        found[str(unique["name"])] = unique["column_names"], True
    for key in inspector.get_foreign_keys("orders"):
        found[str(key["name"])] = key["constrained_columns"], key["options"]
    for column in inspector.get_columns("orders"):
        found[column["name"]] = column["nullable"], bool(column["default"])
    return found


def test_what_hangs_on_a_column_comes_along(models: Models) -> None:
    old, text = sa.String(20), sa.String(10)
    before = orders(old, old)
    models.base(**before)
    models.database.execute("INSERT INTO customers (id, code) VALUES (1, 'ada')")
    insert = "INSERT INTO orders (id, number, amount, level, customer) VALUES "
    models.database.execute(
        insert + "(1, '7', '12', NULL, 'ada'), (2, '8', '0', '1', NULL)"
    )
    was, hung = rows(models, "orders"), hanging(models)
    output = models.run(
        models.app(**orders(sa.Integer(), text)), "data", "change", "change"
    )
    assert "fill in" not in output
    assert 'index ix_level_id is then ix_level_new_id, on "level_new"' in output
    models.run(models.app(stage="expand", **before), "upgrade")
    # Old code leaves the default to the database, or writes it.
    models.database.execute("INSERT INTO orders (id, number) VALUES (3, '9')")
    models.database.execute(insert + "(4, '10', '0', '2', 'ada')")
    models.database.execute(insert + "(5, '11', '3', '2', 'ada')")
    found = rows(models, "orders")
    assert [row["amount_new"] for row in found] == [None, None, 0, 0, 3]
    models.database.execute(
        "INSERT INTO orders (id, number, rate) VALUES (7, '13', NULL)"
    )
    assert [row["rate_new"] for row in rows(models, "orders")[2:]] == [5, 5, 5, None]
    fill(models, before)
    # New code does so too.
    models.database.execute("INSERT INTO orders (id, number_new) VALUES (6, 12)")
    found = rows(models, "orders")
    assert [row["amount_new"] for row in found] == [12, 0, 0, 0, 3, 0, 0]
    assert [row["amount"] for row in found] == ["12", "0", "0", "0", "3", "0", "0"]
    assert [row["number"] for row in found][4:] == ["11", "12", "13"]
    assert [row["rate_new"] for row in found][5:] == [5, None]

    contract = models.app(stage="contract", **orders(sa.Integer(), text, "_new"))
    models.run(contract, "upgrade")
    models.run(contract, "check")
    models.database.execute("INSERT INTO orders (id, number_new) VALUES (8, 14)")
    assert rows(models, "orders")[7]["amount_new"] == 0
    now = hanging(models)
    assert now["number_new"] == (False, False) and now["amount_new"] == (False, True)
    assert now["uq_number_new"] == (["number_new"], True)
    assert now["fk_customer_new"] == (["customer_new"], {"ondelete": "CASCADE"})
    assert now["ix_level_new_id"] == (["level_new", "id"], False)
    models.run(contract, "downgrade", "base0")
    assert hanging(models) == hung
    assert rows(models, "orders")[:2] == was


@pytest.mark.parametrize(
    ("kind", "junk"),
    [("number", "many"), ("number", "3000000000"), ("short", "Lovelace")],
)
def test_what_the_new_type_has_not_is_found(
    models: Models, kind: str, junk: str
) -> None:
    case = CASES[kind]
    one: dict[str, Columns] = {"users": {kind: lambda: sa.Column(case.old)}}
    new: dict[str, Columns] = {"users": {kind: lambda: sa.Column(case.new)}}
    models.base(**one)
    models.database.execute(f"INSERT INTO users (id, {kind}) VALUES (1, '{junk}')")
    models.scaffold(**new)
    models.run(models.app(stage="expand", **one), "upgrade")
    # The code that is running is not kept from writing it.
    models.database.execute(f"INSERT INTO users (id, {kind}) VALUES (2, '{junk}')")
    models.database.execute(f"UPDATE users SET {kind} = '{junk}' WHERE id = 1")
    assert [row[kind] for row in rows(models, "users")] == [junk, junk]
    app = models.app(stage="migrate", **one)
    models.run(app, "upgrade")
    result = app.test_cli_runner().invoke(args=["db", "data", "run"])
    assert result.exit_code == 1
    assert "id=1" in result.output
    contract = models.app(stage="contract", **new)
    result = contract.test_cli_runner().invoke(args=["db", "upgrade"])
    assert result.exit_code == 3
    assert kind in rows(models, "users")[0]
    # Mended by old code, it goes on.
    models.database.execute(f"UPDATE users SET {kind} = '7'")
    models.run(app, "data", "run")
    models.run(contract, "upgrade")
    assert [str(row[f"{kind}_new"]) for row in rows(models, "users")] == ["7", "7"]


def check(name: str, **options: t.Any) -> dict[str, Columns]:
    """Return a model with a CHECK on a column."""
    return {
        "users": {
            "nick": lambda: sa.Column(sa.String(20), **options),
            "__table_args__": lambda: (sa.CheckConstraint("nick <> ''", name=name),),
        }
    }


def nick(type_: Type, **options: t.Any) -> dict[str, Columns]:
    return {"users": {"nick": lambda: sa.Column(type_, **options)}}


def with_index(type_: Type, **options: t.Any) -> dict[str, Columns]:
    made = {"__table_args__": lambda: (sa.Index("ix_nick", "nick", **options),)}
    return {"users": {**nick(type_)["users"], **made}}


TEXT = sa.String(20)


def test_a_check_of_the_column_is_in_the_way(models: Models) -> None:
    models.base(**check("ck_nick"))
    assert "needed by" in refused(models, nick(sa.Integer()))


def refused(models: Models, new: dict[str, Columns]) -> str:
    """Return what is said of models that cannot be staged."""
    before = models.files()
    app = models.app(**new)
    result = app.test_cli_runner().invoke(args=["db", "data", "change", "change"])
    assert result.exit_code == 1
    assert "Nothing was written" in result.output
    assert models.files() == before
    return " ".join(result.output.split())


@ONE
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            with_index(sa.Text(), mysql_length=10),
            with_index(sa.String(5), mysql_length=3),
            "index ix_nick of table users: it cannot be staged: the type of nick",
        ),
        (
            {"users": {"id": lambda: sa.Column(sa.String(20), primary_key=True)}},
            {"users": {"id": lambda: sa.Column(sa.Integer, primary_key=True)}},
            "alter column id of table users: it cannot be staged: its type changes, "
            "and it belongs to the primary key",
        ),
    ],
)
def test_what_cannot_come_along_is_refused_by_name(
    models: Models, old: dict[str, Columns], new: dict[str, Columns], message: str
) -> None:
    models.base(**old)
    assert message in refused(models, new)


@ONE
def test_what_cannot_be_cast_is_to_be_filled_in(models: Models) -> None:
    old, new = nick(TEXT), nick(sa.DateTime())
    models.base(**old)
    models.database.execute("INSERT INTO users (id, nick) VALUES (1, '2024-02-29')")
    written = "".join(models.scaffold(**new))
    assert written.count("# <- fill in") == 6
    app = models.app(stage="expand", **old)
    result = app.test_cli_runner().invoke(args=["db", "upgrade"])
    assert "the revision is not filled in (line " in result.output
