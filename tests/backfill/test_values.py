"""Every type of value a transform can return, written and read back."""

from __future__ import annotations

import datetime
import decimal
import enum
import math
import typing as t
import uuid

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from tests.backfill.engine import Engine
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database

UTC = datetime.timezone.utc
EAST = datetime.timezone(datetime.timedelta(hours=5, minutes=30))


class Color(enum.Enum):
    RED = "red"
    DARK_BLUE = "dark 'blue'"


class Word(str, enum.Enum):
    YES = "yes it is"


class Commas(sa.types.TypeDecorator[t.Any]):
    """Keeps a list as one text."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: t.Any, dialect: sa.Dialect) -> t.Any:
        return None if value is None else ",".join(value)

    def process_result_value(self, value: t.Any, dialect: sa.Dialect) -> t.Any:
        return None if value is None else value.split(",")


class Document(sa.types.TypeDecorator[t.Any]):
    """Keeps what stands in an envelope as JSON."""

    impl = sa.JSON
    cache_ok = True

    def process_bind_param(self, value: t.Any, dialect: sa.Dialect) -> t.Any:
        return None if value is None else {"envelope": value}

    def process_result_value(self, value: t.Any, dialect: sa.Dialect) -> t.Any:
        return None if value is None else value["envelope"]


def micros(type_: t.Any) -> t.Any:
    """Return a type with microseconds on MySQL, where they are not the default."""
    of = mysql.TIME(fsp=6) if isinstance(type_, sa.Time) else mysql.DATETIME(fsp=6)
    return type_.with_variant(of, "mysql", "mariadb")


NESTED = {
    "a": [1, 2.5, None, True, {"deep": ["ü", "🐍", 'q"', "back\\slash", "{}", "%s"]}],
    "": "empty",
    "NULL": "null",
}
TEXTS = [
    "", " ", "  both  ", "NULL", "null", "'", "''", '"', '""', "\\", "\\\\", "\\n",
    "a\nb\r\nc\td", "%", "%s", "%%", "%(x)s", ":x", "::x", "{}", "{a,b}", '{"a"}', ",",
    "a,b", "(1)", ";--", "é", "e\u0301", "中文", "🐍\u200d🐍",
    "\u202eabc", "\x01\x1f\x7f",
    "\ufeff", "x" * 5000, "'\\\"%:{},\n🐍" * 50, "t", "f", "0", "\\x00", "$1", "?",
]  # fmt: skip

TYPES: dict[str, tuple[t.Any, list[t.Any]]] = {
    "integer": (sa.Integer(), [0, 1, -1, 2**31 - 1, -(2**31)]),
    "smallint": (sa.SmallInteger(), [-(2**15), 2**15 - 1]),
    "bigint": (sa.BigInteger(), [2**63 - 1, -(2**63), 2**53 + 1]),
    "double": (
        sa.Double(),
        [0.0, 0.1, -1e300, 5e-324, 1.7976931348623157e308, 2**53 + 2.0, 1 / 3],
    ),
    "boolean": (sa.Boolean(), [True, False]),
    "text": (sa.Text(), TEXTS),
    "string": (sa.String(100), ["x" * 100, "🐍" * 100, *TEXTS[:10]]),
    "unicode": (sa.Unicode(20), ["žluťoučký"]),
    "bytes": (
        sa.LargeBinary(),
        [b"", b"\x00", bytes(range(256)), b"'\\\"%s{}", b"\xff\xfe" * 999],
    ),
    "date": (
        sa.Date(),
        [datetime.date(2024, 2, 29), datetime.date(1000, 1, 1), datetime.date.max],
    ),
    "datetime": (
        micros(sa.DateTime()),
        [
            datetime.datetime(2024, 2, 29, 23, 59, 59, 999_999),
            datetime.datetime(1000, 1, 1),
            datetime.datetime(2024, 1, 1, 0, 0, 0, 1),
        ],
    ),
    "time": (
        micros(sa.Time()),
        [
            datetime.time(0),
            datetime.time(23, 59, 59, 999_999),
            datetime.time(1, 2, 3, 40),
        ],
    ),
    "timedelta": (
        sa.Interval(),
        [
            datetime.timedelta(days=3, seconds=5),
            datetime.timedelta(0),
            datetime.timedelta(hours=30),
        ],
    ),
    "uuid": (sa.Uuid(), [uuid.UUID(int=0), uuid.uuid5(uuid.NAMESPACE_DNS, "x")]),
    "uuid as text": (
        sa.Uuid(native_uuid=False),
        [uuid.uuid5(uuid.NAMESPACE_DNS, "y")],
    ),
    "enum": (sa.Enum(Color, name="color"), list(Color)),
    "words": (
        sa.Enum("a", "b c", "d'e", name="words", native_enum=False),
        ["a", "b c", "d'e"],
    ),
    "json": (
        sa.JSON(),
        [NESTED, [], {}, "text", "null", 5, 1.5, True, False, "", [None], TEXTS],
    ),
    "decorated": (Commas(), [["a", "b"], ["%s", "'", "\\"]]),
    "decorated json": (Document(), [NESTED, 1, "x"]),
    "pickle": (sa.PickleType(), [{"a": {1, 2}}, ("x", b"\x00")]),
}
POSTGRESQL: dict[str, tuple[t.Any, list[t.Any]]] = {
    "numeric": (
        sa.Numeric(),
        [
            decimal.Decimal("0.1"),
            decimal.Decimal("-12345678901234567890.123456789012345678901234567890"),
            decimal.Decimal("1E+30"),
        ],
    ),
    "not numbers": (sa.Double(), [math.inf, -math.inf]),
    "datetime with time zone": (
        sa.DateTime(timezone=True),
        [
            datetime.datetime(2024, 5, 1, 12, 30, 1, 5, UTC),
            datetime.datetime(2024, 5, 1, 12, tzinfo=EAST),
        ],
    ),
    "negative interval": (
        sa.Interval(),
        [datetime.timedelta(-3, 5, 7), datetime.timedelta(microseconds=-1)],
    ),
    "jsonb": (postgresql.JSONB(), [NESTED, [], {}, "x", 5, True]),
    "texts": (
        sa.ARRAY(sa.Text()),
        [[], [""], TEXTS, [None, "NULL", "null"], ["a,b", "{c}", '"', "\\"]],
    ),
    "numbers in rows": (sa.ARRAY(sa.Integer, dimensions=2), [[[1, 2], [3, None]]]),
    "texts in rows": (
        sa.ARRAY(sa.Text, dimensions=2),
        [[["a", 'b"'], [None, "\\{}"]], [["", "NULL"]]],
    ),
    "days": (sa.ARRAY(sa.Date()), [[datetime.date(2020, 1, 1), None]]),
    "uuids": (sa.ARRAY(sa.Uuid()), [[uuid.UUID(int=5), None]]),
    "bytes in an array": (sa.ARRAY(sa.LargeBinary()), [[b"\x00\\", None, b""]]),
    "documents": (sa.ARRAY(postgresql.JSONB()), [[{"a": ["b"]}, {"c": 'd"'}]]),
}


def values_table(type_: t.Any) -> sa.Table:
    return frozen.table(
        "things",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("v", type_),
    )


def check_written(
    database: Database, type_: t.Any, values: list[t.Any], driver: str | None = None
) -> None:
    """Write values through a backfill, read them, and undo it."""
    table = values_table(type_)
    create(database, table)
    with_none = [*values, None]
    fill(database, table, [{"id": i + 1} for i in range(len(with_none))])
    backfill = Backfill.rows(
        table,
        lambda row: {"v": with_none[row.id - 1]},
        reads=[],
        writes=["v"],
        batch_size=4,
        undo=not isinstance(type_, sa.JSON),
    )
    engine = Engine(database, driver)

    engine.run(backfill)

    read = [row[0] for row in database.rows(sa.select(table.c.v).order_by(table.c.id))]
    assert read == with_none
    assert [type(value) for value in read] == [type(value) for value in with_none]
    if backfill.undo:
        engine.undo(backfill)
        assert set(database.rows("SELECT v IS NULL FROM things")) == {(True,)}


@pytest.mark.parametrize("name", TYPES)
def test_values_are_read_back_as_they_were_returned(
    database: Database, name: str
) -> None:
    check_written(database, *TYPES[name])


@pytest.mark.parametrize("name", [*TYPES, *POSTGRESQL])
@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_values_are_read_back_with_either_driver_of_postgresql(
    database: Database, driver: str, name: str
) -> None:
    if name in TYPES and driver == "psycopg2":
        pytest.skip("the test for all databases uses it")
    check_written(database, *{**TYPES, **POSTGRESQL}[name], driver)


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_exact_decimals_on_mariadb(database: Database) -> None:
    numbers = ["0.1", "-123456789012345678.12345678", "99999.99999999"]
    check_written(
        database,
        sa.Numeric(30, 8),
        [decimal.Decimal(n).quantize(decimal.Decimal("1e-8")) for n in numbers],
    )


@pytest.mark.filterwarnings("ignore:.*does .not. support Decimal objects natively")
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_decimals_and_infinity_on_sqlite(database: Database) -> None:
    check_written(
        database,
        sa.Numeric(10, 2),
        [decimal.Decimal("12345.67"), decimal.Decimal("0.10")],
    )
    database.execute("DROP TABLE things")
    Engine(database).applied()
    check_written(database, sa.Double(), [math.inf, -math.inf])


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_not_a_number_on_postgresql(database: Database, driver: str) -> None:
    table = values_table(sa.Double())
    create(database, table)
    fill(database, table, [{"id": 1}])

    Engine(database, driver).run(
        Backfill.rows(table, lambda row: {"v": math.nan}, reads=[], writes=["v"])
    )

    assert database.scalar("SELECT v::text FROM things") == "NaN"


def test_the_null_of_json_is_not_null(database: Database) -> None:
    """As SQLAlchemy has it: None is JSON's null, unless the column says otherwise."""
    table = frozen.table(
        "things",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", sa.JSON()),
        sa.Column("b", sa.JSON(none_as_null=True)),
    )
    create(database, table)
    fill(database, table, [{"id": 1, "a": 1, "b": 1}])

    Engine(database).run(
        Backfill.rows(
            table, lambda row: {"a": None, "b": None}, reads=[], writes=["a", "b"]
        )
    )

    assert database.rows("SELECT a IS NULL, b IS NULL FROM things") == [(False, True)]


