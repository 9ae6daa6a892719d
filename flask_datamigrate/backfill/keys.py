"""Ranges of a key: their SQL by dialect, and how a position is written down."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime
import decimal
import enum
import ipaddress
import json
import operator
import typing as t
import uuid

import sqlalchemy as sa
from sqlalchemy import exc

from ..errors import DefinitionError

Position = tuple[t.Any, ...]
"""The values of the key columns of one row."""

_Compare = t.Callable[[t.Any, t.Any], sa.ColumnElement[bool]]
_LOW = "dm_low_"
_HIGH = "dm_high_"


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """The columns a table is paged by, on one kind of database.

    :param columns: unique and not null together, in the order of an index.
    :param dialect: ``postgresql``, ``mysql`` (MariaDB too) or ``sqlite``.
    """

    columns: tuple[sa.ColumnElement[t.Any], ...]
    dialect: str

    def after(self) -> sa.ColumnElement[bool]:
        """Return the condition "behind the position bound as low"."""
        return self._beyond(_LOW, up=True)

    def until(self) -> sa.ColumnElement[bool]:
        """Return the condition "up to and with the position bound as high"."""
        return self._beyond(_HIGH, up=False)

    def between(self, low: Position | None) -> sa.ColumnElement[bool]:
        """Return the condition of a range, open below when there is no ``low``."""
        return self.until() if low is None else sa.and_(self.after(), self.until())

    def _beyond(self, prefix: str, *, up: bool) -> sa.ColumnElement[bool]:
        strictly: _Compare = operator.gt if up else operator.lt
        at_last: _Compare = operator.gt if up else operator.le
        bound = [
            sa.bindparam(f"{prefix}{i}", type_=column.type)
            for i, column in enumerate(self.columns)
        ]
        if len(bound) == 1:
            return at_last(self.columns[0], bound[0])
        if self.dialect != "mysql":
            return at_last(sa.tuple_(*self.columns), sa.tuple_(*bound))
        # MariaDB scans the whole index for a row-value comparison; this form it
        # reads as a range of the index.
        tail = at_last(self.columns[-1], bound[-1])
        for column, value in list(zip(self.columns, bound, strict=True))[-2::-1]:
            tail = sa.or_(strictly(column, value), sa.and_(column == value, tail))
        loosely: _Compare = operator.ge if up else operator.le
        return sa.and_(loosely(self.columns[0], bound[0]), tail)

    def order(self) -> list[sa.ColumnElement[t.Any]]:
        return list(self.columns)

    def descending(self) -> list[sa.ColumnElement[t.Any]]:
        return [column.desc() for column in self.columns]


@dataclasses.dataclass(frozen=True, slots=True)
class WholeTable(Key):
    """The one range of all rows, those without a key among them.

    Its position is ``()``, which binds nothing.
    """

    def after(self) -> sa.ColumnElement[bool]:
        return sa.true()

    def until(self) -> sa.ColumnElement[bool]:
        return sa.true()


def parameters(low: Position | None, high: Position) -> dict[str, t.Any]:
    """Return the values to bind for the range behind ``low`` up to ``high``."""
    values = {f"{_HIGH}{i}": value for i, value in enumerate(high)}
    values.update({f"{_LOW}{i}": value for i, value in enumerate(low or ())})
    return values


def describe(columns: t.Sequence[sa.ColumnElement[t.Any]], position: Position) -> str:
    """Write a position for people: ``id=5`` or ``(a=1, b='x')``."""
    pairs = [
        f"{getattr(column, 'name', '?')}={_plain(value)}"
        for column, value in zip(columns, position, strict=True)
    ]
    return pairs[0] if len(pairs) == 1 else f"({', '.join(pairs)})"


@contextlib.contextmanager
def read_as_declared(
    columns: t.Sequence[sa.ColumnElement[t.Any]],
) -> t.Iterator[None]:
    """Name the key of which a value is read in the block, if its type cannot read it.

    :raises DefinitionError: with what the column's type says of the value.
    """
    try:
        yield
    except exc.DBAPIError:
        raise
    except Exception as error:
        raise DefinitionError(
            f"a value of the key ({_declared(columns)}) cannot be read by its type in "
            f"the frozen table: {error}",
            state="No row was changed by this",
            next="Mend the row, or declare the column as what is stored in it",
        ) from error


def encode(
    position: Position | None, columns: t.Sequence[sa.ColumnElement[t.Any]] = ()
) -> str | None:
    """Write a position as text, so that :func:`decode` gives the same values.

    :param columns: the key's, to name them in an error.
    :raises DefinitionError: for a value of a type that has no such text.
    """
    if position is None:
        return None
    try:
        return json.dumps([_encode(value) for value in position])
    except TypeError as error:
        named = f" ({_declared(columns)})" if columns else ""
        raise DefinitionError(
            f"the key{named} gives {error}, which a position cannot be written down as",
            state="No row was changed by this",
            next="Page by another unique column: key=[...]; or declare it in the "
            f"frozen table as a type that gives one of: {', '.join(_STORABLE)}",
        ) from error


def _declared(columns: t.Sequence[sa.ColumnElement[t.Any]]) -> str:
    return ", ".join(
        f"{getattr(column, 'name', '?')}: {type(column.type).__name__}"
        for column in columns
    )


def decode(text: str | None) -> Position | None:
    """Read what :func:`encode` wrote."""
    if text is None:
        return None
    return tuple(_decode(value) for value in json.loads(text))


# An interface before the address, which it is a subclass of.
_IP = (
    ipaddress.IPv4Interface,
    ipaddress.IPv6Interface,
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
)

_TAGS: dict[str, tuple[type, t.Callable[[t.Any], str], t.Callable[[str], t.Any]]] = {
    # datetime before date, which it is a subclass of
    "datetime": (
        datetime.datetime,
        datetime.datetime.isoformat,
        datetime.datetime.fromisoformat,
    ),
    "date": (datetime.date, datetime.date.isoformat, datetime.date.fromisoformat),
    "time": (datetime.time, datetime.time.isoformat, datetime.time.fromisoformat),
    "timedelta": (
        datetime.timedelta,
        lambda value: f"{value.days} {value.seconds} {value.microseconds}",
        lambda text: datetime.timedelta(*map(int, text.split())),
    ),
    "decimal": (decimal.Decimal, str, decimal.Decimal),
    "uuid": (uuid.UUID, str, uuid.UUID),
    "bytes": (
        bytes,
        lambda value: base64.b64encode(value).decode(),
        base64.b64decode,
    ),
    **{type_.__name__: (type_, str, type_) for type_ in _IP},
}

_SCALARS = (bool, int, float, str)
_STORABLE = (*(type_.__name__ for type_ in _SCALARS), *_TAGS)


def _encode(value: t.Any) -> t.Any:
    if isinstance(value, memoryview | bytearray):
        value = bytes(value)
    for tag, (type_, write, _) in _TAGS.items():
        if isinstance(value, type_):
            return {tag: write(value)}
    # Not a member of an enum that is a str: it would come back as the bare value.
    if isinstance(value, _SCALARS) and not isinstance(value, enum.Enum):
        return value
    raise TypeError(f"a {type(value).__name__}")


def _decode(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        ((tag, text),) = value.items()
        return _TAGS[tag][2](text)
    return value


def _plain(value: t.Any) -> str:
    return str(value) if isinstance(value, uuid.UUID | decimal.Decimal) else repr(value)
