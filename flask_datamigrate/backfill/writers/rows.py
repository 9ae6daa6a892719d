"""Rows computed in Python: read under a lock, transformed, written back together."""

from __future__ import annotations

import contextlib
import operator
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from ...errors import DefinitionError
from ..batch import Result
from ..batch import RowError
from ..jobs import Rows
from ..keys import Key
from ..keys import Position
from ..keys import parameters
from ..undo import RowLog
from . import mysql
from . import postgresql
from . import sqlite
from .assignment import Assignment
from .assignment import WriteBack

_WRITE_BACK: dict[str, WriteBack] = {
    "postgresql": postgresql.write_back,
    "mysql": mysql.write_back,
    "sqlite": sqlite.write_back,
}


_PART = 200
"""Rows that are read at once: fewer than make the garbage collector begin."""

_Values: t.TypeAlias = "t.Callable[[dict[str, t.Any]], t.Iterable[t.Any]]"
_Take: t.TypeAlias = "t.Callable[[tuple[t.Any, ...]], None]"

_in_order: _Values = dict.values


class Row(dict[str, t.Any]):
    """A row as a transform gets it: ``row["name"]``, or ``row.name``.

    A column with the name of a dict's method is read with brackets.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> t.Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(
                f"the row has no column {name!r}; reads= gave it {', '.join(self)}"
            ) from None


class RowsWriter:
    """Reads the rows of a range, calls the transform, and writes one statement."""

    def __init__(self, job: Rows, key: Key, undo: RowLog | None) -> None:
        self._job = job
        self._key = key
        self._undo = undo
        key_names = [t.cast(str, getattr(c, "name", "")) for c in key.columns]
        self._names = tuple(dict.fromkeys([*key_names, *job.reads]))
        self._key_size = len(key_names)
        self._first = self._select(None)
        self._later = self._select(())
        self._write_back = _WRITE_BACK[key.dialect]

    def write(
        self, connection: sa.Connection, low: Position | None, high: Position
    ) -> Result:
        values = parameters(low, high)
        if self._undo is not None:
            self._undo.keep_old(connection, low, values)
        statement = self._first if low is None else self._later
        with contextlib.closing(self._read(connection, statement, values)) as found:
            changes, skipped = self._transformed(found)
        for writes, rows in changes.items():
            self._write(connection, writes, rows, low, high)
        if self._undo is not None:
            self._undo.keep_new(connection, low, values)
        return Result(sum(map(len, changes.values())), skipped)

    def _read(
        self,
        connection: sa.Connection,
        statement: sa.Select[t.Any],
        values: t.Mapping[str, t.Any],
    ) -> t.Generator[sa.Row[t.Any]]:
        """Read the rows a few at a time.

        So many that live at once would keep the garbage collector busy.
        """
        try:
            with connection.execute(statement, values) as result:
                for part in result.partitions(_PART):
                    yield from part
        except exc.DBAPIError:
            raise
        except Exception as error:
            # What a column type says; of the app's own types it may be anything.
            raise RowError(
                "a value of it cannot be read by its type in the frozen table: "
                f"{type(error).__name__}: {error}",
                None,
            ) from error

    def _write(
        self,
        connection: sa.Connection,
        writes: tuple[str, ...],
        rows: list[tuple[t.Any, ...]],
        low: Position | None,
        high: Position,
    ) -> None:
        only = rows[0][: self._key_size] if len(rows) == 1 else None
        try:
            assignment = Assignment(self._job.table, self._key, writes)
            met = self._write_back(connection, assignment, rows, low, high)
        except exc.DBAPIError:
            raise
        except (
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            ArithmeticError,
        ) as error:
            # What a column type or the driver says of a value it cannot write.
            raise RowError(
                f"a value the transform returned cannot be written: {error}", only
            ) from error
        if met != len(rows):
            raise RowError(
                "it was read, but is not found again by its key: the key's type in "
                "the frozen table does not give back the value that is stored, or a "
                "trigger of the table skips the row",
                only,
            )

    def _select(self, low: Position | None) -> sa.Select[t.Any]:
        table = self._job.table
        statement = sa.select(*(table.c[name] for name in self._names))
        if self._job.where is not None:
            statement = statement.where(self._job.where)
        if self._undo is not None:
            statement = statement.where(self._undo.is_taken(low))
        return (
            statement.where(self._key.between(low))
            .order_by(*self._key.order())
            .with_for_update(key_share=True)
        )

    def _transformed(
        self, found: t.Iterable[sa.Row[t.Any]]
    ) -> tuple[dict[tuple[str, ...], list[tuple[t.Any, ...]]], int]:
        """Return the key and the new values of each row, by the columns that change.

        And how many rows the transform left as they are.

        A column that a transform leaves out is not written: what was read of it
        need not be all that is stored, as with the null of JSON and NULL.
        """
        names, size, transform = self._names, self._key_size, self._job.transform
        changes: dict[tuple[str, ...], list[tuple[t.Any, ...]]] = {}
        known: dict[tuple[str, ...], tuple[_Values, _Take]] = {}
        skipped = 0
        for record in found:
            # Every step of this loop counts: strict=True alone is half a microsecond.
            row = Row(zip(names, record))  # noqa: B905
            try:
                new = transform(row)
            except DefinitionError:
                # The blank of a new revision, which is still to be filled in.
                raise
            except (Exception, SystemExit) as error:
                raise self._failed(
                    record, f"the transform raised {type(error).__name__}: {error}"
                ) from error
            if new is None or new == {}:
                skipped += 1
                continue
            if not isinstance(new, dict):
                raise self._failed(
                    record,
                    f"the transform returned {type(new).__name__}, not a dict or None",
                )
            given = tuple(new)
            if given not in known:
                writes = self._writes(given, record)
                values = _in_order if given == writes else operator.itemgetter(*writes)
                known[given] = values, changes.setdefault(writes, []).append
            values, take = known[given]
            take((*record[:size], *values(new)))
        return changes, skipped

    def _writes(self, given: tuple[str, ...], record: sa.Row[t.Any]) -> tuple[str, ...]:
        """Return the columns that a transform gave, in the order of ``writes=``."""
        unknown = sorted(map(str, set(given).difference(self._job.writes)))
        if unknown:
            raise self._failed(
                record,
                f"the transform returned {', '.join(unknown)}, which writes= does not "
                "name",
            )
        return tuple(name for name in self._job.writes if name in given)

    def _failed(self, record: sa.Row[t.Any], what: str) -> RowError:
        return RowError(what, tuple(record[: self._key_size]))
