from __future__ import annotations

import warnings

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql

from flask_datamigrate.authoring.freeze import from_database
from flask_datamigrate.authoring.freeze import from_models
from flask_datamigrate.errors import AuthoringError
from flask_datamigrate.frozen.compare import check

EVERY_TYPE = {
    "postgresql": """
        CREATE TYPE mood AS ENUM ('good', 'so "so"', 'it''s');
        CREATE TYPE pair AS (a INTEGER, b INTEGER);
        CREATE DOMAIN posint AS INTEGER CHECK (VALUE > 0);
        CREATE EXTENSION IF NOT EXISTS hstore;
        CREATE EXTENSION IF NOT EXISTS citext;
        CREATE TABLE everything (
            a BIGINT, b SMALLINT, c NUMERIC, d NUMERIC(10, 2), e REAL,
            f DOUBLE PRECISION, g VARCHAR(10) COLLATE "C", h CHAR(3), i TEXT, j CITEXT,
            k BOOLEAN, l DATE, m TIMESTAMP, n TIMESTAMPTZ(3), o TIME WITH TIME ZONE,
            p INTERVAL, q INTERVAL YEAR TO MONTH, r BYTEA, s JSON, t JSONB, u UUID,
            v mood, w mood[], x TEXT[][], y INET, z CIDR, aa MACADDR, ab TSVECTOR,
            ac INT4RANGE, ad TSTZRANGE, ae MONEY, af HSTORE, ag posint, ah posint[],
            ai BIT(3), aj BIT VARYING(4), ak XML, al POINT, am pair, an "char",
            ao TIMESTAMPTZ, ap DATEMULTIRANGE, aq OID,
            id INTEGER, tenant INTEGER, PRIMARY KEY (tenant, id)
        )
    """,
    "mysql": """
        CREATE TABLE everything (
            a TINYINT(1), b TINYINT UNSIGNED, c INT UNSIGNED, d MEDIUMINT, e BIGINT,
            f DECIMAL(10, 2), g DECIMAL(8, 3) UNSIGNED, h FLOAT, i DOUBLE,
            j DOUBLE(7, 3), k YEAR, l BIT(3), m DATE, n DATETIME, o DATETIME(6),
            p TIMESTAMP NULL, q TIME(3), r CHAR(3), s VARCHAR(10) COLLATE utf8mb4_bin,
            t VARCHAR(10) CHARACTER SET latin1, u TINYTEXT, v TEXT, w MEDIUMTEXT,
            x LONGTEXT, y JSON, z BINARY(4), aa VARBINARY(8), ab TINYBLOB, ac BLOB,
            ad LONGBLOB, ae ENUM('a', 'b "c"', 'it''s'), af SET('x', 'y'), ag GEOMETRY,
            ah INT ZEROFILL,
            id INT, tenant INT, PRIMARY KEY (tenant, id)
        )
    """,
    "sqlite": """
        CREATE TABLE everything (
            a BIGINT, b VARCHAR(10), c TEXT, d, e BOOLEAN, f DATETIME, g JSON, h BLOB,
            i REAL, j DOUBLE PRECISION, k DECIMAL(10, 2), l UUID, m MONEY, n DATE,
            o TIME, p TIMESTAMP, q "a b", r NUMERIC, s STRING(40), t "two words (3)",
            id INTEGER, tenant INTEGER, PRIMARY KEY (tenant, id)
        )
    """,
}


def frozen_of(database, *names, **options):
    with database.engine().connect() as connection:
        return from_database(connection, names, **options)


def executed(frozen):
    namespace = {}
    exec(str(frozen), namespace)
    return {table.variable: namespace[table.variable] for table in frozen.tables}


def checked(database, tables):
    with database.engine().connect() as connection:
        for table in tables.values():
            check(connection, table, where="the test")


