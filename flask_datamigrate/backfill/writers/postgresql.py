"""Write rows back on PostgreSQL: one UPDATE that joins arrays sent as text."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import functools
import ipaddress
import json
import typing as t
import uuid

import sqlalchemy as sa

from ..keys import Position
from ..keys import parameters
from .assignment import Assignment
from .assignment import Columns

_TYPES = """
SELECT a.attname, format_type(a.atttypid, -1),
  t.typarray <> 0 AND t.typcategory <> 'A' AND t.typdelim = ',' AS in_arrays
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attnum > 0 AND a.attrelid = CAST(concat_ws('.',
  quote_ident(CAST(:schema AS text)), quote_ident(CAST(:name AS text))) AS regclass)
"""


def write_back(
    connection: sa.Connection,
    assignment: Assignment,
    columns: Columns,
    low: Position | None,
    high: Position,
) -> int:
    """Update rows by key, and return how many were met.

    Literals of arrays that the server reads as the columns' own types cost the client
    least; the range of the key in the WHERE keeps the plan a range scan.
    """
    arrays = {
        f"dm_array_{i}": _array(values, _to_text(column.type, connection.dialect))
        for i, (values, column) in enumerate(
            zip(columns, assignment.columns, strict=True)
        )
    }
    statement = _statement(connection, assignment, low is None)
    values = {**arrays, **parameters(low, high)}
    return connection.execute(statement, values).rowcount


def _statement(
    connection: sa.Connection, assignment: Assignment, first: bool
) -> sa.Update:
    """Build the UPDATE, once for each table, and keep it on the table's ``info``."""
    table, key = assignment.table, assignment.key
    cache = table.info.setdefault("datamigrate_write_back", {})
    at = (key, assignment.writes, first)
    if at not in cache:
        types = _server_types(connection, table)
        names = assignment.names
        sent = (
            sa.func.unnest(
                *(
                    sa.cast(
                        sa.bindparam(f"dm_array_{i}", type_=sa.Text()),
                        _Named(f"{types[name].sent}[]"),
                    )
                    for i, name in enumerate(names)
                )
            )
            .table_valued(*(f"c{i}" for i in range(len(names))))
            .render_derived("dm_sent")
        )
        typed = sa.select(
            *(
                types[name].read(sent.c[f"c{i}"]).label(f"v{i}")
                for i, name in enumerate(names)
            )
        ).subquery("dm_rows")
        size = assignment.key_size
        same = [column == typed.c[f"v{i}"] for i, column in enumerate(key.columns)]
        cache[at] = (
            sa.update(table)
            .where(*same, key.between(None if first else ()))
            .values(
                {
                    table.c[name]: sa.type_coerce(
                        typed.c[f"v{size + i}"], table.c[name].type
                    )
                    for i, name in enumerate(names[size:])
                }
            )
        )
    return t.cast(sa.Update, cache[at])


@dataclasses.dataclass(frozen=True, slots=True)
class _ServerType:
    """The type of a column, and the one that its values are sent as in an array.

    :param name: without a length. A cast to ``varchar(50)`` would cut a longer text
        off in silence, where an assignment of ``varchar`` is an error.
    """

    name: str
    sent: str

    def read(self, column: sa.ColumnElement[t.Any]) -> sa.ColumnElement[t.Any]:
        """Return what was sent as this type."""
        return column if self.sent == self.name else sa.cast(column, _Named(self.name))


def _server_types(connection: sa.Connection, table: sa.Table) -> dict[str, _ServerType]:
    """Return the type of each column as the server has it.

    Of most types there are arrays, which the server reads quickest. A type that is an
    array itself would be taken apart down to its elements, and some have another
    delimiter than the comma: those are sent as text.
    """
    values = {"schema": table.schema, "name": table.name}
    found = connection.execute(sa.text(_TYPES), values)
    return {
        row.attname: _ServerType(
            row.format_type, row.format_type if row.in_arrays else "text"
        )
        for row in found
    }


