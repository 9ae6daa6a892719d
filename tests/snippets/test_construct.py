"""A snippet in every place an expression can stand."""

from __future__ import annotations

import io
import typing as t

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import orm
from sqlalchemy.dialects import oracle

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn
from tests.backfill.engine import Engine
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database

NAMES = ["Ada King", "Alan Turing", "Grace Hopper", "Ada Yonath", None]


def people() -> sa.Table:
    return frozen.table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50)),
        sa.Column("part", sa.String(50)),
    )


def is_mariadb(database: Database) -> bool:
    with database.engine().connect() as connection:
        return bool(getattr(connection.dialect, "is_mariadb", False))


@pytest.fixture
def table(database: Database) -> sa.Table:
    made = people()
    create(database, made)
    fill(database, made, [{"id": i, "name": name} for i, name in enumerate(NAMES, 1)])
    return made


def test_other_options_are_other_statements(
    database: Database, table: sa.Table
) -> None:
    """SQLAlchemy keeps what it compiled, under a key the options must be part of."""
    engine = database.engine()

    def found(expression: t.Any) -> t.Any:
        with engine.connect() as connection:
            return connection.scalar(sa.select(expression).where(table.c.id == 1))

    for _ in range(3):
        assert found(sn.split_part(table.c.name, " ", 1)) == "Ada"
        assert found(sn.split_part(table.c.name, " ", 2)) == "King"
        assert found(sn.split_part(table.c.name, " ", -2)) == "Ada"
        assert found(sn.split_part(table.c.name, "a", 1)) == "Ad"
        assert found(sn.regexp_replace(table.c.name, "a", "A")) == "AdA King"
        assert found(sn.regexp_replace(table.c.name, "a", "A", ignore_case=True)) == (
            "AdA King"
        )
        assert found(sn.regexp_replace(table.c.name, "[A-Z]", "")) == "da ing"
        assert found(sn.greatest(table.c.name, "B")) == "B"
        assert found(sn.least(table.c.name, "B")) == "Ada King"
        assert found(sn.substring_before(table.c.name, " ")) == "Ada"
        assert found(sn.substring_after(table.c.name, " ")) == "King"


def test_it_is_compiled_once_and_takes_other_values(
    database: Database, table: sa.Table
) -> None:
    engine = database.engine()
    hits = []
    with engine.connect() as connection:
        for name in ("a b", "c d", "e f"):
            part = sn.split_part(name, " ", 2)
            result = connection.execute(sa.select(part))
            hits.append(result.context.cache_hit.name)
            assert result.scalar() == name[-1]

    assert hits == ["CACHE_MISS", "CACHE_HIT", "CACHE_HIT"]


def test_snippets_stand_in_each_other(database: Database, table: sa.Table) -> None:
    first = sn.split_part(sn.regexp_replace(table.c.name, r"\s+", "-"), "-", 1)
    expression = sn.greatest(sn.md5(sn.initcap(first)), sn.substring_before("~ ~", " "))
    assert database.scalar(sa.select(expression).where(table.c.id == 1)) == "~"
    last = sn.split_part(table.c.name + " " + sn.md5(table.c.name), " ", 2)
    assert database.scalar(sa.select(last).where(table.c.id == 2)) == "Turing"


def test_it_groups_filters_and_sorts(database: Database, table: sa.Table) -> None:
    first = sn.split_part(table.c.name, " ", 1)
    statement = (
        sa.select(
            first,
            sn.string_agg(table.c.name, ", ", order_by=table.c.id.desc()),
            sn.split_part(sn.string_agg(table.c.name, ", "), ", ", -1),
        )
        .where(first != "Alan")
        .group_by(first)
        .order_by(first)
    )

    assert database.rows(statement) == [
        ("Ada", "Ada Yonath, Ada King", "Ada Yonath"),
        ("Grace", "Grace Hopper", "Grace Hopper"),
    ]


def test_a_query_around_it_reads_it(database: Database, table: sa.Table) -> None:
    inner = sa.select(
        table.c.id,
        sn.split_part(table.c.name, " ", 1),
        sn.split_part(table.c.name, " ", 2),
        sn.initcap(table.c.name).label("name"),
    ).subquery()
    id, first, last, name = inner.c
    outer = sa.select(sn.substring_before(last, "n"), first, name).where(id == 1)

    assert database.rows(outer) == [("Ki", "Ada", "Ada King")]


def test_its_result_is_compared_letter_by_letter(
    database: Database, table: sa.Table
) -> None:
    """MariaDB would take a for A, and a space at the end for nothing."""
    first = sn.split_part(table.c.name, " ", 1)
    for other in ("ada", "Ada ", "Adá", "ADA"):
        assert database.rows(sa.select(table.c.id).where(first == other)) == []
    assert len(database.rows(sa.select(table.c.id).where(first == "Ada"))) == 2


def test_it_serves_a_backfill(database: Database, table: sa.Table) -> None:
    before = contents(database, table)
    last = sn.split_part(table.c.name, " ", -1)
    backfill = Backfill(
        sa.update(table)
        .where(table.c.part.is_(None), last != "Turing")
        .values(part=sn.regexp_replace(sn.initcap(last), "o", "0")),
        undo=True,
        batch_size=2,
    )
    engine = Engine(database)

    engine.run(backfill)
    assert contents(database, table, "part") == [
        ("King",),
        (None,),
        ("H0pper",),
        ("Y0nath",),
        (None,),
    ]
    engine.undo(backfill)
    assert contents(database, table) == before


def test_op_execute_takes_it(database: Database, table: sa.Table) -> None:
    statement = sa.update(table).values(part=sn.substring_after(table.c.name, " "))
    with database.engine().begin() as connection:
        Operations(MigrationContext.configure(connection)).execute(statement)

    assert contents(database, table, "part")[0] == ("King",)


