"""What rows from Python are written to: a table's columns, found by its key."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

import sqlalchemy as sa

from ..keys import Key
from ..keys import Position

Columns: t.TypeAlias = "t.Sequence[t.Sequence[t.Any]]"
"""The values of each of an assignment's columns: the key's, and then those written.

A loop in C over a column is several times as fast as one over rows in Python.
"""


@dataclasses.dataclass(frozen=True)
class Assignment:
    """Columns of a table that get new values, row by row.

    :param writes: the names of the columns that are written.
    """

    table: sa.Table
    key: Key
    writes: tuple[str, ...]

    @functools.cached_property
    def columns(self) -> list[sa.ColumnElement[t.Any]]:
        """The key's columns, and then those written."""
        return [*self.key.columns, *(self.table.c[name] for name in self.writes)]

    @functools.cached_property
    def names(self) -> list[str]:
        """The names of :attr:`columns`."""
        return [t.cast(str, getattr(column, "name", "")) for column in self.columns]

    @property
    def key_size(self) -> int:
        """How many of :attr:`columns` are the key's."""
        return len(self.key.columns)

    def quoted(self, dialect: sa.Dialect) -> tuple[str, list[str]]:
        """Return the table and the columns as they stand in SQL for the bare driver.

        The preparer would double percent signs, which drivers read as placeholders
        only in what it compiles itself.
        """
        preparer = dialect.identifier_preparer
        return preparer.format_table(self.table), [
            preparer.quote(n) for n in self.names
        ]

    def sent(self, dialect: sa.Dialect, columns: Columns) -> Columns:
        """Return the values of each column, as its type gives them to the driver."""
        sent: list[t.Sequence[t.Any]] = []
        for column, values in zip(self.columns, columns, strict=True):
            process = column.type.dialect_impl(dialect).bind_processor(dialect)
            sent.append(values if process is None else [*map(process, values)])
        return sent


class WriteBack(t.Protocol):
    """Updates rows by key in one database's fastest way."""

    def __call__(
        self,
        connection: sa.Connection,
        assignment: Assignment,
        columns: Columns,
        low: Position | None,
        high: Position,
    ) -> int:
        """Update the rows, all of them in the range, and return how many were met."""