class _Named(sa.types.UserDefinedType[t.Any]):
    """A type by the name the server gives it."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **kw: t.Any) -> str:
        return self.name


_NUMBERS = frozenset({int, float, type(None)})

ToText = t.Callable[[t.Any], "str | None"]

_PLAIN = (
    int,
    float,
    decimal.Decimal,
    uuid.UUID,
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Interface,
    ipaddress.IPv6Interface,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
)
"""What PostgreSQL reads in the form that ``str()`` gives it."""


@functools.lru_cache(maxsize=256)
def _to_text(type_: sa.types.TypeEngine[t.Any], dialect: sa.Dialect) -> ToText:
    """Return what writes a value of a column type as the text PostgreSQL reads."""
    if isinstance(type_, sa.JSON):
        serialize = getattr(dialect, "_json_serializer", None) or json.dumps
        return functools.partial(_json, type_, serialize)
    impl = type_.dialect_impl(dialect)
    write = _nested if isinstance(_undecorated(impl), sa.ARRAY) else _text
    process = impl.bind_processor(dialect)
    return write if process is None else lambda value: write(process(value))


def _undecorated(impl: sa.types.TypeEngine[t.Any]) -> sa.types.TypeEngine[t.Any]:
    return impl.impl_instance if isinstance(impl, sa.types.TypeDecorator) else impl


def _json(
    type_: sa.JSON, serialize: t.Callable[[t.Any], str], value: t.Any
) -> str | None:
    if value is sa.JSON.NULL:
        value = None
    elif value is sa.null() or (value is None and type_.none_as_null):
        return None
    return serialize(value)


def _text(value: t.Any) -> str | None:
    kind = type(value)
    if kind is str:
        return t.cast(str, value)
    if kind is int:
        return str(value)
    if value is None:
        return None
    if kind is bool:
        return "t" if value else "f"
    if isinstance(value, str):
        # str() of an enum's member would give its name.
        return str.__str__(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return "\\x" + bytes(value).hex()
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return f"{value.days} days {value.seconds}.{value.microseconds:06d} seconds"
    if isinstance(value, _PLAIN):
        return str(value)
    if kind.__module__.startswith("psycopg"):
        return _driver_text(value)
    raise TypeError(f"no column of this type takes a {kind.__name__}")


def _driver_text(value: t.Any) -> str | None:
    """Write what a column type wrapped for psycopg2 or psycopg."""
    if hasattr(value, "adapted"):
        # Binary of psycopg2.
        return _text(value.adapted)
    if hasattr(value, "dumps"):
        # Json and Jsonb of psycopg.
        return t.cast(str, (value.dumps or json.dumps)(value.obj))
    # Binary of psycopg; else a range, which writes itself.
    return _text(value.obj) if hasattr(value, "obj") else str(value)


def _nested(values: t.Sequence[t.Any] | None) -> str | None:
    """Write the value of an array column; its inner arrays stand without quotes."""
    if values is None or isinstance(values, str):
        return values
    parts = (
        t.cast(str, _nested(value))
        if isinstance(value, list | tuple)
        else _element(_text(value))
        for value in values
    )
    return "{" + ",".join(parts) + "}"


def _array(values: t.Sequence[t.Any], write: ToText = _text) -> str:
    """Write an array literal of PostgreSQL (manual, section 8.15.2)."""
    kinds = set(map(type, values)) if write is _text else set()
    if kinds and kinds <= _NUMBERS:
        # As Python writes a list of them, but for what is missing.
        return "{" + str(list(values))[1:-1].replace("None", "NULL") + "}"
    texts = values if kinds == {str} else [write(value) for value in values]
    if None not in texts:
        # Most arrays hold nothing to escape; one look at them all is quickest.
        body = '","'.join(t.cast("t.Sequence[str]", texts))
        if "\\" not in body and body.count('"') == 2 * (len(texts) - 1):
            return f'{{"{body}"}}'
    return "{" + ",".join(map(_element, texts)) + "}"


def _element(text: str | None) -> str:
    if text is None:
        return "NULL"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