def test_a_word_of_an_enum_of_texts_is_written_as_its_value(database: Database) -> None:
    table = values_table(sa.String(20))
    create(database, table)
    fill(database, table, [{"id": 1}])

    Engine(database).run(
        Backfill.rows(table, lambda row: {"v": Word.YES}, reads=[], writes=["v"])
    )

    assert database.scalar("SELECT v FROM things") == "yes it is"


ANY = ("postgresql", "mysql", "sqlite")
NEVER: dict[str, tuple[t.Any, t.Any, tuple[str, ...]]] = {
    # On SQLite a length and a range are no constraints, and the value is kept whole.
    "a text longer than the column": (sa.String(5), "sixsix", ANY[:2]),
    "an integer that is too large": (sa.Integer(), 2**31, ANY[:2]),
    "an integer beyond 64 bits": (sa.BigInteger(), 2**70, ANY),
    "a text for a number": (sa.Integer(), "many", ANY),
    "a number for a date": (sa.Date(), 5, ANY[:1] + ANY[2:]),
    "a text for a datetime": (sa.DateTime(), "soon", ANY),
    "a list for a text": (sa.Text(), ["a"], ANY),
    "a dict for a text": (sa.Text(), {"a": 1}, ANY),
    "a set for a text": (sa.Text(), {"a"}, ANY),
    "an object for a text": (sa.Text(), object(), ANY),
    "a member of an enum for a text": (sa.Text(), Color.RED, ANY),
    "a word the enum lacks": (sa.Enum("a", "b", name="ab"), "c", ANY[:2]),
    "two for a boolean": (sa.Boolean(), 2, ANY),
    "half a surrogate": (sa.Text(), "\ud800", ANY),
    "NUL in a text": (sa.Text(), "a\x00b", ANY[:1]),
    "not a number": (sa.Double(), math.nan, ANY[1:]),
    "what JSON lacks": (sa.JSON(), {"a": {1}}, ANY),
}


