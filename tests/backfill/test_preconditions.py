"""What is looked at before the first row: the tables of a statement, and its key."""

from __future__ import annotations

import enum
import typing as t

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn
from flask_datamigrate.backfill import signals
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database

ORDERS = frozen.table(
    "orders",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("user_id", sa.Integer),
    sa.Column("total", sa.Integer),
)
USERS = frozen.table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("nmae", sa.String(20)),
)
NAMED = sa.select(USERS.c.nmae).where(USERS.c.id == ORDERS.c.user_id)
EARLIER = USERS.alias()
GROUPED = sa.select(USERS.c.id, sa.func.count(USERS.c.nmae).label("n")).group_by(
    USERS.c.id
)


def keyed(type_: sa.types.TypeEngine[t.Any]) -> sa.Table:
    return frozen.table(
        "keyed", sa.Column("k0", type_, primary_key=True), sa.Column("n", sa.Integer)
    )


ELSEWHERE: dict[str, t.Callable[[], Backfill]] = {
    "the target of an insert": lambda: Backfill(
        sa.insert(USERS).from_select(["id"], sa.select(ORDERS.c.id)), over=ORDERS
    ),
    "the target of an insert of what is missing": lambda: Backfill(
        sn.insert_missing(
            USERS, from_select=(["id"], sa.select(ORDERS.c.id)), key=["id"]
        ),
        over=ORDERS,
    ),
    "a table of the query of an insert": lambda: Backfill(
        sa.insert(ORDERS).from_select(["id"], sa.select(ORDERS.c.id).where(
            sa.exists().where(EARLIER.c.id == ORDERS.c.id, EARLIER.c.nmae == "x")
        )),
        over=ORDERS,
    ),
    "the source of an update": lambda: Backfill(
        sn.update_from(
            ORDERS,
            USERS,
            on=ORDERS.c.user_id == USERS.c.id,
            values={"total": sa.func.length(USERS.c.nmae)},
        )
    ),
    "a subquery that an update is joined with": lambda: Backfill(
        sn.update_from(
            ORDERS,
            (sub := GROUPED.subquery()),
            on=ORDERS.c.user_id == sub.c.id,
            values={"total": sub.c.n},
        )
    ),
    "a subquery among the values": lambda: Backfill(
        sa.update(ORDERS).values(total=sa.func.length(NAMED.scalar_subquery()))
    ),
    "the condition of a delete": lambda: Backfill(
        sa.delete(ORDERS).where(NAMED.exists())
    ),
    "the condition of rows": lambda: Backfill.rows(
        ORDERS,
        lambda row: {"total": 1},
        reads=[],
        writes=["total"],
        where=sa.and_(USERS.c.id == ORDERS.c.user_id, USERS.c.nmae == "x"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ELSEWHERE)
def test_every_table_of_a_statement_is_compared(database: Database, name: str) -> None:
    create(database, ORDERS)
    database.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(20))")
    fill(database, ORDERS, [{"id": 1, "user_id": 1, "total": 0}])

    with pytest.raises(errors.FrozenMismatchError) as caught:
        Engine(database).run(ELSEWHERE[name]())

    message = str(caught.value)
    assert 'revision 1f2e3d4c: table "users" in the database differs' in message
    assert 'it has no column "nmae" (did you mean "name"?)' in message
    assert database.scalar("SELECT count(*) FROM users") == 0
    assert database.scalar("SELECT total FROM orders") == 0


def without_transactions(database: Database, engine: str) -> sa.Table:
    create(database, ORDERS)
    fill(database, ORDERS, [{"id": 1, "total": 0}])
    database.execute(f"ALTER TABLE orders ENGINE={engine}")
    return ORDERS


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
@pytest.mark.parametrize("engine", ["MyISAM", "Aria", "MEMORY"])
def test_a_table_without_transactions_is_refused_with_what_mends_it(
    database: Database, engine: str
) -> None:
    table = without_transactions(database, engine)
    backfill = Backfill(sa.update(table).values(total=table.c.total + 1), undo=True)

    with pytest.raises(errors.DefinitionError, match=f"stored in {engine}") as caught:
        Engine(database).run(backfill)

    assert 'revision 1f2e3d4c: table "orders"' in str(caught.value)
    assert database.scalar("SELECT total FROM orders") == 0
    database.execute(caught.value.next.removeprefix("First run: "))
    assert Engine(database).run(backfill).changed == 1


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_the_target_of_an_insert_has_transactions_too(database: Database) -> None:
    table = without_transactions(database, "MyISAM")
    source = frozen.table("source", sa.Column("id", sa.Integer, primary_key=True))
    create(database, source)
    copy = sa.insert(table).from_select(["id"], sa.select(source.c.id))

    with pytest.raises(errors.DefinitionError, match='table "orders" is stored in'):
        Engine(database).run(Backfill(copy, over=source))

    read = sa.insert(source).from_select(["id"], sa.select(table.c.id))
    assert Engine(database).run(Backfill(read, over=table)).changed == 1


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
@pytest.mark.parametrize("type_", [postgresql.INET(), postgresql.CIDR()])
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_addresses_are_paged_by(
    database: Database, type_: sa.types.TypeEngine[t.Any], driver: str
) -> None:
    table = keyed(type_)
    create(database, table)
    for text in ("10.0.0.0", "10.0.0.0/8", "192.168.7.0/24", "::1", "fe80::/64"):
        database.execute(f"INSERT INTO keyed VALUES ('{text}', 0)")
    plus = sa.update(table).values(n=table.c.n + 1)
    backfill = Backfill(plus, batch_size=1, undo=True)
    engine = Engine(database, driver, config={"max_batch_size": 2})

    with at_each_batch(lambda progress: engine.stop.set()):
        with pytest.raises(errors.InterruptedRun):
            engine.run(backfill)
    engine.stop.clear()

    assert engine.run(backfill).changed == 5
    assert set(database.rows("SELECT n FROM keyed")) == {(1,)}
    assert engine.undo(backfill).changed == 5


class Level(enum.Enum):
    LOW = "low"
    HIGH = "high"


def test_a_key_that_cannot_be_written_down_is_refused_before_the_first_row(
    database: Database,
) -> None:
    table = keyed(sa.Enum(Level, name="level"))
    create(database, table)
    fill(database, table, [{"k0": level, "n": 0} for level in Level])
    backfill = Backfill(sa.update(table).values(n=1))

    with pytest.raises(errors.DefinitionError) as caught:
        Engine(database).run(backfill)

    message = str(caught.value)
    assert "revision 1f2e3d4c, table keyed: the key (k0: Enum) gives a Level" in message
    assert "key=[...]" in message
    assert database.rows("SELECT n FROM keyed") == [(0,), (0,)]
    words = keyed(sa.Enum("LOW", "HIGH", name="level"))
    assert Engine(database).run(Backfill(sa.update(words).values(n=1))).changed == 2


def test_a_key_of_a_table_that_was_empty_is_named_at_its_first_row(
    database: Database,
) -> None:
    table = keyed(sa.Enum(Level, name="level"))
    create(database, table)

    def late(name: str, **_: t.Any) -> None:
        fill(database, table, [{"k0": Level.LOW, "n": 0}])

    with signals.backfill_started.connected_to(late):
        with pytest.raises(errors.DefinitionError) as caught:
            Engine(database).run(Backfill(sa.update(table).values(n=1)))

    said = "revision 1f2e3d4c, table keyed: the key (k0: Enum) gives a Level"
    assert said in str(caught.value)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_key_that_its_type_cannot_read_is_named(database: Database) -> None:
    table = keyed(sa.Date())
    create(database, table)
    database.execute("INSERT INTO keyed (k0) VALUES ('2020-01-01'), ('tomorrow')")

    with pytest.raises(errors.DefinitionError) as caught:
        Engine(database).run(Backfill(sa.update(table).values(n=1)))

    message = str(caught.value)
    assert "table keyed: a value of the key (k0: Date) cannot be read" in message
    assert "tomorrow" in message
    assert database.scalar("SELECT count(n) FROM keyed") == 0
