"""Rows computed in Python: read under a lock, transformed, written back together."""

from __future__ import annotations

import contextlib
import dataclasses
import operator
import threading
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.sql import visitors

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

_Record: t.TypeAlias = "sa.Row[t.Any]"
_Records: t.TypeAlias = "t.Sequence[_Record]"
_Map: t.TypeAlias = (
    "t.Callable[[_Records, t.Callable[[Row], t.Any], t.Callable[[t.Any], None]], None]"
)
_Changes: t.TypeAlias = "dict[tuple[str, ...], list[list[t.Any]]]"
"""By the names of the columns that are written, the values of each: see Columns."""


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


def _mapping(names: t.Sequence[str]) -> _Map:
    """Return what adds, for each record with these columns, what is made of its row.

    A function of its own for these names, for it is called for all rows there are: it
    takes half the time of one that gets each row by ``Row(zip(names, record))``.
    """
    targets = " ".join(f"row[{str(name)!r}]," for name in names)
    known: dict[str, t.Any] = {"Row": Row}
    exec(
        "def add_each(records, transform, add):\n"
        " for record in records:\n"
        "  row = Row()\n"
        f"  {targets} = record\n"
        "  add(transform(row))\n",
        known,
    )
    return t.cast(_Map, known["add_each"])


@dataclasses.dataclass(frozen=True, slots=True)
class Computed:
    """The new values of a range's rows, to be written by the transaction that read it.

    :param skipped: how many rows the transform left as they are.
    """

    low: Position | None
    high: Position
    changes: _Changes
    skipped: int


class RowsWriter:
    """Reads the rows of a range, calls the transform, and writes one statement."""

    def __init__(self, job: Rows, key: Key, undo: RowLog | None) -> None:
        self._job = job
        self._key = key
        self._undo = undo
        key_names = [t.cast(str, getattr(c, "name", "")) for c in key.columns]
        names = tuple(dict.fromkeys([*key_names, *job.reads]))
        self._names = names
        self._add_each = _mapping(names)
        self._key_size = len(key_names)
        self._first = self._select(None)
        self._later = self._select(())
        self._write_back = _WRITE_BACK[key.dialect]
        self.transforming: int | None = None
        asks = job.where is not None and _may_ask(job.where)
        self.is_by_row = undo is None and not asks

    def write(
        self, connection: sa.Connection, low: Position | None, high: Position
    ) -> Result:
        return self.apply(connection, self.compute(connection, low, high))

    def compute(
        self, connection: sa.Connection, low: Position | None, high: Position
    ) -> Computed:
        """Read the rows behind ``low`` up to ``high``, locked, and transform them.

        Meanwhile ``transforming`` is the thread that does it.
        """
        values = parameters(low, high)
        if self._undo is not None:
            self._undo.keep_old(connection, low, values)
        statement = self._first if low is None else self._later
        try:
            with contextlib.closing(self._read(connection, statement, values)) as parts:
                return Computed(low, high, *self._transformed(parts))
        finally:
            self.transforming = None

    def apply(self, connection: sa.Connection, computed: Computed) -> Result:
        """Write what was computed in this transaction."""
        low, high = computed.low, computed.high
        for writes, columns in computed.changes.items():
            self._write(connection, writes, columns, low, high)
        if self._undo is not None:
            self._undo.keep_new(connection, low, parameters(low, high))
        changed = sum(len(columns[0]) for columns in computed.changes.values())
        return Result(changed, computed.skipped)

    def _read(
        self,
        connection: sa.Connection,
        statement: sa.Select[t.Any],
        values: t.Mapping[str, t.Any],
    ) -> t.Generator[t.Sequence[_Record]]:
        """Read the rows a few at a time.

        So many that live at once would keep the garbage collector busy.
        """
        try:
            with connection.execute(statement, values) as result:
                self.transforming = threading.get_ident()
                yield from result.partitions(_PART)
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
        columns: list[list[t.Any]],
        low: Position | None,
        high: Position,
    ) -> None:
        rows = len(columns[0])
        only = tuple(c[0] for c in columns[: self._key_size]) if rows == 1 else None
        try:
            assignment = Assignment(self._job.table, self._key, writes)
            met = self._write_back(connection, assignment, columns, low, high)
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
        if met != rows:
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

    def _transformed(self, parts: t.Iterable[_Records]) -> tuple[_Changes, int]:
        """Return the keys and the new values of the rows, and how many have none.

        A column that a transform leaves out is not written: what was read of it
        need not be all that is stored, as with the null of JSON and NULL.
        """
        changes: _Changes = {}
        skipped = 0
        for part in parts:
            new = self._new(part)
            if _is_uniform(new):
                self._gather(changes, part, new)
                continue
            met: dict[tuple[str, ...], tuple[list[_Record], list[t.Any]]] = {}
            for record, values in zip(part, new, strict=True):
                if not values and (values is None or values == {}):
                    skipped += 1
                    continue
                if not isinstance(values, dict):
                    raise self._failed(
                        record,
                        f"the transform returned {type(values).__name__}, not a dict "
                        "or None",
                    )
                records, alike = met.setdefault(tuple(values), ([], []))
                records.append(record)
                alike.append(values)
            for records, alike in met.values():
                self._gather(changes, records, alike)
        return changes, skipped

    def _new(self, records: _Records) -> list[t.Any]:
        """Return what the transform makes of each record."""
        new: list[t.Any] = []
        try:
            self._add_each(records, self._job.transform, new.append)
        except DefinitionError:
            # The blank of a new revision, which is still to be filled in.
            raise
        except (Exception, SystemExit) as error:
            raise self._failed(
                records[len(new)],
                f"the transform raised {type(error).__name__}: {error}",
            ) from error
        return new

    def _gather(
        self, changes: _Changes, records: _Records, new: list[dict[str, t.Any]]
    ) -> None:
        """Add the keys and the values of a few rows to the columns that they are for.

        :param new: the values of each, all with the same names.
        """
        given = new[0]
        self._check(given, records[0])
        writes = tuple(name for name in self._job.writes if name in given)
        size = self._key_size
        columns = changes.setdefault(writes, [[] for _ in range(size + len(writes))])
        for i in range(size):
            columns[i] += map(operator.itemgetter(i), records)
        for name, column in zip(writes, columns[size:], strict=True):
            column += map(operator.itemgetter(name), new)

    def _check(self, given: t.Iterable[t.Any], record: _Record) -> None:
        """Refuse columns that a transform may not give."""
        unknown = sorted(map(str, set(given).difference(self._job.writes)))
        if unknown:
            raise self._failed(
                record,
                f"the transform returned {', '.join(unknown)}, which writes= does not "
                "name",
            )

    def _failed(self, record: _Record, what: str) -> RowError:
        return RowError(what, tuple(record[: self._key_size]))


def _is_uniform(new: t.Sequence[t.Any]) -> bool:
    """Tell whether all that a transform returned is dicts with the same names."""
    if set(map(type, new)) != {dict} or not new[0]:
        return False
    names = new[0].keys()
    return all(map(names.__eq__, map(dict.keys, new)))


def _may_ask(where: sa.ColumnElement[bool]) -> bool:
    """Tell whether a condition may depend on other rows than the one it is of."""
    asking = (sa.Select, sa.CompoundSelect, sa.TextClause)
    return any(
        # SQL text, in whatever form, may hold a query.
        isinstance(element, asking) or getattr(element, "is_literal", False)
        for element in visitors.iterate(where)
    )
