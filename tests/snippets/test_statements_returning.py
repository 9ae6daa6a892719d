"""``sn.returning`` gives the rows that were changed, on every database."""

from __future__ import annotations

import io
import threading
import typing as t

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.dialects import mysql

from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database

DRIVERS = [("postgresql", "psycopg"), ("postgresql", None), ("mysql", None)]
DRIVERS += [("sqlite", None)]


def people() -> sa.Table:
    return frozen.table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50), unique=True),
        sa.Column("n", sa.Integer),
    )


def with_people(database: Database) -> sa.Table:
    table = people()
    create(database, table)
    fill(database, table, [{"name": f"p{i}", "n": i} for i in range(1, 6)])
    return table


def cities() -> sa.Table:
    return frozen.table(
        "cities",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50)),
    )


def changed(
    database: Database, statement: t.Any, driver: str | None = None
) -> list[tuple[t.Any, ...]]:
    with database.engine(driver=driver).begin() as connection:
        return sorted(tuple(row) for row in connection.execute(statement))


@pytest.mark.parametrize(("database", "driver"), DRIVERS, indirect=["database"])
def test_an_update_returns_the_new_values_of_its_rows(
    database: Database, driver: str | None
) -> None:
    table = with_people(database)
    update = sa.update(table).where(table.c.n > 3).values(n=table.c.n * 10)

    rows = changed(
        database, sn.returning(update, table.c.id, (table.c.n + 1).label("m")), driver
    )

    assert rows == [(4, 41), (5, 51)]
    assert contents(database, table, "n")[2:] == [(3,), (40,), (50,)]


@pytest.mark.parametrize(("database", "driver"), DRIVERS, indirect=["database"])
def test_a_delete_returns_the_values_that_were_there(
    database: Database, driver: str | None
) -> None:
    table = with_people(database)

    rows = changed(
        database, sn.returning(sa.delete(table).where(table.c.n < 3)), driver
    )

    assert rows == [(1, "p1", 1), (2, "p2", 2)]
    assert contents(database, table, "n") == [(3,), (4,), (5,)]


@pytest.mark.parametrize(("database", "driver"), DRIVERS, indirect=["database"])
def test_an_insert_returns_what_was_inserted(
    database: Database, driver: str | None
) -> None:
    table = with_people(database)
    copied = sa.select(table.c.name + "'", table.c.n).where(table.c.n > 3)
    insert = sa.insert(table).from_select(["name", "n"], copied)

    assert changed(database, sn.returning(insert, table.c.name, table.c.n), driver) == [
        ("p4'", 4),
        ("p5'", 5),
    ]


def test_rows_have_the_names_of_their_columns(database: Database) -> None:
    table = with_people(database)
    update = sa.update(table).where(table.c.id == 2).values(n=7)

    with database.engine().begin() as connection:
        found = connection.execute(sn.returning(update, table.c.name, table.c.n))
        row = found.one()

    assert (row.name, row.n) == ("p2", 7)
    assert row._mapping[table.c.n] == row._mapping["n"] == 7


def test_a_row_that_gets_the_value_it_has_is_returned(database: Database) -> None:
    table = with_people(database)

    update = sa.update(table).where(table.c.n <= 2).values(n=1)

    assert changed(database, sn.returning(update, table.c.id)) == [(1,), (2,)]


def test_rows_are_those_that_matched_before_the_change(database: Database) -> None:
    """The update makes them match no more, and others match."""
    table = with_people(database)
    update = sa.update(table).where(table.c.n == 2).values(n=3)

    assert changed(database, sn.returning(update, table.c.id, table.c.n)) == [(2, 3)]


def test_nothing_changed_returns_nothing(database: Database) -> None:
    table = with_people(database)

    for statement in (
        sa.update(table).where(table.c.n > 99).values(n=0),
        sa.delete(table).where(table.c.n > 99),
    ):
        assert changed(database, sn.returning(statement, table.c.id)) == []


def test_upsert_and_update_from_return_their_rows(database: Database) -> None:
    table = with_people(database)
    source = cities()
    create(database, source)
    fill(database, source, [{"name": "Oslo"}, {"name": "Rome"}])
    joined = sn.update_from(
        table, source, on=table.c.id == source.c.id, values={"name": source.c.name}
    )
    merged = sn.upsert(
        table, [{"name": "Rome", "n": 70}, {"name": "new", "n": 80}], key=["name"]
    )

    assert changed(database, sn.returning(joined, table.c.name, table.c.n)) == [
        ("Oslo", 1),
        ("Rome", 2),
    ]
    assert changed(database, sn.returning(merged, table.c.name, table.c.n)) == [
        ("Rome", 70),
        ("new", 80),
    ]


def test_insert_missing_returns_what_it_inserted_or_is_refused(
    database: Database,
) -> None:
    table = with_people(database)
    statement = sn.returning(
        sn.insert_missing(
            table, [{"name": "p1", "n": 70}, {"name": "new", "n": 80}], key=["name"]
        ),
        table.c.name,
    )

    if database.name == "mysql":
        with pytest.raises(errors.DefinitionError, match="returns no rows of this"):
            changed(database, statement)
        assert len(contents(database, table)) == 5
    else:
        assert changed(database, statement) == [("new",)]


@pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
def test_a_delete_with_a_join_returns_each_row_once(database: Database) -> None:
    table = with_people(database)
    source = cities()
    create(database, source)
    fill(database, source, [{"name": "p2"}, {"name": "p2"}, {"name": "p4"}])
    delete = sa.delete(table).where(table.c.name == source.c.name)

    assert changed(database, sn.returning(delete, table.c.id)) == [(2,), (4,)]
    assert contents(database, table, "id") == [(1,), (3,), (5,)]


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
@pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
def test_what_another_session_commits_meanwhile_is_seen(
    database: Database, isolation: str
) -> None:
    """Rows and values are those of the change, not of what was read before it."""
    table = with_people(database)
    engine = database.engine(isolation_level=isolation)
    update = sa.update(table).where(table.c.n == 9).values(name=table.c.name + "!")
    statement = sn.returning(update, table.c.id, table.c.name, table.c.n)

    with engine.begin() as connection:
        if database.name == "mysql":
            # Its snapshot, for a plain read, is from here on.
            connection.execute(sa.select(table)).all()
        database.execute("UPDATE people SET n = 9 WHERE id >= 4")
        rows = sorted(tuple(row) for row in connection.execute(statement))

    assert rows == [(4, "p4!", 9), (5, "p5!", 9)]


@pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
def test_a_row_that_another_session_is_changing_is_waited_for(
    database: Database,
) -> None:
    table = with_people(database)
    engine = database.engine(isolation_level="READ COMMITTED")
    statement = sn.returning(
        sa.update(table).where(table.c.id == 3).values(n=table.c.n + 1), table.c.n
    )
    found: list[t.Any] = []
    begun = threading.Event()

    def later() -> None:
        with engine.begin() as connection:
            begun.set()
            found.append(connection.execute(statement).scalar_one())

    thread = threading.Thread(target=later)
    with engine.begin() as connection:
        connection.execute(sa.update(table).where(table.c.id == 3).values(n=100))
        thread.start()
        assert begun.wait(30)
    thread.join(60)

    assert found == [101]


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_the_table_of_the_keys_is_gone_afterwards(database: Database) -> None:
    table = with_people(database)
    update = sa.update(table).where(table.c.id == 1)

    with database.engine().connect() as connection:
        connection.execute(sn.returning(update.values(n=8), table.c.n)).all()
        with pytest.raises(sa.exc.IntegrityError):
            connection.execute(sn.returning(update.values(name="p2"), table.c.n))
        with pytest.raises(sa.exc.ProgrammingError, match="datamigrate_changed"):
            connection.exec_driver_sql("SELECT * FROM datamigrate_changed")
        # The temporary table has not committed what went before it.
        connection.rollback()

    assert contents(database, table, "n")[0] == (1,)


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_what_a_locked_read_cannot_do_is_refused(database: Database) -> None:
    table = with_people(database)
    keyless = frozen.table("people", sa.Column("n", sa.Integer))
    refused = {
        "changes the key": sn.returning(sa.update(table).values(id=9), table.c.n),
        "no primary key": sn.returning(sa.update(keyless).values(n=9)),
        "has a LIMIT": sn.returning(
            sa.update(table).values(n=9).with_dialect_options(mysql_limit=1), table.c.n
        ),
    }

    for complaint, statement in refused.items():
        with pytest.raises(errors.DefinitionError, match=complaint):
            changed(database, statement)
    autocommit = database.engine(isolation_level="AUTOCOMMIT")
    with autocommit.connect() as connection:
        with pytest.raises(errors.DefinitionError, match="commits each statement"):
            connection.execute(sn.returning(sa.update(table).values(n=9), table.c.n))

    assert contents(database, table, "n") == [(i,) for i in range(1, 6)]


def test_what_cannot_be_returned_is_refused_when_it_is_written() -> None:
    table, other = people(), cities()
    update = sa.update(table).values(n=1)

    for statement, columns, complaint in (
        (sa.select(table), [table.c.n], "was given Select"),
        (sa.text("UPDATE people SET n = 1"), [table.c.n], "was given TextClause"),
        (update.returning(table.c.n), [table.c.n], "has .returning"),
        (update, [other.c.name], "cities.name is no column of people"),
        (update, ["n"], "n is no column of people"),
    ):
        with pytest.raises(errors.DefinitionError, match=complaint):
            sn.returning(statement, *columns)


def test_a_script_holds_it_where_the_database_returns_rows(database: Database) -> None:
    table = with_people(database)
    out = io.StringIO()
    context = MigrationContext.configure(
        dialect=database.engine().dialect,
        opts={"as_sql": True, "output_buffer": out, "literal_binds": True},
    )
    op = Operations(context)
    update = sn.returning(sa.update(table).values(n=5), table.c.id)

    if database.name == "mysql":
        with pytest.raises(errors.DefinitionError, match="no rows of this UPDATE"):
            op.execute(update)
    else:
        op.execute(update)
        assert "SET n=5 RETURNING" in " ".join(out.getvalue().split())


def test_mysql_returns_no_inserted_rows() -> None:
    table = people()
    statement = sn.returning(sa.insert(table).values(n=1), table.c.id)

    with pytest.raises(errors.DefinitionError, match="MySQL returns no rows of this"):
        statement.compile(dialect=mysql.dialect())