def test_it_inserts(database: Database, table: sa.Table) -> None:
    statement = sa.insert(table).values(
        id=sa.bindparam("id"), name=sn.md5(sa.bindparam("text", type_=sa.Text()))
    )
    with database.engine().begin() as connection:
        connection.execute(statement, [{"id": 8, "text": "a"}, {"id": 9, "text": "b"}])

    assert [row[1] for row in contents(database, table)[-2:]] == [
        "0cc175b9c0f1b6a831c399e269772661",
        "92eb5ffee6ae2fec3ad71c777531578f",
    ]


def test_it_serves_the_orm(database: Database, table: sa.Table) -> None:
    class Base(orm.DeclarativeBase):
        pass

    class Person(Base):
        __tablename__ = "people"
        id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
        name: orm.Mapped[str]

    other = orm.aliased(Person)
    first = sn.split_part(Person.name, " ", 1)
    with orm.Session(database.engine()) as session:
        same = session.scalars(
            sa.select(other.id)
            .join(Person, sn.split_part(other.name, " ", 1) == first)
            .where(Person.id == 4, other.id != 4)
        ).all()

    assert same == [1]


HARD = ["\\", "'", "a\\'b", "%", ":x", "\\n", "é", "$1"]


@pytest.mark.parametrize("separator", HARD)
def test_a_script_does_what_the_statement_does(
    database: Database, table: sa.Table, separator: str
) -> None:
    text = f"x{separator}y{separator}z"
    fill(database, table, [{"id": 9, "name": text}])
    out = io.StringIO()
    url = sa.make_url(database.url)
    if is_mariadb(database):
        # Without a connection, the URL has to say which of the two it is.
        url = url.set(drivername="mariadb+pymysql")
    # As Alembic's own env.py has it: percent signs are then not doubled.
    dialect = url.get_dialect()(paramstyle="named")
    options = {"as_sql": True, "output_buffer": out, "literal_binds": True}
    context = MigrationContext.configure(dialect=dialect, opts=options)
    Operations(context).execute(
        sa.update(table)
        .where(table.c.id == 9)
        .values(part=sn.split_part(table.c.name, separator, 2))
    )

    script = out.getvalue().strip().rstrip(";")
    database.execute(script)

    assert contents(database, table, "part")[-1] == ("y",)


def test_it_can_be_looked_at_without_a_database() -> None:
    name = people().c.name

    assert str(sn.split_part(name, " ", 2)).startswith("split_part(people.name, ' ', 2")
    assert "regexp_replace(people.name" in str(sn.regexp_replace(name, "a", "b"))
    assert str(sa.select(sn.greatest(name, "x"))).startswith(
        "SELECT greatest(people.name"
    )
    assert "md5(" in repr(str(sn.md5(sn.initcap(name) + "x")))


def test_another_database_is_an_error_when_it_is_compiled() -> None:
    with pytest.raises(errors.DefinitionError, match="no SQL for oracle") as caught:
        sa.select(sn.md5("a")).compile(dialect=oracle.dialect())

    assert "snippets.md5" in str(caught.value)
    assert "Nothing was run" in str(caught.value)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_an_old_postgresql_is_told_from_a_new_one(database: Database) -> None:
    dialect = database.engine().dialect
    dialect.server_version_info = (13, 4)  # type: ignore[assignment]

    with pytest.raises(errors.DefinitionError, match="needs PostgreSQL 14.*13.4"):
        sn.split_part("a b", " ", -1).compile(dialect=dialect)


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_both_drivers_take_it_in_a_backfill(database: Database, driver: str) -> None:
    made = people()
    create(database, made)
    fill(database, made, [{"id": 1, "name": "Ada King"}])
    backfill = Backfill(
        sa.update(made).values(part=sn.split_part(made.c.name, sa.literal(" "), -1))
    )

    Engine(database, driver=driver).run(backfill)

    assert contents(database, made, "part") == [("King",)]


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_no_text_is_cut(database: Database, table: sa.Table) -> None:
    engine = database.engine()
    with engine.connect() as connection:
        connection.exec_driver_sql("SET SESSION group_concat_max_len = 60")
        short = sn.string_agg(table.c.name, ", ")
        fits = sn.string_agg(table.c.name, ", ", distinct=True)
        assert connection.scalar(sa.select(fits).where(table.c.id < 5)).count(",") == 3
        connection.exec_driver_sql("SET SESSION group_concat_max_len = 40")
        for expression in (short, fits, sn.initcap(sn.string_agg("x" * 50, ""))):
            with pytest.raises(sa.exc.DBAPIError, match="group_concat_max_len"):
                connection.execute(sa.select(expression).select_from(table)).all()
        with pytest.raises(sa.exc.DBAPIError, match="group_concat_max_len"):
            connection.execute(sa.select(sn.initcap("x" * 50)))


def test_each_row_gets_a_uuid_of_its_own(database: Database) -> None:
    made = frozen.table(
        "tokens",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("token", sa.Uuid),
        sa.Column("text", sa.String(36)),
    )
    create(database, made)
    fill(database, made, [{"id": i} for i in range(1, 101)])
    database.execute(
        sa.update(made).values(
            token=sn.random_uuid(), text=sn.random_uuid(sa.String(36))
        )
    )

    rows = contents(database, made, "token", "text")
    assert len({token for token, _ in rows}) == len({text for _, text in rows}) == 100
    assert {token.version for token, _ in rows} == {4}
    assert {token.variant for token, _ in rows} == {"specified in RFC 4122"}
    assert {len(text) for _, text in rows} == {36}
