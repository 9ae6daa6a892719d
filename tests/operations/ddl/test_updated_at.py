"""``op.create_updated_at_trigger`` and ``op.drop_updated_at_trigger``."""

from __future__ import annotations

import datetime
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import errors
from tests.operations.ddl.conftest import Family

TABLE = """op.create_table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
        sa.Column("updated_at", sa.DateTime),
        sa.Column("zoned", sa.DateTime(timezone=True)),
        sa.Column("day", sa.Date),
    )"""
UP = 'op.create_updated_at_trigger("people")'
DOWN = 'op.drop_updated_at_trigger("people")'
OLD = datetime.datetime(2001, 2, 3, 4, 5, 6)
OWN = datetime.datetime(2010, 1, 1)
ZONE = {
    "postgresql": "SET TIME ZONE 'America/New_York'",
    "mysql": "SET time_zone = '-05:00'",
}


@pytest.fixture
def people(family: Family) -> Family:
    family.revision(TABLE, 'op.drop_table("people")', "u1", "r1")
    family.upgrade("u1")
    with family.database.engine().begin() as connection:
        connection.execute(
            sa.insert(table(family)),
            [{"id": i, "updated_at": OLD} for i in range(1, 8)],
        )
    return family


def table(family: Family) -> sa.Table:
    return family.table("people")


def revise(family: Family, up: str = UP, down: str = DOWN) -> None:
    family.revision(up, down, "u2", "u1")


def updated(family: Family, column: str = "updated_at") -> list[t.Any]:
    made = table(family)
    query = sa.select(made.c[column]).order_by(made.c.id)
    with family.database.engine().connect() as connection:
        return list(connection.execute(query).scalars())


def update(family: Family, **values: t.Any) -> None:
    """Update the third row, in a session of another time zone."""
    made = table(family)
    with family.database.engine().begin() as connection:
        if family.database.name in ZONE:
            connection.exec_driver_sql(ZONE[family.database.name])
        connection.execute(sa.update(made).where(made.c.id == 3).values(**values))


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)


def test_an_update_sets_the_time_in_utc(people: Family, form: str) -> None:
    revise(people)
    people.upgrade()
    assert updated(people) == [OLD] * 7
    before = now() - datetime.timedelta(seconds=1)

    update(people, n=5)

    found = updated(people)
    assert before <= found[2] <= now() + datetime.timedelta(seconds=1)
    assert found[:2] + found[3:] == [OLD] * 6
    people.database.execute("UPDATE people SET n = 1")
    assert min(updated(people)) >= before

    people.downgrade("u1")
    update(people, updated_at=OWN)
    update(people, n=6)
    assert updated(people)[2] == OWN


def test_an_update_that_sets_the_column_wins(people: Family) -> None:
    revise(people)
    people.upgrade()
    update(people, n=5, updated_at=OWN)
    assert updated(people)[2] == OWN
    update(people, updated_at=None)
    assert updated(people)[2] is None
    update(people, n=6)
    assert updated(people)[2] > OWN


def test_a_column_that_is_null_is_set_too(people: Family) -> None:
    people.database.execute("UPDATE people SET updated_at = NULL")
    revise(people)
    people.upgrade()
    update(people, n=5)
    assert [value is None for value in updated(people)] == [i != 3 for i in range(1, 8)]


def test_a_column_with_a_time_zone(people: Family) -> None:
    revise(
        people,
        'op.create_updated_at_trigger("people", "zoned")',
        'op.drop_updated_at_trigger("people", "zoned")',
    )
    people.upgrade()
    update(people, n=5)
    (value,) = (value for value in updated(people, "zoned") if value is not None)
    if value.tzinfo is not None:
        value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    assert abs(value - now()) < datetime.timedelta(seconds=20)
    people.downgrade("u1")


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_a_timestamp_of_mariadb_is_the_same_moment(people: Family) -> None:
    people.database.execute("ALTER TABLE people MODIFY updated_at TIMESTAMP(3) NULL")
    revise(people)
    people.upgrade()
    update(people, n=5)
    age = people.database.scalar(
        "SELECT timestampdiff(SECOND, updated_at, now()) FROM people WHERE id = 3"
    )
    assert -1 <= age < 20


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_it_does_not_call_itself_where_triggers_may(people: Family) -> None:
    revise(people)
    people.upgrade()
    with people.database.engine().begin() as connection:
        connection.exec_driver_sql("PRAGMA recursive_triggers = ON")
        for _ in range(50):
            connection.exec_driver_sql("UPDATE people SET n = 1")
    assert min(updated(people)) > OLD


def test_run_twice_it_is_there_once(people: Family, form: str) -> None:
    revise(people, f"{UP}\n    {UP}", f"{DOWN}\n    {DOWN}")
    people.upgrade()
    update(people, n=5)
    assert updated(people)[2] > OLD
    people.downgrade("u1")
    people.upgrade()
    people.alembic("downgrade", "u1")
    people.alembic("upgrade", "head")
    update(people, n=6)
    assert people.version == "u2"


def test_a_column_that_is_no_time_is_refused(people: Family, form: str) -> None:
    for column in ("n", "day"):
        revise(people, f'op.create_updated_at_trigger("people", "{column}")')
        with pytest.raises(errors.SchemaError, match="not one of date and time"):
            people.upgrade()
    revise(people, 'op.create_updated_at_trigger("people", "nothing")')
    with pytest.raises(errors.SchemaError, match="there is no column nothing"):
        people.upgrade()


def test_the_script_of_sql_mode_works(
    people: Family, capsys: pytest.CaptureFixture[str]
) -> None:
    revise(people)
    capsys.readouterr()
    people.upgrade("u1:u2", sql=True)
    script = capsys.readouterr().out
    assert "CREATE TRIGGER" in script
    assert script.count("updated_at") >= 3
    for part in script.split(";\n"):
        if "CREATE" in part:
            people.database.execute(part[part.index("CREATE") :])
    update(people, n=5)
    assert updated(people)[2] > OLD
