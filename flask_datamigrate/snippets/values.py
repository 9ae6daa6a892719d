"""Snippets on values: the greatest and the least, digests, UUIDs, numbers in texts."""

from __future__ import annotations

import datetime
import decimal
import hashlib
import typing as t

import sqlalchemy as sa

from ..frozen.families import family
from .arguments import as_ordered
from .arguments import as_text
from .arguments import refuse
from .construct import Construct
from .moments import plain
from .sqlite_functions import Python

# Each is compared with its own kind: on SQLite they are texts, of which a date is the
# beginning of a time. To MySQL and MariaDB a literal is a text, and so would the result
# be; it is given the type that the kind has there.
_TEMPORAL: tuple[tuple[type[sa.types.TypeEngine[t.Any]], str], ...] = (
    (sa.DateTime, "DATETIME(6)"),
    (sa.Date, "DATE"),
    (sa.Time, "TIME(6)"),
)


def _postgresql_choice(choice: Choice, dialect: sa.Dialect) -> str:
    text = "CAST({} AS TEXT) COLLATE {{binary}}" if choice.is_text else "{}"
    return f"{choice.name}({', '.join(map(text.format, choice.places))})"


def _filled(parts: t.Sequence[str], wrap: str) -> str:
    """Return each part, and in place of a NULL the next one that is none."""
    turned = ([*parts[i:], *parts[:i]] for i in range(len(parts)))
    return ", ".join(wrap.format(f"coalesce({', '.join(turn)})") for turn in turned)


def _mysql_choice(choice: Choice, dialect: sa.Dialect) -> str:
    wrap = "CONVERT({} USING utf8mb4) COLLATE {{binary}}" if choice.is_text else "{}"
    if family(choice.type) == "uuid":
        # MariaDB has those of some versions in the order of the time in them.
        wrap = "CAST({} AS CHAR)"
    parts = choice.places
    for type_, name in _TEMPORAL:
        if isinstance(plain(choice.type), type_):
            parts = [
                # A column keeps its instant, if it is a TIMESTAMP.
                place
                if isinstance(value, sa.ColumnClause)
                else f"CAST({place} AS {name})"
                for place, value in zip(
                    choice.places, choice.arguments.values(), strict=True
                )
            ]
    return f"{choice.name}({_filled(parts, wrap)})"


def _sqlite_choice(choice: Choice, dialect: sa.Dialect) -> str:
    name = {"greatest": "max", "least": "min"}[choice.name]
    wrap = "{}"
    if choice.is_text:
        # The collation of the first one is that of the comparison.
        wrap = "{} COLLATE {{binary}}"
    elif isinstance(choice.type, sa.Float):
        # Where one value is whole, it would stay so.
        wrap = "CAST({} AS REAL)"
    return f"{name}({_filled(choice.places, wrap)})"


class Choice(Construct):
    sql = {
        "postgresql": _postgresql_choice,
        "mysql": _mysql_choice,
        "sqlite": _sqlite_choice,
    }

    @property
    def is_text(self) -> bool:
        return family(self.type) == "text"

    @property
    def places(self) -> list[str]:
        """The place of each value in a template."""
        return [f"{{{name}}}" for name in self.arguments]


class Greatest(Choice):
    name = "greatest"


class Least(Choice):
    name = "least"


def greatest(*values: t.Any) -> Construct:
    """Return the greatest of several values of a row.

    ::

        sn.greatest(users.c.last_login, users.c.last_post)

    NULLs are left out, as by ``max()``; NULL when all are. Texts are compared by code
    points: ``"a"`` is greater than ``"B"``, and no two different ones are equal. The
    result is of the type of the values.

    :param values: two expressions or more, of one kind: numbers, texts, dates, times
        of one precision, booleans, bytes, or UUIDs, which are in the order of their
        digits. A value of Python is of the kind that it has there; a datetime with a
        time zone is brought to UTC.
    :raises DefinitionError: for values of several kinds, or of one without an order.
    """
    return _choice(Greatest, values)


def least(*values: t.Any) -> Construct:
    """Return the least of several values of a row.

    ::

        sn.least(orders.c.promised_on, orders.c.shipped_on)

    NULLs are left out, as by ``min()``; NULL when all are. Texts are compared by code
    points: ``"B"`` is less than ``"a"``, and no two different ones are equal. The
    result is of the type of the values.

    :param values: two expressions or more, of one kind: numbers, texts, dates, times
        of one precision, booleans, bytes, or UUIDs, which are in the order of their
        digits. A value of Python is of the kind that it has there; a datetime with a
        time zone is brought to UTC.
    :raises DefinitionError: for values of several kinds, or of one without an order.
    """
    return _choice(Least, values)


def _choice(kind: type[Choice], values: t.Sequence[t.Any]) -> Construct:
    where = kind.name
    if len(values) < 2:
        refuse(where, "it compares two values or more", "Give it another one")
    found = [as_ordered(_in_utc(value), where) for value in values]
    kinds = {_kind(value.type): value.type for value in found}
    if len(kinds) > 1:
        names = " and ".join(repr(type_) for type_ in kinds.values())
        refuse(
            where,
            f"it is given {names}, which each database compares in its own way",
            "Write the conversion: sa.cast(...)",
        )
    return kind(
        {f"value_{i}": value for i, value in enumerate(found)}, type_=_type(found)
    )


def _in_utc(value: t.Any) -> t.Any:
    """Return a time in UTC: a database without time zones drops its offset."""
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.timezone.utc)
    return value


