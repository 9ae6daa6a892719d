"""Write rows back on PostgreSQL: one UPDATE that joins arrays sent as text."""

from __future__ import annotations

import datetime
import functools
import json
import typing as t

import sqlalchemy as sa

from ..keys import Key
from ..keys import Position
from ..keys import parameters

_TYPES = """
SELECT a.attname, format_type(a.atttypid, -1)
FROM pg_attribute a WHERE a.attrelid = CAST(:name AS regclass) AND a.attnum > 0
"""


def write_back(
    connection: sa.Connection,
    table: sa.Table,
    key: Key,
    writes: t.Sequence[str],
    rows: t.Sequence[tuple[t.Any, ...]],
    low: Position | None,
    high: Position,
) -> None:
    """Update rows by key.

    Arrays of text that the server casts to the columns' own types cost the client
    least; the range of the key in the WHERE keeps the plan a range scan.

    :param rows: the key's values and then those of ``writes``, for each row.
    """
    columns = [*key.columns, *(table.c[name] for name in writes)]
    writers = [_to_text(column.type, connection.dialect) for column in columns]
    arrays = {
        f"dm_array_{i}": _array(values, write)
        for i, (values, write) in enumerate(
            zip(zip(*rows, strict=True), writers, strict=True)
        )
    }
    statement = _statement(connection, table, key, tuple(writes), low is None)
    connection.execute(statement, {**arrays, **parameters(low, high)})


def _statement(
    connection: sa.Connection,
    table: sa.Table,
    key: Key,
    writes: tuple[str, ...],
    first: bool,
) -> sa.Update:
    """Build the UPDATE, once for each table, and keep it on the table's ``info``."""
    cache = table.info.setdefault("datamigrate_write_back", {})
    at = (key, writes, first)
    if at not in cache:
        types = _server_types(connection, table)
        names = [t.cast(str, getattr(c, "name", "")) for c in key.columns]
        names += [name for name in writes if name not in names]
        sent = (
            sa.func.unnest(
                *(
                    sa.cast(
                        sa.bindparam(f"dm_array_{i}", type_=sa.Text()),
                        sa.ARRAY(sa.Text()),
                    )
                    for i in range(len(names))
                )
            )
            .table_valued(*(f"c{i}" for i in range(len(names))))
            .render_derived("dm_sent")
        )
        typed = sa.select(
            *(
                _cast_to(sent.c[f"c{i}"], types[name]).label(f"v{i}")
                for i, name in enumerate(names)
            )
        ).subquery("dm_rows")
        size = len(key.columns)
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


def _server_types(connection: sa.Connection, table: sa.Table) -> dict[str, str]:
    """Return the name of each column's type as the server has it, without a length.

    A cast to ``varchar(50)`` would cut a longer text off in silence, where an
    assignment of ``varchar`` is an error.
    """
    name = connection.dialect.identifier_preparer.format_table(table)
    found = connection.execute(sa.text(_TYPES), {"name": name})
    return {row.attname: row.format_type for row in found}


def _cast_to(
    column: sa.ColumnElement[t.Any], type_name: str
) -> sa.ColumnElement[t.Any]:
    return sa.cast(column, _Named(type_name))


class _Named(sa.types.UserDefinedType[t.Any]):
    """A type by the name the server gives it."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **kw: t.Any) -> str:
        return self.name


ToText = t.Callable[[t.Any], "str | None"]


@functools.lru_cache(maxsize=256)
def _to_text(type_: sa.types.TypeEngine[t.Any], dialect: sa.Dialect) -> ToText:
    """Return what writes a value of a column type as the text PostgreSQL reads."""
    if isinstance(type_, sa.JSON):
        none_is_null = type_.none_as_null

        def write_json(value: t.Any) -> str | None:
            if value is None and none_is_null:
                return None
            return None if value is sa.null() else json.dumps(value)

        return write_json
    process = type_.dialect_impl(dialect).bind_processor(dialect)
    if process is None:
        return _text
    return lambda value: _text(process(value))


def _text(value: t.Any) -> str | None:
    kind = type(value)
    if kind is str:
        return t.cast(str, value)
    if value is None:
        return None
    if kind is bool:
        return "t" if value else "f"
    if isinstance(value, bytes | bytearray | memoryview):
        return "\\x" + bytes(value).hex()
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return f"{value.days} days {value.seconds}.{value.microseconds:06d} seconds"
    if isinstance(value, list | tuple):
        return _nested(value)
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value)


def _nested(values: t.Sequence[t.Any]) -> str:
    """Write the value of an array column; its inner arrays stand without quotes."""
    parts = (
        _nested(value) if isinstance(value, list | tuple) else _array([value])[1:-1]
        for value in values
    )
    return "{" + ",".join(parts) + "}"


def _array(values: t.Iterable[t.Any], write: ToText = _text) -> str:
    """Write an array literal of PostgreSQL (manual, section 8.15.2)."""
    parts = []
    for value in values:
        text = write(value)
        if text is None:
            parts.append("NULL")
        elif "\\" in text or '"' in text:
            escaped = text.replace("\\", "\\\\").replace('"', '\\"')
            parts.append(f'"{escaped}"')
        else:
            parts.append(f'"{text}"')
    return "{" + ",".join(parts) + "}"