def check_refused(
    database: Database, type_: t.Any, value: t.Any, driver: str | None = None
) -> None:
    table = values_table(type_)
    create(database, table)
    fill(database, table, [{"id": i} for i in range(1, 31)])
    backfill = Backfill.rows(
        table,
        lambda row: {"v": value} if row.id == 23 else None,
        reads=[],
        writes=["v"],
    )
    engine = Engine(database, driver)

    with pytest.raises(errors.DataMigrateError) as caught:
        engine.run(backfill)

    assert "revision 1f2e3d4c, table things, row id=23: " in str(caught.value)
    assert database.scalar("SELECT count(*) FROM things WHERE v IS NOT NULL") == 0
    assert engine.record().state.value == "failed"


@pytest.mark.parametrize("name", NEVER)
def test_a_value_that_does_not_fit_is_an_error_that_names_the_row(
    database: Database, name: str
) -> None:
    type_, value, where = NEVER[name]
    if database.name not in where:
        pytest.skip("this database takes it, whole")
    check_refused(database, type_, value)


@pytest.mark.parametrize("name", NEVER)
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_value_that_does_not_fit_is_an_error_with_psycopg_3(
    database: Database, name: str
) -> None:
    type_, value, where = NEVER[name]
    if "postgresql" not in where:
        pytest.skip("PostgreSQL takes it")
    check_refused(database, type_, value, "psycopg")


@pytest.mark.parametrize("database", ["mysql", "sqlite"], indirect=True)
def test_a_text_may_hold_nul_where_the_database_has_it(database: Database) -> None:
    check_written(database, sa.Text(), ["a\x00b", "\x00"])
