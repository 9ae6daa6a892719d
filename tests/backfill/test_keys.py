"""The keys a table can be paged by."""

from __future__ import annotations

import datetime
import decimal
import typing as t
import uuid

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database

MICROS = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
MIXED = [
    "a", "A", "aa", "B", "b'", 'q"', "back\\slash", "per%cent", "co:lon", "über",
    "Ünder", "žluť", "中文", "日本", "🐍", "🐍🐍", "",
    "0", "Z z", "z{}", "{1,2}", "%s", "%(x)s",
]  # fmt: skip
DECIMALS = [decimal.Decimal(n) / 4 for n in range(-40, 41, 3)]
START = datetime.datetime(2021, 3, 28, 1, 59, 59, 999_999)

KEYS: dict[str, tuple[list[sa.types.TypeEngine[t.Any]], list[tuple[t.Any, ...]]]] = {
    "integers with gaps": (
        [sa.Integer()],
        [(n,) for n in (-(2**31), -500, -1, 0, 1, 2, 17, 10**6, 2**31 - 1)],
    ),
    "bigints": (
        [sa.BigInteger()],
        [(n,) for n in (-(2**63), -(2**53) - 1, 0, 2**53 + 1, 2**53 + 2, 2**63 - 1)],
    ),
    "native uuids": (
        [sa.Uuid()],
        [(uuid.uuid5(uuid.NAMESPACE_DNS, f"{n}.example"),) for n in range(30)],
    ),
    "uuids as text": (
        [sa.Uuid(native_uuid=False)],
        [(uuid.uuid5(uuid.NAMESPACE_URL, f"{n}.example"),) for n in range(30)],
    ),
    "datetimes": (
        [MICROS],
        [(START + datetime.timedelta(microseconds=n**5),) for n in range(30)],
    ),
    "dates": (
        [sa.Date()],
        [(datetime.date(1969, 12, 20) + datetime.timedelta(n),) for n in range(30)],
    ),
    "decimals": ([sa.Numeric(12, 2)], [(d,) for d in DECIMALS]),
    "bytes": (
        [sa.LargeBinary(20).with_variant(mysql.VARBINARY(20), "mysql", "mariadb")],
        [(bytes(range(n, n + 4)),) for n in range(0, 250, 9)] + [(b"",), (b"\x00",)],
    ),
    "words of an enum": (
        [sa.Enum("low", "high", "Middle", "o'ther", name="level")],
        [("low",), ("high",), ("Middle",), ("o'ther",)],
    ),
    "intervals": (
        [sa.Interval()],
        [(datetime.timedelta(days=n, seconds=n * n),) for n in range(0, 300, 13)],
    ),
    "integer and text": (
        [sa.Integer(), sa.String(20)],
        [(n, s) for n in (-1, 0, 7) for s in ("", "a", "b c", "ü")],
    ),
    "text, date and integer": (
        [sa.String(20), sa.Date(), sa.Integer()],
        [
            (s, datetime.date(2020, 1, d), n)
            for s in ("x", "y")
            for d in (1, 2, 3)
            for n in (5, 6, 900)
        ],
    ),
    "uuid and bigint": (
        [sa.Uuid(), sa.BigInteger()],
        [(uuid.UUID(int=n), m) for n in range(4) for m in (0, 2**40, -3)],
    ),
}


def keyed(types: t.Sequence[sa.types.TypeEngine[t.Any]]) -> sa.Table:
    keys = [
        sa.Column(f"k{i}", type_, primary_key=True, autoincrement=False)
        for i, type_ in enumerate(types)
    ]
    return frozen.table(
        "keyed", *keys, sa.Column("n", sa.Integer), sa.Column("s", sa.String(30))
    )


