"""What the statements have in common: how they compile, run and are refused."""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa

from ...dialects import family
from ...errors import DefinitionError

Parameters: t.TypeAlias = t.Any
"""The values of the ``bindparam`` of a statement, by name, if it has any."""


class Statement(sa.Executable, sa.ClauseElement):
    """A statement that is another one on each database.

    ``connection.execute`` and ``op.execute`` take it; compiled, as in ``--sql`` mode,
    it is the statement of :meth:`plan` alone.
    """

    inherit_cache = False
    __visit_name__ = "datamigrate_statement"
    # The dialect of str(), which only people read.
    stringify_dialect = "postgresql"

    table: sa.Table

    def plan(self, dialect: sa.Dialect) -> sa.ClauseElement:
        """Return the statement of a database."""
        raise NotImplementedError

    def prove(self, connection: sa.Connection, parameters: Parameters = None) -> None:
        """Refuse, before a row is changed, what the statement cannot see itself."""

    def run(
        self,
        connection: sa.Connection,
        parameters: Parameters = None,
        options: t.Mapping[str, t.Any] | None = None,
    ) -> t.Any:
        """Run it, without the proof; the result's ``rowcount`` is of rows changed."""
        plan: t.Any = self.plan(connection.dialect)
        # Without this, SQLAlchemy asks psycopg's cursor when that is closed.
        kept = {**(options or {}), "preserve_rowcount": True}
        with self.translated(connection):
            return connection.execute(plan, parameters, execution_options=kept)

    @contextlib.contextmanager
    def translated(self, connection: sa.Connection) -> t.Iterator[None]:
        """Give a database's errors the classes that they have on the others."""
        yield

    def _compiler(self, dialect: sa.Dialect, **kw: t.Any) -> t.Any:
        plan: t.Any = self.plan(dialect)
        return plan._compiler(dialect, **kw)

    def _execute_on_connection(
        self, connection: sa.Connection, parameters: t.Any, options: t.Any
    ) -> t.Any:
        given = self._only(parameters)
        self.prove(connection, given)
        return self.run(connection, given, options)

    def _only(self, parameters: t.Any) -> Parameters:
        """Return what was given to ``execute``, which passes it on as a list."""
        several = list(parameters or ())
        if len(several) > 1:
            raise DefinitionError(
                f"it was given {len(several)} sets of parameters",
                where=f"a statement of snippets, table {self.table.name}",
                state="Nothing was changed",
                next="Give an upsert its rows as rows; execute others one by one",
            )
        return several[0] if several else None


class Counted:
    """A result with the number of rows changed, where the driver counts otherwise."""

    def __init__(self, result: t.Any, rowcount: int) -> None:
        self._result = result
        self.rowcount = rowcount

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._result, name)


def form(forms: t.Mapping[str, t.Any], dialect: sa.Dialect, what: str) -> t.Any:
    """Return what a table of forms has for a dialect.

    :raises DefinitionError: when it has nothing.
    """
    try:
        return forms[family(dialect)]
    except KeyError:
        raise DefinitionError(
            f"it knows PostgreSQL, MySQL, MariaDB and SQLite, not {dialect.name}",
            where=what,
            state="Nothing was changed",
        ) from None


def table_of(table: t.Any, what: str) -> sa.Table:
    """Return a table, or that of a mapped class.

    :raises DefinitionError: when it is neither.
    """
    mapped = getattr(table, "__table__", table)
    if not isinstance(mapped, sa.Table):
        raise DefinitionError(
            f"{table!r} is not a table", where=what, next="Give it a frozen.table(...)"
        )
    return mapped


def names_of(
    columns: t.Sequence[t.Any], table: sa.Table, option: str, where: str
) -> tuple[str, ...]:
    """Return the names of columns of a table.

    :raises DefinitionError: when the table lacks one.
    """
    if isinstance(columns, str | sa.Column):
        columns = [columns]
    names = [str(getattr(column, "name", column)) for column in columns]
    unknown = [name for name in names if name not in table.c]
    if unknown:
        raise DefinitionError(
            f"{option} names {', '.join(unknown)}, which the frozen table lacks",
            where=where,
            state="Nothing was changed",
            next=f"It has: {', '.join(table.c.keys())}",
        )
    return tuple(dict.fromkeys(names))
