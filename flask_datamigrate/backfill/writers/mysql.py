"""Write rows back on MySQL and MariaDB: one UPDATE that joins a derived table."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ..keys import Key
from ..keys import Position

MOST_ROWS = 2000
"""Rows in one statement: enough that the round trip no longer counts, and far below
the server's default packet of 16 MB."""


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

    :param rows: the key's values and then those of ``writes``, for each row.
    """
    dialect = connection.dialect
    columns = [*key.columns, *(table.c[name] for name in writes)]
    processors = [
        column.type.dialect_impl(dialect).bind_processor(dialect) for column in columns
    ]
    quote = dialect.identifier_preparer.quote
    target = dialect.identifier_preparer.format_table(table)
    names = [quote(t.cast(str, getattr(c, "name", ""))) for c in columns]
    aliases = [f"v{i}" for i in range(len(names))]
    size = len(key.columns)
    # The empty first branch gives the derived table the columns' own types and
    # collations, so that the join can use the index.
    head = ", ".join(
        f"{name} AS {alias}" for name, alias in zip(names, aliases, strict=True)
    )
    on = " AND ".join(f"dm_t.{names[i]} = dm_v.{aliases[i]}" for i in range(size))
    assignments = ", ".join(
        f"dm_t.{names[i]} = dm_v.{aliases[i]}" for i in range(size, len(names))
    )
    one = f"UNION ALL SELECT {', '.join(['%s'] * len(names))}"
    for start in range(0, len(rows), MOST_ROWS):
        chunk = rows[start : start + MOST_ROWS]
        values = [
            value if process is None else process(value)
            for row in chunk
            for value, process in zip(row, processors, strict=True)
        ]
        statement = (
            f"UPDATE {target.replace('%', '%%')} AS dm_t JOIN ("
            f"SELECT {head} FROM {target} WHERE FALSE {' '.join([one] * len(chunk))}"
            f") AS dm_v ON {on} SET {assignments}"
        )
        connection.exec_driver_sql(statement, tuple(values))
