"""The database an operation works on: what it has, and how its SQL is written."""

from __future__ import annotations

import functools
import typing as t

import sqlalchemy as sa

from ...backfill import estimates
from ...dialects import family
from ...dialects import is_mariadb
from ...quoting import full_name
from ...quoting import quoted
from ...quoting import single_percents


class Site:
    """A connection, and what an operation asks about its database.

    :param connection: where the operation looks, and runs its steps.
    :param small: the most rows of a table that plain SQL may lock while it works.
    """

    def __init__(self, connection: sa.Connection, table: sa.Table, small: int) -> None:
        self.connection = connection
        self.dialect = connection.dialect
        self.family = family(connection.dialect)
        self._table = table
        self._small = small

    @functools.cached_property
    def form(self) -> str:
        """Which SQL the operation takes.

        ``postgresql`` is the form for a table in use, ``postgresql, small`` that for
        one so small that plain SQL locks it for milliseconds; ``mysql`` is for
        MariaDB too; ``sqlite``.
        """
        if self.family != "postgresql":
            return self.family
        small = estimates.at_most(self.connection, self._table, self._small)
        return "postgresql" if small is None else "postgresql, small"

    @functools.cached_property
    def is_mariadb(self) -> bool:
        return is_mariadb(self.dialect)

    def columns(self, table: str, schema: str | None) -> dict[str, t.Any]:
        """Return the columns of a table, as the inspector describes them."""
        try:
            found = sa.inspect(self.connection).get_columns(table, schema=schema)
        except sa.exc.NoSuchTableError:
            return {}
        return {column["name"]: column for column in found}

    def rows(self, sql: str | sa.Executable, **values: t.Any) -> list[t.Any]:
        """Return the rows of a query; its text has ``:name`` places."""
        statement = sa.text(sql) if isinstance(sql, str) else sql
        return list(self.connection.execute(statement, values))

    def scalar(self, sql: str | sa.Executable, **values: t.Any) -> t.Any:
        """Return the first column of a query's first row; ``None`` without rows."""
        found = self.rows(sql, **values)
        return found[0][0] if found else None

    def run(self, sql: str) -> None:
        """Run a statement as it stands."""
        self.connection.exec_driver_sql(sql, execution_options={"no_parameters": True})

    def quoted(self, name: str) -> str:
        return quoted(self.dialect, name)

    def full_name(self, table: str, schema: str | None) -> str:
        return full_name(self.dialect, table, schema)


def sql_of(dialect: sa.Dialect, element: sa.DDLElement) -> str:
    """Write a DDL construct as SQL for a driver that is given no parameters."""
    return single_percents(dialect, str(element.compile(dialect=dialect)))
