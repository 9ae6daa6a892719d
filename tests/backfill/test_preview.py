"""A preview shows what a backfill would do, and leaves nothing behind."""

from __future__ import annotations

import json
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate import settings
from flask_datamigrate import snippets as sn
from flask_datamigrate.backfill.preview import Preview
from flask_datamigrate.backfill.preview import preview
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.backfill.engine import task
from tests.databases.database import Database
from tests.upgrading.conftest import ADD
from tests.upgrading.conftest import CREATE
from tests.upgrading.conftest import Bench
from tests.upgrading.conftest import bench as bench  # noqa: PLC0414

MANY = 12_000


def users(database: Database, rows: int = 20) -> sa.Table:
    table = frozen.table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("city", sa.String(20)),
        sa.Column("n", sa.Integer),
    )
    create(database, table)
    values = [{"id": i, "city": f"c{i % 7}", "n": i} for i in range(1, rows + 1)]
    fill(database, table, values)
    return table


def look(database: Database, backfill: Backfill, **config: t.Any) -> Preview:
    """Preview a backfill, and see to it that nothing is left of that."""
    keys = {f"DATAMIGRATE_{key.upper()}": value for key, value in config.items()}
    before = everything(database)
    engine = database.engine(poolclass=sa.NullPool)
    found = preview(engine, task(backfill), settings.read(keys))
    assert everything(database) == before
    return found


def everything(database: Database) -> dict[str, t.Any]:
    """Return all tables and their rows, and how far the sequences are."""
    found: dict[str, t.Any] = {
        name: sorted(map(repr, database.rows(sa.text(f"SELECT * FROM {name}"))))
        for name in database.tables()
    }
    if database.name == "postgresql":
        sequences = "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"
        found["sequences"] = database.rows(sa.text(sequences))
    return found


def test_an_update_shows_rows_and_how_long_it_takes(database: Database) -> None:
    table = users(database)
    backfill = Backfill(
        sa.update(table).where(table.c.n > 10).values(n=table.c.n * 2), batch_size=2
    )

    found = look(database, backfill)

    assert (found.kind, found.rows, found.rows_exact) == ("update", 20, True)
    # Two of the five places are below those that match, and one is half so.
    assert found.tried == 5
    assert found.changed is not None and 0 < found.changed < 20
    assert (found.sample[0].before, found.sample[0].after) in [
        ({"n": n}, {"n": 2 * n}) for n in range(11, 21)
    ]
    assert found.seconds is not None and found.seconds > 0
    assert found.batches is not None and found.batches >= 1
    assert found.scans == ()


def test_rows_in_python_run_their_transform(database: Database) -> None:
    table = users(database)
    backfill = Backfill.rows(
        table, lambda row: {"city": f"<{row.city}>"}, reads=["city"], writes=["city"]
    )

    found = look(database, backfill)

    assert found.sample[0].key == "id=1"
    assert found.sample[0].after == {"city": "<c1>"}
    assert (found.changed, len(found.sample)) == (20, 3)


def test_a_transform_that_fails_is_named_with_its_row(database: Database) -> None:
    table = users(database)
    backfill = Backfill.rows(
        table, lambda row: {"n": 1 // (row.n - 3)}, reads=["n"], writes=["n"]
    )

    with pytest.raises(
        errors.BackfillError, match="row id=3: .*ZeroDivision"
    ) as caught:
        look(database, backfill)

    assert "Nothing was changed" in str(caught.value)


def test_a_delete_shows_what_would_go(database: Database) -> None:
    table = users(database)

    found = look(database, Backfill(sa.delete(table).where(table.c.city == "c1")))

    assert [row.key for row in found.sample] == ["id=1", "id=8", "id=15"]
    assert found.sample[0].before == {"id": 1, "city": "c1", "n": 1}
    assert (found.sample[0].after, found.changed) == ({}, 3)


def test_an_insert_shows_what_would_come(database: Database) -> None:
    table = users(database)
    cities = frozen.table(
        "cities",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(20), unique=True),
    )
    create(database, cities)
    query = sa.select(table.c.city)
    plain = sa.insert(cities).from_select(["name"], query)
    missing = sn.insert_missing(cities, from_select=(["name"], query), key=["name"])
    for statement in (plain, missing):
        found = look(database, Backfill(statement, over=table, undo=True))
        assert found.sample[0].after == {"name": "c1"}
        assert (found.sample[0].before, found.changed) == ({}, 20)
    fill(database, cities, [{"name": "mine"}])
    assert contents(database, cities, "id") == [(1,)]


