"""``sn.branch`` in every place SQL can stand."""

from __future__ import annotations

import io
import typing as t

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn
from tests.backfill.engine import Engine
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database


def people() -> sa.Table:
    return frozen.table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50)),
        sa.Column("n", sa.Integer),
    )


def with_people(database: Database) -> sa.Table:
    table = people()
    create(database, table)
    fill(
        database, table, [{"id": i, "name": f"a{i} b{i}", "n": i} for i in range(1, 6)]
    )
    return table


def named(**more: t.Any) -> t.Any:
    """Return a branch that tells which database it was compiled for."""
    return sn.branch(
        postgresql="'postgresql'", mysql=sa.literal("mysql"), sqlite="'sqlite'", **more
    )


def test_each_database_gets_its_own_expression(database: Database) -> None:
    assert database.scalar(sa.select(named())) == database.name


def test_it_takes_text_constructs_and_callables(database: Database) -> None:
    table = with_people(database)
    first = sn.branch(
        postgresql=lambda: sa.func.split_part(table.c.name, " ", 1),
        mysql=sa.func.substring_index(table.c.name, " ", 1),
        sqlite="substr(name, 1, instr(name || ' ', ' ') - 1)",
    )

    found = database.rows(sa.select(first).select_from(table).order_by(table.c.id))

    assert found == [(f"a{i}",) for i in range(1, 6)]


def test_text_keeps_together_inside_a_larger_expression(database: Database) -> None:
    table = with_people(database)
    total = sn.branch(default="n + 1")

    found = database.scalar(
        sa.select(sa.type_coerce(total, sa.Integer) * 10)
        .select_from(table)
        .where(table.c.id == 1)
    )

    assert found == 20


def test_a_construct_keeps_together_too(database: Database) -> None:
    table = with_people(database)
    total = sn.branch(default=table.c.n + 1)
    either = sn.branch(default=sa.or_(table.c.n == 1, table.c.n == 2))

    found = database.rows(
        sa.select(total * 10, -total, total + 1)
        .where(either, table.c.id == 1)
        .select_from(table)
    )
    none = database.rows(sa.select(table.c.id).where(~either, table.c.id < 3))

    assert found == [(20, -2, 3)]
    assert none == []


@pytest.mark.parametrize("name", ["mysql", "mariadb", "sqlite"])
def test_a_condition_stays_a_condition(name: str) -> None:
    """What is not 1 can be true: a MATCH is a measure."""
    found = sn.branch(default=people().c.name.match("a"))

    sql = str(sa.select(people().c.id).where(found).compile(dialect=DIALECTS[name]))

    assert "= 1" not in sql


def test_default_serves_whom_no_branch_names(database: Database) -> None:
    expression = sn.branch(sqlite=sa.literal("own"), default=sa.literal("default"))

    expected = "own" if database.name == "sqlite" else "default"
    assert database.scalar(sa.select(expression)) == expected


