from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql

from flask_datamigrate.frozen.families import compatible
from flask_datamigrate.frozen.families import family


class Money(sa.types.TypeDecorator):
    impl = sa.Numeric
    cache_ok = True


class Point(sa.types.UserDefinedType):
    cache_ok = True


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        (sa.String(10), "text"),
        (sa.Text, "text"),
        (mysql.SET("a"), "text"),
        (postgresql.CITEXT, "text"),
        (sa.Enum("a", "b"), "enum"),
        (sa.Integer, "number"),
        (sa.Float, "number"),
        (postgresql.DOUBLE_PRECISION(), "number"),
        (mysql.TINYINT(1), "number"),
        (mysql.YEAR(), "number"),
        (Money(), "number"),
        (postgresql.DOMAIN("posint", sa.Integer()), "number"),
        (sa.Boolean, "boolean"),
        (sa.Date, "temporal"),
        (mysql.DATETIME(fsp=6), "temporal"),
        (sa.Interval, "interval"),
        (postgresql.INTERVAL(), "interval"),
        (sa.LargeBinary, "binary"),
        (mysql.LONGBLOB(), "binary"),
        (postgresql.BYTEA(), "binary"),
        (sa.PickleType(), "binary"),
        (postgresql.JSONB(), "json"),
        (sa.Uuid, "uuid"),
        (postgresql.ARRAY(sa.Text), "array"),
        (postgresql.INET(), None),
        (postgresql.TSVECTOR(), None),
        (mysql.BIT(3), None),
        (Point(), None),
        (sa.types.NullType(), None),
    ],
)
def test_the_family_of_a_type(type_, name):
    assert family(type_) == name


@pytest.mark.parametrize(
    ("declared", "actual", "dialects"),
    [
        (sa.String(5), sa.Text(), "postgresql mysql sqlite"),
        (sa.Boolean(), mysql.TINYINT(1), "mysql sqlite"),
        (sa.Boolean(), sa.INTEGER(), "mysql sqlite"),
        (sa.Enum("a"), sa.VARCHAR(1), "postgresql mysql sqlite"),
        (sa.JSON(), mysql.LONGTEXT(), "postgresql mysql sqlite"),
        (sa.Uuid(), sa.CHAR(32), "postgresql mysql sqlite"),
        (sa.DateTime(), sa.TEXT(), "sqlite"),
        (sa.Interval(), sa.DATETIME(), "mysql sqlite"),
        (sa.String(), sa.NUMERIC(), "sqlite"),
        (sa.String(), sa.types.NullType(), "postgresql mysql sqlite"),
        (sa.String(), sa.INTEGER(), ""),
        (sa.Integer(), sa.VARCHAR(5), ""),
        (sa.Integer(), sa.LargeBinary(), ""),
        (sa.Date(), sa.INTEGER(), ""),
    ],
)
def test_what_may_be_stored_as_what(declared, actual, dialects):
    every = ("postgresql", "mysql", "sqlite")
    assert {d for d in every if compatible(declared, actual, d)} == {*dialects.split()}