def test_an_empty_table_has_nothing_to_do(database: Database) -> None:
    table = users(database, 0)

    found = look(database, Backfill(sa.update(table).values(n=0)))

    assert (found.rows, found.changed, found.batches) == (0, 0, 0)
    assert (found.seconds, found.sample) == (0.0, ())


def test_a_composite_key_of_text(database: Database) -> None:
    table = frozen.table(
        "pairs",
        sa.Column("a", sa.String(20), primary_key=True),
        sa.Column("b", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("n", sa.Integer),
    )
    create(database, table)
    fill(database, table, [{"a": f"a{i % 3}", "b": i, "n": i} for i in range(30)])

    found = look(database, Backfill(sa.update(table).values(n=0), batch_size=4))

    assert (found.tried, found.changed) == (5, 30)


def test_a_table_that_each_batch_reads_whole_is_named(database: Database) -> None:
    table = users(database)
    orders = frozen.table(
        "orders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer),
        sa.Column("total", sa.Integer),
    )
    create(database, orders)
    fill(
        database, orders, [{"id": i, "user_id": i, "total": 1} for i in range(1, MANY)]
    )
    sums = (
        sa.select(sa.func.sum(orders.c.total))
        .where(orders.c.user_id == table.c.id)
        .scalar_subquery()
    )
    backfill = Backfill(sa.update(table).values(n=sums), batch_size=5)

    (scan,) = look(database, backfill).scans

    assert (scan.table, scan.columns) == ("orders", ("user_id",))
    assert 10_000 < scan.rows < 20_000
    wanted = 'op.create_index_online("ix_orders_user_id", "orders", ["user_id"])'
    assert scan.index == wanted
    database.execute("CREATE INDEX ix_orders_user_id ON orders (user_id)")
    database.execute(ANALYZE[database.name])
    assert look(database, backfill).scans == ()


ANALYZE = {
    "postgresql": "ANALYZE orders",
    "mysql": "ANALYZE TABLE orders",
    "sqlite": "ANALYZE",
}


def test_the_batches_of_a_large_table_by_its_key_are_no_scan(
    database: Database,
) -> None:
    table = users(database, MANY)

    found = look(
        database, Backfill(sa.update(table).values(n=table.c.n + 1)), batch_size=100
    )

    assert found.scans == ()
    assert found.changed == MANY


def test_the_command(bench: Bench) -> None:
    bench.chain(CREATE, ADD.format(by=1), CREATE.replace("counters", "others"))
    early = bench.flask("db", "data", "preview", "r2")
    assert early.exit_code == 1
    assert "r1 comes first, and is not applied" in early.output
    assert "flask db upgrade r1" in early.output
    bench.upgrade("r1")
    tables = sorted(bench.database.tables())

    shown = bench.flask("db", "data", "preview", "r2")

    assert shown.exit_code == 0, shown.output
    assert "r2 (counters): update, 3 rows in the table" in shown.output
    assert "  id=1: n 10 → 11" in shown.output
    assert "About 3 rows would be changed." in shown.output
    assert "Nothing was changed." in shown.output
    (found,) = json.loads(bench.flask("db", "data", "preview", "r2", "--json").stdout)
    assert found["sample"][0] == {
        "key": "id=1",
        "before": {"n": 10},
        "after": {"n": 11},
    }
    assert bench.counts == [10, 20, 50]
    assert sorted(bench.database.tables()) == tables

    schema = bench.flask("db", "data", "preview", "r1")
    assert schema.exit_code == 1
    assert "revision r1: it has no backfill to preview" in schema.output
    unknown = bench.flask("db", "data", "preview", "nosuch")
    assert unknown.exit_code == 1
    assert "nosuch" in unknown.output
    bench.upgrade("r2")
    done = bench.flask("db", "data", "preview", "r2")
    assert done.exit_code == 1
    assert "it is finished" in done.output


def test_a_key_in_another_order_than_its_index_is_a_scan(database: Database) -> None:
    database.execute(
        "CREATE TABLE pairs (a INTEGER NOT NULL, b INTEGER NOT NULL, n INTEGER, "
        "UNIQUE (b, a))"
    )
    pairs = frozen.table(
        "pairs",
        sa.Column("a", sa.Integer),
        sa.Column("b", sa.Integer),
        sa.Column("n", sa.Integer),
    )
    fill(database, pairs, [{"a": i, "b": -i, "n": 0} for i in range(MANY)])
    backfill = Backfill(sa.update(pairs).values(n=1), key=["a", "b"], batch_size=100)

    (scan,) = look(database, backfill).scans

    assert (scan.table, scan.columns) == ("pairs", ("a", "b"))