DIALECTS = {
    "postgresql": postgresql.dialect(),
    "mysql": mysql.dialect(),
    "mariadb": sa.make_url("mariadb+pymysql://").get_dialect()(),
    "sqlite": sqlite.dialect(),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_a_missing_branch_is_an_error_when_it_is_compiled(name: str) -> None:
    others = {"postgresql", "mysql", "sqlite"} - {name}
    if name == "mariadb":
        others -= {"mysql"}
    statement = sa.select(sn.branch(**{other: "1" for other in others}))

    with pytest.raises(errors.DefinitionError, match=f"no branch for {name}") as caught:
        statement.compile(dialect=DIALECTS[name])

    assert f"Add {name}=... or default=..." in str(caught.value)
    assert "Nothing was run" in str(caught.value)


def test_mariadb_comes_before_mysql_on_mariadb_and_never_elsewhere() -> None:
    both = sa.select(sn.branch(mariadb="1", mysql="2"))
    one = sa.select(sn.branch(mysql="2"))
    only = sa.select(sn.branch(mariadb="1"))

    assert "1" in str(both.compile(dialect=DIALECTS["mariadb"]))
    assert "2" in str(both.compile(dialect=DIALECTS["mysql"]))
    assert "2" in str(one.compile(dialect=DIALECTS["mariadb"]))
    with pytest.raises(errors.DefinitionError, match="no branch for mysql"):
        only.compile(dialect=DIALECTS["mysql"])


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_the_server_says_that_it_is_mariadb(database: Database) -> None:
    version = database.scalar("SELECT version()")

    found = database.scalar(sa.select(named(mariadb=sa.literal("mariadb"))))

    assert found == ("mariadb" if "MariaDB" in version else "mysql")


@pytest.mark.parametrize(
    "parts", [{}, {"oracle": "1"}, {"postgres": "1", "mysql": "1"}]
)
def test_unknown_names_are_refused_at_once(parts: dict[str, str]) -> None:
    with pytest.raises(errors.DefinitionError, match="it is empty|there is no dialect"):
        sn.branch(**parts)


@pytest.mark.parametrize("part", [5, None, "", " ", [], ["1", ""], lambda: 5])
def test_what_is_no_sql_is_refused_by_its_name(part: t.Any) -> None:
    with pytest.raises(errors.DefinitionError, match="sqlite=.* is neither SQL text"):
        sn.branch(postgresql="1", sqlite=part)


def test_it_is_a_whole_statement_for_execute(database: Database) -> None:
    table = with_people(database)
    statement = sn.branch(
        postgresql="UPDATE people SET n = -1 WHERE id = 1",
        mysql=sa.update(table).where(table.c.id == 1).values(n=-1),
        sqlite=lambda: "UPDATE people SET n = -1 WHERE id = 1",
    )
    with database.engine().begin() as connection:
        Operations(MigrationContext.configure(connection)).execute(statement)

    assert contents(database, table, "n")[:2] == [(-1,), (2,)]


def test_a_list_is_statements_in_their_order(database: Database) -> None:
    table = with_people(database)
    twice = [
        sa.update(table).where(table.c.id == 1).values(n=5),
        "UPDATE people SET n = n * 10 WHERE id = 1",
    ]
    statement = sn.branch(
        postgresql=twice, mysql=lambda: tuple(twice), sqlite=[sn.branch(default=twice)]
    )
    with database.engine().begin() as connection:
        Operations(MigrationContext.configure(connection)).execute(statement)

    assert contents(database, table, "n")[:2] == [(50,), (2,)]


def test_nothing_is_done_where_nothing_is_to_do(database: Database) -> None:
    table = with_people(database)
    statement = sn.branch(
        **{database.name: sn.nothing}, default="UPDATE people SET n = 0"
    )
    with database.engine().begin() as connection:
        Operations(MigrationContext.configure(connection)).execute(statement)
        assert connection.execute(statement).all() == []

    assert contents(database, table, "n") == [(i,) for i in range(1, 6)]


@pytest.mark.parametrize("part", [sn.nothing, ["1", "2"]])
def test_a_statement_is_no_expression(database: Database, part: t.Any) -> None:
    with pytest.raises(errors.DefinitionError, match="whole statements, or nothing"):
        database.rows(sa.select(sn.branch(default=part)))


@pytest.mark.parametrize("name", DIALECTS)
def test_several_statements_and_none_are_written_into_a_script(name: str) -> None:
    table = people()
    out = io.StringIO()
    context = MigrationContext.configure(
        dialect=DIALECTS[name],
        opts={"as_sql": True, "output_buffer": out, "literal_binds": True},
    )
    Operations(context).execute(
        sn.branch(default=[sa.update(table).values(n=7), "SELECT 1"])
    )
    Operations(context).execute(sn.branch(default=sn.nothing))

    assert [line for line in out.getvalue().splitlines() if line] == [
        "UPDATE people SET n=7;",
        "SELECT 1;",
        f"-- Nothing to do on {name};",
    ]


@pytest.mark.parametrize("name", DIALECTS)
def test_it_is_written_into_a_script(name: str) -> None:
    table = people()
    out = io.StringIO()
    context = MigrationContext.configure(
        dialect=DIALECTS[name],
        opts={"as_sql": True, "output_buffer": out, "literal_binds": True},
    )
    op = Operations(context)
    op.execute(named())
    op.execute(sa.update(table).where(table.c.name == named()).values(n=5))
    op.execute(sn.branch(default=sa.update(table).values(n=7)))

    script = out.getvalue()

    expected = {"mariadb": "mysql"}.get(name, name)
    assert script.count(f"'{expected}'") == 2
    assert "SET n=5" in script
    assert "SET n=7" in script


def test_it_serves_a_backfill(database: Database) -> None:
    table = with_people(database)
    first = sn.branch(
        postgresql=sa.func.split_part(table.c.name, " ", 1),
        mysql=sa.func.substring_index(table.c.name, " ", 1),
        sqlite="substr(name, 1, instr(name || ' ', ' ') - 1)",
    )
    before = contents(database, table)
    backfill = Backfill(
        sa.update(table)
        .where(table.c.name != first)
        .values(name=first, n=sn.branch(default=table.c.n * 10)),
        undo=True,
        batch_size=2,
    )
    engine = Engine(database)

    engine.run(backfill)
    assert contents(database, table) == [(i, f"a{i}", i * 10) for i in range(1, 6)]
    engine.undo(backfill)
    assert contents(database, table) == before


def test_a_backfill_that_lacks_this_database_changes_nothing(
    database: Database,
) -> None:
    table = with_people(database)
    others = [
        name for name in ("postgresql", "mysql", "sqlite") if name != database.name
    ]
    nothing = sn.branch(**{name: "1" for name in others})

    with pytest.raises(errors.DefinitionError, match="no branch for"):
        Engine(database).run(Backfill(sa.update(table).values(n=nothing)))

    assert contents(database, table, "n") == [(i,) for i in range(1, 6)]


def test_bound_values_are_those_of_each_execution(database: Database) -> None:
    """A cached statement must not give one execution the values of another."""
    table = with_people(database)
    engine = database.engine()

    def found(value: int, text: str) -> list[t.Any]:
        part = sn.branch(
            postgresql=table.c.n == value,
            mysql=table.c.n == sa.literal(value),
            sqlite=lambda: sa.and_(table.c.n == value, sa.literal(text) == text),
        )
        statement = sa.select(table.c.id, sn.branch(default=sa.literal(text))).where(
            part, table.c.id == sa.bindparam("id")
        )
        with engine.connect() as connection:
            return [tuple(r) for r in connection.execute(statement, {"id": value})]

    for _ in range(3):
        for i in range(1, 6):
            assert found(i, f"t{i}") == [(i, f"t{i}")]


def test_its_type_is_that_of_its_expressions() -> None:
    assert isinstance(sn.branch(default=sa.literal(1)).type, sa.Integer)
    typed = sn.branch(postgresql="x", default=sa.func.now())
    assert isinstance(typed.type, sa.DateTime)