def check_each_form(
    database: Database, table: sa.Table, driver: str | None = None
) -> None:
    """Run every form that follows a key, a few rows a batch, and undo it."""
    keys = list(table.primary_key.columns)
    count = sa.select(sa.func.count()).select_from(table)
    rows = database.scalar(count)
    engine = Engine(database, driver, config={"max_batch_size": 4})
    plus = Backfill(
        sa.update(table).values(n=sa.func.coalesce(table.c.n, 0) + 1),
        key=keys,
        batch_size=4,
        undo=True,
    )

    assert engine.run(plus).changed == rows
    assert set(database.rows(sa.select(table.c.n))) == {(1,)}
    assert engine.undo(plus).changed == rows
    assert set(database.rows(sa.select(table.c.n))) == {(None,)}

    python = Backfill.rows(
        table,
        lambda row: {"s": repr(row[keys[0].name])[:30], "n": 4},
        key=keys,
        reads=[],
        writes=["s", "n"],
        batch_size=3,
        undo=True,
    )
    assert engine.run(python).changed == rows
    found = database.rows(sa.select(keys[0], table.c.s, table.c.n))
    assert found == [(key, repr(key)[:30], 4) for key, _, _ in found]
    assert engine.undo(python).changed == rows
    assert set(database.rows(sa.select(table.c.s))) == {(None,)}
    database.execute("DELETE FROM datamigrate_orders")
    database.execute("DELETE FROM datamigrate_ranges")
    database.execute("DELETE FROM datamigrate_backfills")

    purge = Backfill(sa.delete(table), key=keys, batch_size=2)
    assert engine.run(purge).changed == rows
    assert database.scalar(count) == 0


@pytest.mark.filterwarnings("ignore:.*does .not. support Decimal objects natively")
@pytest.mark.parametrize("name", KEYS)
def test_every_kind_of_key_is_paged_by(database: Database, name: str) -> None:
    types, values = KEYS[name]
    table = keyed(types)
    create(database, table)
    fill(
        database,
        table,
        [{f"k{i}": v for i, v in enumerate(value)} for value in reversed(values)],
    )
    check_each_form(database, table)


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_every_kind_of_key_is_paged_by_with_psycopg_3(
    database: Database, name: str
) -> None:
    types, values = KEYS[name]
    table = keyed(types)
    create(database, table)
    rows = [{f"k{i}": v for i, v in enumerate(value)} for value in values]
    fill(database, table, rows)
    check_each_form(database, table, "psycopg")


COLLATIONS = {
    "postgresql": [None, "C", "und-x-icu"],
    "mysql": ["utf8mb4_bin", "utf8mb4_general_ci", "utf8mb4_unicode_nopad_ci"],
    "sqlite": [None, "NOCASE", "RTRIM"],
}


@pytest.mark.parametrize("which", range(3))
def test_text_keys_follow_the_order_of_their_collation(
    database: Database, which: int
) -> None:
    collation = COLLATIONS[database.name][which]
    table = keyed([sa.String(30, collation=collation)])
    create(database, table)
    texts = dict.fromkeys([*MIXED, "a ", "a  ", " a"])
    insert = sa.insert(table)
    if database.name == "mysql":
        insert = insert.prefix_with("IGNORE")
    elif database.name == "sqlite":
        insert = insert.prefix_with("OR IGNORE")
    with database.engine().begin() as connection:
        for text in texts:
            connection.execute(insert, {"k0": text})
    # The frozen table need not name the collation: the database's own counts.
    check_each_form(database, keyed([sa.String(30)]))


def test_a_table_without_primary_key_is_paged_by_the_columns_of_key(
    database: Database,
) -> None:
    database.execute(
        "CREATE TABLE loose (a INTEGER NOT NULL, b VARCHAR(10) NOT NULL, n INTEGER, "
        "UNIQUE (b, a))"
    )
    for i in range(30):
        database.execute(f"INSERT INTO loose VALUES ({i % 7}, 'b{i}', {i})")
    table = frozen.table(
        "loose",
        sa.Column("a", sa.Integer),
        sa.Column("b", sa.String(10)),
        sa.Column("n", sa.Integer),
    )
    backfill = Backfill(
        sa.update(table).values(n=table.c.n + 1), key=["b", "a"], batch_size=4
    )

    Engine(database).run(backfill)

    assert database.rows("SELECT sum(n), count(*) FROM loose") == [(465, 30)]


