"""Values that are stored and that their type in the frozen table cannot read."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from tests.backfill.engine import Engine
from tests.backfill.engine import create
from tests.databases.database import Database


class Shout(sa.types.TypeDecorator[str]):
    """A type of the app's own that is picky about what it reads."""

    impl = sa.String(20)
    cache_ok = True

    def process_result_value(self, value: t.Any, dialect: sa.Dialect) -> t.Any:
        if value is not None and value != value.upper():
            raise KeyError(value)
        return value


def things(database: Database) -> sa.Table:
    table = frozen.table(
        "things",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("v", Shout),
        sa.Column("n", sa.Integer),
    )
    create(database, table)
    for i in range(1, 31):
        word = "low" if i == 23 else "HIGH"
        database.execute(f"INSERT INTO things VALUES ({i}, '{word}', 0)")
    return table


def test_a_row_that_cannot_be_read_is_named(database: Database) -> None:
    table = things(database)
    backfill = Backfill.rows(
        table, lambda row: {"n": len(row.v)}, reads=["v"], writes=["n"]
    )
    engine = Engine(database)

    with pytest.raises(errors.BackfillError) as caught:
        engine.run(backfill)

    message = str(caught.value)
    assert "revision 1f2e3d4c, table things, row id=23: " in message
    assert "cannot be read by its type in the frozen table: KeyError: 'low'" in message
    assert "22 rows" in message
    assert database.scalar("SELECT sum(n) FROM things") == 22 * 4
    database.execute("UPDATE things SET v = 'LOW' WHERE id = 23")
    assert engine.run(backfill).changed == 30


def test_a_sample_shows_what_cannot_be_read_as_it_is_stored(
    database: Database,
) -> None:
    table = things(database)
    made = {22: "bad", 23: "GOOD", 24: "FINE"}
    new = sa.case(*((table.c.id == i, sa.literal(w)) for i, w in made.items()))
    change = sa.update(table).where(table.c.id.in_(made)).values(v=new, n=7)

    report = Engine(database).run(Backfill(change, verify=False))

    seen = [(s.before["v"], s.after["v"], s.after["n"]) for s in report.sample]
    assert seen == [("HIGH", "bad", 7), ("low", "GOOD", 7), ("HIGH", "FINE", 7)]


class Torn(Shout):
    """A type whose values do not compare, as arrays do not."""

    cache_ok = True

    def process_result_value(self, value: t.Any, dialect: sa.Dialect) -> t.Any:
        return None if value is None else Parts(value)


class Parts(str):
    def __eq__(self, other: object) -> bool:
        raise ValueError("ambiguous")

    __hash__ = str.__hash__


def test_a_sample_of_values_that_do_not_compare(database: Database) -> None:
    table = things(database)
    torn = frozen.table(
        "things",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("v", Torn),
    )
    change = sa.update(torn).where(torn.c.id < 3).values(v="x")

    report = Engine(database).run(Backfill(change, verify=False))

    assert [str.__str__(s.after["v"]) for s in report.sample] == ["x", "x"]
    assert database.scalar(sa.select(sa.func.count()).where(table.c.id > 0)) == 30


STRANGE = {
    "postgresql": ("DATE", "'infinity'", "infinity"),
    "mysql": ("DATE", "'0000-00-00'", "0000-00-00"),
    "sqlite": ("DATE", "'soon'", "soon"),
}


@pytest.mark.parametrize("driver", [None, "psycopg"])
def test_a_sample_of_a_date_that_is_none(
    database: Database, driver: str | None
) -> None:
    if driver is not None and database.name != "postgresql":
        pytest.skip("a driver of PostgreSQL")
    kind, literal, text = STRANGE[database.name]
    days = frozen.table(
        "days",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("d", sa.Date),
    )
    database.execute(f"CREATE TABLE days (id INTEGER PRIMARY KEY, d {kind})")
    lax = "IGNORE " if database.name == "mysql" else ""
    database.execute(f"INSERT {lax}INTO days VALUES (1, {literal}), (2, '2020-01-01')")

    report = Engine(database, driver).run(Backfill(sa.update(days).values(d=None)))

    first, second = report.sample
    assert str(first.before["d"]) in (text, "9999-12-31")
    assert str(second.before["d"]) == "2020-01-01"
    assert database.scalar("SELECT count(d) FROM days") == 0
