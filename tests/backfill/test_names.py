"""Tables and columns whose names need quoting, and tables in another schema."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from flask_datamigrate import Backfill
from flask_datamigrate import frozen
from tests.backfill.engine import Engine
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database

NAMES = [
    ("order", "user", "select", "group"),
    ("100% sure", "%s", "%(id)s", "%%"),
    ("co:lon", ":name", "::x", "?"),
    ('double"quote', "it's", "semi;colon -- x", "brace{0}"),
    ("Mixed Case", "naïve 中文", "[x]", "dotted.name"),
    ("dm_t", "k0", "dm_low_0", "v1"),
]
"""Of a table, its key, a text and a number. The backtick is missing, since SQLAlchemy
reflects it doubled on MySQL."""


def awkward(names: tuple[str, ...], schema: str | None = None) -> sa.Table:
    table, key, text, number = names
    return frozen.table(
        table,
        sa.Column(key, sa.Integer, primary_key=True),
        sa.Column(text, sa.String(50)),
        sa.Column(number, sa.Integer),
        schema=schema,
    )


def check(database: Database, table: sa.Table, engine: Engine) -> None:
    key, text, number = table.columns
    before = [(i, f"t{i}", i) for i in range(1, 31)]

    def as_stored() -> list[tuple[object, ...]]:
        with (engine.sa_engine or database.engine()).connect() as connection:
            return [
                tuple(r) for r in connection.execute(sa.select(table).order_by(key))
            ]

    update = Backfill(
        sa.update(table).where(number < 100).values({text: text + "x", number: 100}),
        batch_size=7,
        undo=True,
    )
    engine.run(update)
    assert as_stored() == [(i, f"t{i}x", 100) for i in range(1, 31)]
    engine.undo(update)
    assert as_stored() == before

    python = Backfill.rows(
        table,
        lambda row: {text.name: row[text.name] * 2, number.name: -1},
        reads=[text],
        writes=[text, number],
        where=number > 0,
        batch_size=7,
        undo=True,
    )
    report = engine.run(python)
    assert as_stored() == [(i, f"t{i}" * 2, -1) for i in range(1, 31)]
    assert report.sample[0].after == {text.name: "t1t1", number.name: -1}
    engine.undo(python)
    assert as_stored() == before


def rows_of(table: sa.Table) -> list[dict[str, object]]:
    key, text, number = table.columns
    return [{key.key: i, text.key: f"t{i}", number.key: i} for i in range(1, 31)]


@pytest.mark.parametrize("names", NAMES, ids=lambda names: names[0])
def test_any_name_works(database: Database, names: tuple[str, ...]) -> None:
    table = awkward(names)
    create(database, table)
    fill(database, table, rows_of(table))

    check(database, table, Engine(database))


@pytest.mark.parametrize("names", NAMES, ids=lambda names: names[0])
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_any_name_works_with_psycopg_3(
    database: Database, names: tuple[str, ...]
) -> None:
    table = awkward(names)
    create(database, table)
    fill(database, table, rows_of(table))

    check(database, table, Engine(database, "psycopg"))


@pytest.mark.parametrize("schema", ["archive", "My %Schema"])
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_table_in_another_schema_of_postgresql(
    database: Database, schema: str
) -> None:
    database.execute(sa.schema.CreateSchema(schema))
    table = awkward(NAMES[0], schema)
    create(database, table)
    fill(database, table, rows_of(table))

    check(database, table, Engine(database))

    kept = ("backfills", "events", "indexes", "orders", "ranges", "refusals")
    assert database.tables() == [f"datamigrate_{name}" for name in kept]


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_a_table_in_another_database_of_mariadb(
    database: Database, second_database: Database
) -> None:
    schema = sa.make_url(second_database.url).database
    table = awkward(NAMES[0], schema)
    create(database, table)
    fill(database, table, rows_of(table))

    check(database, table, Engine(database))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_table_in_an_attached_database_of_sqlite(
    database: Database, second_database: Database
) -> None:
    path = sa.make_url(second_database.url).database
    attaching = database.engine(poolclass=sa.NullPool)

    @event.listens_for(attaching, "connect")
    def attach(connection: object, record: object) -> None:
        connection.execute("ATTACH ? AS archive", (path,))  # type: ignore[attr-defined]

    table = awkward(NAMES[0], "archive")
    with attaching.begin() as connection:
        table.create(connection)
        connection.execute(sa.insert(table), rows_of(table))

    check(database, table, Engine(database, sa_engine=attaching))

    assert contents(second_database, awkward(NAMES[0]))[0] == (1, "t1", 1)