def _kind(type_: sa.types.TypeEngine[t.Any]) -> t.Hashable:
    name = family(type_)
    if name != "temporal":
        return name
    type_ = plain(type_)
    kinds = (kind for kind, _ in _TEMPORAL if isinstance(type_, kind))
    return next(kinds, None), bool(getattr(type_, "timezone", False))


def _type(values: t.Sequence[t.Any]) -> sa.types.TypeEngine[t.Any]:
    """Return the type that holds any of the values."""
    types = [value.type for value in values]
    if family(types[0]) == "text":
        return sa.Text()
    for type_ in types:
        if isinstance(type_, sa.Float):
            return type_
    for type_ in types:
        if isinstance(type_, sa.Numeric):
            # SQLite keeps no digits, SQLAlchemy rounds to those of the type.
            digits = max(map(_decimals, values))
            return type_.adapt(sa.Numeric, decimal_return_scale=digits)
    return t.cast("sa.types.TypeEngine[t.Any]", types[0])


def _decimals(value: t.Any) -> int:
    """Return how many digits behind the point a value can have."""
    if isinstance(value, sa.BindParameter) and isinstance(value.value, decimal.Decimal):
        exponent = value.value.as_tuple().exponent
        return max(-exponent, 0) if isinstance(exponent, int) else 0
    if not isinstance(value.type, sa.Numeric):
        return 0
    known = (value.type.decimal_return_scale, value.type.scale)
    # What SQLAlchemy takes where a type says nothing.
    return next((digits for digits in known if digits is not None), 10)


def _md5(text: str | None) -> str | None:
    """Compute it on SQLite."""
    if text is None:
        return None
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class MD5(Construct):
    name = "md5"
    sql = {
        "postgresql": "md5(convert_to(CAST({text} AS TEXT), 'UTF8'))",
        "mysql": "MD5(CONVERT({text} USING utf8mb4))",
        "sqlite": Python(_md5, "CAST({text} AS TEXT)"),
    }


def md5(text: t.Any) -> Construct:
    """Return the MD5 digest of a text in UTF-8, as 32 hexadecimal digits.

    ::

        sn.md5(sa.func.lower(users.c.email))

    The digits are in lower case. NULL where the text is NULL. The result is a
    ``sa.String(32)``. It tells texts apart and hides nothing: for passwords it is of
    no use. On SQLite it is computed in Python on the connection, which a ``--sql``
    script and an index cannot do.

    :param text: an expression.
    """
    return MD5({"text": as_text(text, MD5.name)}, type_=sa.String(32))


# RFC 9562, 5.4: 122 random bits, the version 4 and the variant 8, 9, a or b.
_MYSQL_UUID = (
    "LOWER(CONCAT(HEX(RANDOM_BYTES(4)), {dash}, HEX(RANDOM_BYTES(2)), {dash}, '4', "
    "LEFT(HEX(RANDOM_BYTES(2)), 3), {dash}, "
    "HEX(0x80 | (ORD(RANDOM_BYTES(1)) & 0x3F)), HEX(RANDOM_BYTES(1)), {dash}, "
    "HEX(RANDOM_BYTES(6))))"
)


def _mariadb_uuid(uuid: RandomUUID, dialect: sa.Dialect) -> str:
    version = tuple(getattr(dialect, "server_version_info", None) or (10, 10))
    if version < (10, 10):
        refuse(
            RandomUUID.name,
            "it needs RANDOM_BYTES, which MariaDB has since 10.10",
            "Make them in Python: Backfill.rows with uuid.uuid4()",
        )
    return _MYSQL_UUID


def _postgresql_uuid(uuid: RandomUUID, dialect: sa.Dialect) -> str:
    if isinstance(uuid.type, sa.Uuid):
        return "gen_random_uuid()"
    return "CAST(gen_random_uuid() AS TEXT)"


class RandomUUID(Construct):
    name = "random_uuid"
    sql = {
        "postgresql": _postgresql_uuid,
        "mysql": _MYSQL_UUID,
        "mariadb": _mariadb_uuid,
        "sqlite": "lower(hex(randomblob(4)) || {dash} || hex(randomblob(2)) || {dash} "
        "|| '4' || substr(hex(randomblob(2)), 1, 3) || {dash} || "
        "substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 1, 3) "
        "|| {dash} || hex(randomblob(6)))",
    }


def random_uuid(type_: sa.types.TypeEngine[t.Any] | None = None) -> Construct:
    """Return a random UUID (version 4), another one for each row.

    ::

        sa.update(users).values(public_id=sn.random_uuid())
        sa.update(users).values(token=sn.random_uuid(sa.String(36)))

    Never NULL. It is made from the server's own source of random bytes: PostgreSQL 13,
    MariaDB 10.10, MySQL 8 and SQLite have one.

    :param type_: the type of the column it is for: ``sa.Uuid()``, which is the
        default, or one of texts, which gets 36 characters with dashes.
    :raises DefinitionError: for another type; when compiled for an older MariaDB.
    """
    wanted = sa.Uuid() if type_ is None else sa.types.to_instance(type_)
    if isinstance(wanted, sa.Uuid):
        # Where there is no such type, SQLAlchemy stores 32 digits.
        return RandomUUID({}, {"dash": ""}, type_=wanted)
    if family(wanted) != "text":
        refuse(
            RandomUUID.name,
            f"a UUID is no {wanted!r}",
            "Give it sa.Uuid() or sa.String(36)",
        )
    length = getattr(wanted, "length", None)
    if length is not None and length < 36:
        refuse(
            RandomUUID.name,
            f"a UUID has 36 characters, and {wanted!r} takes {length}",
            "Give it sa.Uuid() or sa.String(36)",
        )
    return RandomUUID({}, {"dash": "-"}, type_=wanted)
