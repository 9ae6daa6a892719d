"""Coarse families of types, and which of them may stand for which.

A frozen table is refused only for what can never work. What a database stores
under another name, and what SQLAlchemy does not know, passes.
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql

__all__ = ["compatible", "family"]

_Type: t.TypeAlias = sa.types.TypeEngine[t.Any] | type[sa.types.TypeEngine[t.Any]]

# Read from the top: the first class that fits names the family.
_FAMILIES: tuple[tuple[type[t.Any], str], ...] = (
    (sa.Interval, "interval"),
    (postgresql.INTERVAL, "interval"),
    (sa.PickleType, "binary"),
    (mysql.YEAR, "number"),
    (sa.Boolean, "boolean"),
    (sa.Enum, "enum"),
    (sa.Uuid, "uuid"),
    (sa.JSON, "json"),
    (sa.ARRAY, "array"),
    (sa.String, "text"),
    (sa.Integer, "number"),
    (sa.Numeric, "number"),
    (sa.Float, "number"),
    (sa.Date, "temporal"),
    (sa.DateTime, "temporal"),
    (sa.Time, "temporal"),
    (sa.LargeBinary, "binary"),
    (sa.BINARY, "binary"),
    (sa.VARBINARY, "binary"),
    (mysql.TINYBLOB, "binary"),
    (mysql.MEDIUMBLOB, "binary"),
    (mysql.LONGBLOB, "binary"),
)

_EVERYWHERE = {
    ("text", "enum"),
    ("enum", "text"),
    ("text", "json"),
    ("json", "text"),
    ("text", "uuid"),
    ("uuid", "text"),
    ("uuid", "binary"),
}

_MYSQL = {
    ("boolean", "number"),
    ("number", "boolean"),
    ("interval", "temporal"),
    ("temporal", "interval"),
    ("text", "binary"),
}

_SQLITE = {
    ("boolean", "number"),
    ("number", "boolean"),
    ("interval", "temporal"),
    ("temporal", "interval"),
    ("text", "temporal"),
    ("temporal", "text"),
    ("interval", "text"),
    ("number", "temporal"),
    ("json", "binary"),
    ("array", "json"),
    ("array", "text"),
}

# What may be declared (first) for what is stored (second), beside equal families.
_STORED_AS = {
    "postgresql": _EVERYWHERE,
    "mysql": _EVERYWHERE | _MYSQL,
    "sqlite": _EVERYWHERE | _SQLITE,
}


def family(type_: _Type) -> str | None:
    """Name the coarse family of a type; ``None`` for one that is not known.

    :param type_: a type, as ``sa.String`` or ``sa.String(50)``.
    """
    instance = sa.types.to_instance(type_)
    if isinstance(instance, postgresql.DOMAIN):
        return family(instance.data_type)
    for cls, name in _FAMILIES:
        if isinstance(instance, cls):
            return name
    if isinstance(instance, sa.types.TypeDecorator):
        return family(instance.impl)
    return None


def compatible(declared: _Type, actual: _Type, spoken: str) -> bool:
    """Tell whether a declared type can work with the one in the database.

    :param declared: the type in the frozen table.
    :param actual: the type the database reflects.
    :param spoken: ``postgresql``, ``mysql`` (MariaDB too) or ``sqlite``.
    """
    if spoken == "sqlite" and _nameless(actual):
        return True
    pair = family(declared), family(actual)
    if None in pair or pair[0] == pair[1]:
        return True
    allowed = _STORED_AS.get(spoken)
    return allowed is None or pair in allowed


def _nameless(actual: _Type) -> bool:
    # SQLite keeps whatever type name it is given (https://sqlite.org/datatype3.html,
    # 3.1), and SQLAlchemy reflects one it does not know as NUMERIC without a scale.
    return isinstance(actual, sa.NUMERIC) and actual.scale is None