def test_a_table_without_any_key_is_refused_at_its_definition() -> None:
    table = frozen.table("loose", sa.Column("n", sa.Integer))

    with pytest.raises(errors.DefinitionError, match=r"no primary key.*key=\[...\]"):
        Backfill(sa.update(table).values(n=1))


@pytest.mark.parametrize(
    ("definition", "complaint"),
    [
        ("k INTEGER", "can be NULL"),
        ("k INTEGER NOT NULL", "neither the primary key nor unique"),
    ],
)
def test_a_key_that_is_nullable_or_not_unique_is_refused(
    database: Database, definition: str, complaint: str
) -> None:
    unique = ", UNIQUE (k)" if complaint == "can be NULL" else ""
    database.execute(f"CREATE TABLE loose ({definition}, n INTEGER{unique})")
    table = frozen.table(
        "loose", sa.Column("k", sa.Integer), sa.Column("n", sa.Integer)
    )

    with pytest.raises(errors.DefinitionError, match=complaint) as caught:
        Engine(database).run(Backfill(sa.update(table).values(n=1), key=["k"]))

    assert "Nothing was changed" in str(caught.value)
    assert "revision 1f2e3d4c" in str(caught.value)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_text_primary_key_that_holds_null_is_refused(database: Database) -> None:
    database.execute("CREATE TABLE loose (k TEXT PRIMARY KEY, n INTEGER)")
    database.execute("INSERT INTO loose VALUES ('a', 0)")
    table = frozen.table(
        "loose", sa.Column("k", sa.Text, primary_key=True), sa.Column("n", sa.Integer)
    )
    backfill = Backfill(sa.update(table).values(n=table.c.n + 1))
    assert Engine(database).run(backfill).changed == 1

    database.execute("INSERT INTO loose VALUES (NULL, 0)")
    Engine(database).applied()
    with pytest.raises(errors.DataMigrateError, match='"k".*can be NULL'):
        Engine(database).run(backfill)

    assert database.scalar("SELECT n FROM loose WHERE k = 'a'") == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_key_that_python_does_not_give_back_as_stored_is_an_error(
    database: Database,
) -> None:
    """A row that cannot be found again must not pass for a changed one."""
    database.execute(
        "CREATE TABLE events (at DATETIME PRIMARY KEY NOT NULL, n INTEGER)"
    )
    database.execute("INSERT INTO events VALUES ('2021-01-01 00:00:00', 0)")
    table = frozen.table(
        "events",
        sa.Column("at", sa.DateTime, primary_key=True),
        sa.Column("n", sa.Integer),
    )
    python = Backfill.rows(table, lambda row: {"n": 1}, reads=[], writes=["n"])

    with pytest.raises(errors.BackfillError, match="not found again by its key"):
        Engine(database).run(python)

    assert database.scalar("SELECT n FROM events") == 0


def test_rows_that_come_between_two_batches_are_met(database: Database) -> None:
    table = keyed([sa.Integer()])
    create(database, table)
    fill(database, table, [{"k0": n} for n in range(0, 100, 10)])
    late = iter([95, 55, -5, 200])

    def insert(progress: t.Any) -> None:
        for key in late:
            fill(database, table, [{"k0": key}])
            break

    with at_each_batch(insert):
        report = Engine(database, config={"max_batch_size": 2}).run(
            Backfill(
                sa.update(table).where(table.c.n.is_(None)).values(n=1), batch_size=2
            )
        )

    assert database.rows("SELECT count(*), sum(n) FROM keyed") == [(14, 14)]
    assert (report.changed, report.left) == (14, 0)