def test_the_code_of_every_type_runs_and_agrees_with_the_database(database):
    database.execute(EVERY_TYPE[database.name])
    frozen = frozen_of(database, "everything")
    tables = executed(frozen)
    checked(database, tables)
    table = tables["everything"]
    with database.engine().connect() as connection:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sa.exc.SAWarning)
            columns = sa.inspect(connection).get_columns("everything")
        assert connection.execute(sa.select(table)).all() == []
    assert table.c.keys() == [column["name"] for column in columns]
    assert {column.name for column in table.primary_key} == {"tenant", "id"}
    assert max(map(len, str(frozen).splitlines())) <= 88


@pytest.mark.parametrize(
    ("database", "lines"),
    [
        (
            "postgresql",
            """\
    sa.Column("d", sa.Numeric(10, 2)),
    sa.Column("f", sa.Double),
    sa.Column("g", sa.String(10, collation="C")),
    sa.Column("k", sa.Boolean),
    sa.Column("m", sa.DateTime),
    sa.Column("n", postgresql.TIMESTAMP(timezone=True, precision=3)),
    sa.Column("ao", sa.DateTime(timezone=True)),
    sa.Column("p", sa.Interval),
    sa.Column("r", sa.LargeBinary),
    sa.Column("t", postgresql.JSONB),
    sa.Column("u", sa.Uuid),
    sa.Column("v", sa.Enum("good", 'so "so"', "it's", name="mood")),
    sa.Column("x", postgresql.ARRAY(sa.Text)),
    sa.Column("y", postgresql.INET),
    sa.Column("ac", postgresql.INT4RANGE),
    sa.Column("ag", sa.Integer),
    sa.Column("ai", postgresql.BIT(length=3)),
    # point: SQLAlchemy has no such type, values pass as the driver has them.
    sa.Column("al", sa.types.NullType),
    sa.Column("id", sa.Integer, primary_key=True),""",
        ),
        (
            "mysql",
            """\
    sa.Column("a", sa.Boolean),
    sa.Column("b", mysql.TINYINT(unsigned=True)),
    sa.Column("c", mysql.INTEGER(unsigned=True)),
    sa.Column("e", sa.BigInteger),
    sa.Column("f", sa.Numeric(10, 2)),
    sa.Column("i", sa.Double),
    sa.Column("n", sa.DateTime),
    sa.Column("o", mysql.DATETIME(fsp=6)),
    sa.Column("y", sa.JSON),
    sa.Column("ac", sa.LargeBinary),
    sa.Column("ad", mysql.LONGBLOB),
    sa.Column("ae", sa.Enum("a", 'b "c"', "it's")),
    sa.Column("af", mysql.SET("x", "y")),
    # geometry: SQLAlchemy has no such type, values pass as the driver has them.
    sa.Column("ag", sa.types.NullType),""",
        ),
        (
            "sqlite",
            """\
    sa.Column("a", sa.BigInteger),
    sa.Column("b", sa.String(10)),
    # no type: SQLAlchemy has no such type, values pass as the driver has them.
    sa.Column("d", sa.types.NullType),
    sa.Column("f", sa.DateTime),
    sa.Column("k", sa.Numeric(10, 2)),
    # UUID: SQLAlchemy has no such type, values pass as the driver has them.
    sa.Column("l", sa.types.NullType),
    sa.Column("r", sa.Numeric),""",
        ),
    ],
    indirect=["database"],
)
def test_types_are_portable_where_nothing_is_lost(database, lines):
    database.execute(EVERY_TYPE[database.name])
    code = frozen_of(database, "everything").code
    assert [line for line in lines.splitlines() if line not in code.splitlines()] == []


def test_names_that_are_no_identifiers_become_variables(database):
    metadata = sa.MetaData()
    names = ("class", "op", "2fa codes", "frozen", "order", "2fa_codes")
    for name in names:
        sa.Table(
            name,
            metadata,
            sa.Column("select", sa.Integer, primary_key=True),
            sa.Column('with "quotes"', sa.Text),
        )
    metadata.create_all(database.engine())
    frozen = frozen_of(database, *names)
    tables = executed(frozen)
    assert list(tables) == [
        "class_",
        "op_",
        "_2fa_codes",
        "frozen_",
        "order",
        "_2fa_codes_",
    ]
    assert [table.name for table in tables.values()] == list(names)
    checked(database, tables)


