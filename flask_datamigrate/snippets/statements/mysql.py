"""Inserts that meet rows already there, on MySQL and MariaDB.

``ON DUPLICATE KEY UPDATE`` fires for any unique key, and ``INSERT IGNORE`` swallows
every other error too. Here the first assignment is a guard: it leaves the key as it
is when the row that was met has the key of the new one, and is an error otherwise. So
it is one statement, with no gap between looking and inserting for another session.
"""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler

from . import sources
from .proposed import Excluded

if t.TYPE_CHECKING:
    from .inserting import Insertion

_SEVERAL_ROWS = 1242
_DUPLICATE = 1062

_COUNT = "(@dm_left := @dm_left + 1)"
_APPLIES = "@dm_applies"


class _OnDuplicate(sa.ClauseElement):
    """Assignments to the row that was met."""

    inherit_cache = False
    __visit_name__ = "datamigrate_on_duplicate"

    def __init__(self, pairs: t.Sequence[tuple[str, sa.ClauseElement]]) -> None:
        self.pairs = pairs


@compiles(_OnDuplicate)
def _on_duplicate(element: _OnDuplicate, compiler: SQLCompiler, **kw: t.Any) -> str:
    pairs = ", ".join(
        f"{compiler.preparer.quote(name)} = {compiler.process(value, **kw)}"
        for name, value in element.pairs
    )
    return f"ON DUPLICATE KEY UPDATE {pairs}"


class _Raise(sa.ColumnElement[t.Any]):
    """An error: a subquery for one value that gives two."""

    inherit_cache = False
    __visit_name__ = "datamigrate_raise"

    def __init__(self, column: sa.Column[t.Any]) -> None:
        self.column = column
        self.type = column.type


@compiles(_Raise)
def _raise(element: _Raise, compiler: SQLCompiler, **kw: t.Any) -> str:
    # Of a column, so that no optimizer works it out before it is needed.
    column = compiler.process(element.column, **kw)
    return f"(SELECT {column} UNION ALL SELECT {column})"


class _Applies(sa.ColumnElement[bool]):
    """The ``where`` of an upsert, kept for the assignments that come after it.

    They would not read what it read, but what was assigned before them.
    """

    inherit_cache = False
    __visit_name__ = "datamigrate_applies"

    def __init__(self, where: sa.ColumnElement[bool]) -> None:
        self.where = where
        self.type = sa.Boolean()


@compiles(_Applies)
def _applies(element: _Applies, compiler: SQLCompiler, **kw: t.Any) -> str:
    return f"({_APPLIES} := ({compiler.process(element.where, **kw)})) IS TRUE"


def on_duplicate_key(wanted: Insertion) -> sa.Insert:
    """Return the statement."""
    statement = sa.insert(wanted.table)
    if isinstance(wanted.source, sa.Select):
        # As a table of its own, so that no column of it is taken for the target's.
        rows = sources.positioned(wanted.source).subquery("dm_source")
        statement = statement.from_select(wanted.names, sa.select(rows))
    else:
        statement = statement.values(wanted.source)
    first = wanted.key[0]
    met: sa.ColumnElement[t.Any] = first
    assigned = dict(wanted.assigned or {})
    if wanted.assigned is None:
        met = sa.case((sa.literal_column(_COUNT), first), else_=first)
    elif wanted.where is not None:
        met = sa.case(
            (_Applies(wanted.where), first),
            (sa.literal_column(_COUNT), first),
            else_=first,
        )
        assigned = {
            name: sa.case(
                (sa.literal_column(_APPLIES), value), else_=wanted.table.c[name]
            )
            for name, value in assigned.items()
        }
    same = sa.and_(*(column == Excluded(column) for column in wanted.key))
    guard = sa.case((same, met), else_=_Raise(first))
    # SQLAlchemy's own clause has no values written into it in --sql mode.
    statement._post_values_clause = _OnDuplicate(
        [(first.name, guard), *assigned.items()]
    )
    return statement


def begin_counting(connection: sa.Connection) -> None:
    """Count from none the rows that are met and left as they are."""
    connection.exec_driver_sql("SET @dm_left = 0")


def left_alone(connection: sa.Connection) -> int:
    """Return how many rows were met and left as they are."""
    return int(connection.exec_driver_sql("SELECT @dm_left").scalar_one())


@contextlib.contextmanager
def duplicates_named(connection: sa.Connection, wanted: Insertion) -> t.Iterator[None]:
    """Make the guard's error the one that a duplicate is everywhere else."""
    try:
        yield
    except exc.OperationalError as error:
        cause = error.orig
        number = cause.args[0] if cause is not None and cause.args else None
        if number != _SEVERAL_ROWS or _has_subqueries(wanted):
            raise
        dbapi: t.Any = connection.dialect.dbapi
        names = ", ".join(column.name for column in wanted.key)
        text = f"Duplicate entry for another unique key than ({names})"
        raise exc.IntegrityError(
            error.statement, error.params, dbapi.IntegrityError(_DUPLICATE, text)
        ) from error


def _has_subqueries(wanted: Insertion) -> bool:
    """Tell whether the error may as well come from a subquery of the user's."""
    parts: list[t.Any] = [*(wanted.assigned or {}).values()]
    if wanted.where is not None:
        parts.append(wanted.where)
    if isinstance(wanted.source, sa.Select):
        parts.append(wanted.source)
    return any(
        isinstance(element, sa.ScalarSelect | sa.TextClause)
        for part in parts
        for element in visitors.iterate(part)
    )
