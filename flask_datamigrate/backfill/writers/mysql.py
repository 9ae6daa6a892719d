"""Write rows back on MySQL and MariaDB: one UPDATE that joins a derived table."""

from __future__ import annotations

import datetime
import decimal
import itertools
import operator
import typing as t
import uuid

import sqlalchemy as sa

from ...dialects import names as names_of
from ..keys import Position
from .assignment import Assignment
from .assignment import Columns

_Row: t.TypeAlias = "tuple[t.Any, ...]"
_Rows: t.TypeAlias = "list[_Row]"

MOST_ROWS = 2000
"""Rows in one statement: enough that the round trip no longer counts."""

MOST_LENGTH = 2_000_000
"""Characters and bytes of values in one statement: at up to four bytes a character,
or two where it is escaped, below the server's default packet of 16 MB."""

_WRITABLE = (
    type(None),
    int,
    float,
    str,
    bytes,
    bytearray,
    decimal.Decimal,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    uuid.UUID,
)
"""What PyMySQL writes as it is; of anything else it writes the ``str()``."""


def write_back(
    connection: sa.Connection,
    assignment: Assignment,
    columns: Columns,
    low: Position | None,
    high: Position,
) -> int:
    """Update rows by key, and return how many were met."""
    dialect = connection.dialect
    target, names = assignment.quoted(dialect)
    aliases = [f"v{i}" for i in range(len(names))]
    size = assignment.key_size
    # The empty first branch gives the derived table the columns' own types and
    # collations, so that the join can use the index.
    head = ", ".join(
        f"{name} AS {alias}" for name, alias in zip(names, aliases, strict=True)
    )
    on = " AND ".join(f"dm_t.{names[i]} = dm_v.{aliases[i]}" for i in range(size))
    assignments = ", ".join(
        f"dm_t.{names[i]} = dm_v.{aliases[i]}" for i in range(size, len(names))
    )
    met = 0
    for chunk in _chunks(assignment.sent(dialect, columns)):
        rest, values = _ROWS[names_of(dialect)[0]](chunk)
        statement = (
            f"UPDATE {target} AS dm_t JOIN ("
            f"SELECT {head} FROM {target} WHERE FALSE {rest}"
            f") AS dm_v ON {on} SET {assignments}"
        )
        met += connection.exec_driver_sql(statement, values).rowcount
    return met


def _selects(rows: _Rows) -> tuple[str, _Row]:
    one = f"UNION ALL SELECT {', '.join(['%s'] * len(rows[0]))}"
    values = tuple(itertools.chain.from_iterable(rows))
    return " ".join([one] * len(rows)), values


def _values(rows: _Rows) -> tuple[str, _Row]:
    """Return rows as a table value constructor, which the server reads sooner.

    Whole numbers stand in the text, since the driver takes its time for each value.
    """
    columns = list(zip(*rows, strict=True))
    whole = [set(map(type, column)) == {int} for column in columns]
    texts = [
        map(str, column) if inline else itertools.repeat("%s", len(rows))
        for column, inline in zip(columns, whole, strict=True)
    ]
    sent = [c for c, inline in zip(columns, whole, strict=True) if not inline]
    body = "),(".join(map(",".join, zip(*texts, strict=True)))
    values = tuple(itertools.chain.from_iterable(zip(*sent, strict=True)))
    return f"UNION ALL VALUES ({body})", values


_ROWS: dict[str, t.Callable[[_Rows], tuple[str, _Row]]] = {
    # https://mariadb.com/kb/en/table-value-constructors/, since 10.3. MySQL has them
    # since 8.0.19, in other words.
    "mariadb": _values,
    "mysql": _selects,
}
"""What follows a SELECT to give a table further rows, and the values to send."""


def _chunks(columns: Columns) -> t.Iterator[_Rows]:
    """Make rows of columns, as many at a time as one statement takes."""
    rows = list(zip(*columns, strict=True))
    lengths = [0] * len(rows)
    for values in columns:
        kinds = set(map(type, values))
        for kind in kinds:
            if not issubclass(kind, _WRITABLE):
                raise TypeError(f"no column of this type takes a {kind.__name__}")
        if any(issubclass(kind, str | bytes) for kind in kinds):
            lengths = [*map(operator.add, lengths, map(_length, values))]
    start = length = 0
    for at, added in enumerate(lengths):
        if at > start and (at - start == MOST_ROWS or length + added > MOST_LENGTH):
            yield rows[start:at]
            start, length = at, 0
        length += added
    yield rows[start:]


def _length(value: t.Any) -> int:
    return len(value) if isinstance(value, str | bytes) else 0