def test_only_the_columns_asked_for_and_the_key_are_written(database):
    database.execute(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER)"
    )
    (users,) = executed(frozen_of(database, "users", columns=["b"])).values()
    assert users.c.keys() == ["id", "b"]


def test_an_unknown_table_is_an_error_with_the_nearest_name(database):
    database.execute("CREATE TABLE users (id INTEGER PRIMARY KEY)")
    database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
    message = (
        'no table "usres" in the database: did you mean "users"\\? '
        "\\(there are: orders, users\\)"
    )
    with pytest.raises(AuthoringError, match=message):
        frozen_of(database, "usres")


def test_an_unknown_column_is_an_error_with_the_nearest_name(database):
    database.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT)")
    with pytest.raises(AuthoringError, match='column "emial".*mean "email"'):
        frozen_of(database, "users", columns=["emial"])


def test_a_table_without_a_key_says_so(database):
    database.execute("CREATE TABLE log (line VARCHAR(10))")
    assert "give the backfill `key=[...]`" in frozen_of(database, "log").code


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_table_of_a_schema_is_named_with_it(database):
    database.execute('CREATE SCHEMA app; CREATE TABLE app."Users" (id INTEGER)')
    (one,) = executed(frozen_of(database, "app.Users")).values()
    (two,) = executed(frozen_of(database, "Users", schema="app")).values()
    assert (one.schema, one.name) == (two.schema, two.name) == ("app", "Users")


class Upper(sa.types.TypeDecorator):
    impl = sa.String(20)
    cache_ok = True


class Guid(sa.types.TypeDecorator):
    impl = sa.CHAR(32)
    cache_ok = True

    def load_dialect_impl(self, dialect):
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.UUID())
        return dialect.type_descriptor(sa.CHAR(32))


class Point(sa.types.UserDefinedType):
    cache_ok = True


class Label(sa.String):
    pass


MODEL_TYPES = [
    (Upper, "sa.String(20)"),
    (Guid, 'sa.CHAR(32).with_variant(sa.Uuid(), "postgresql")'),
    (Label(7), "sa.String(7)"),
    (Point, "sa.types.NullType"),
    (sa.Unicode(9), "sa.Unicode(9)"),
    (sa.Enum("a", "b", native_enum=False, length=5), "sa.String(5)"),
    (sa.Numeric(8, 2, asdecimal=False), "sa.Numeric(8, 2, asdecimal=False)"),
    (sa.Uuid(as_uuid=False), "sa.Uuid(as_uuid=False)"),
    (sa.PickleType, "sa.PickleType"),
    (sa.Interval, "sa.Interval"),
    (
        sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
        'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")',
    ),
    (
        sa.Text().with_variant(mysql.LONGTEXT(), "mysql"),
        'sa.Text().with_variant(mysql.LONGTEXT(), "mysql")',
    ),
    (sa.ARRAY(sa.Integer), "sa.ARRAY(sa.Integer)"),
    (sa.DateTime(timezone=True), "sa.DateTime(timezone=True)"),
    (sa.LargeBinary, "sa.LargeBinary"),
]


@pytest.mark.parametrize(("type_", "code"), MODEL_TYPES, ids=lambda value: str(value))
def test_types_of_models_become_types_that_need_no_app_code(type_, code):
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("it", type_, primary_key=True))
    frozen = from_models(metadata, ["users"])
    assert "".join(code.split()) in "".join(frozen.code.split())
    assert "it" in executed(frozen)["users"].c


def test_an_unknown_model_table_is_an_error_with_the_nearest_name():
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("id", sa.Integer), schema="app")
    with pytest.raises(AuthoringError, match='in the models: did you mean "app.users"'):
        from_models(metadata, ["app.user"])
    assert 'schema="app"' in from_models(metadata, ["app.users"]).code
