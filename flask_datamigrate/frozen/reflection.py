"""What the database says of one table: its columns, its keys, its neighbours."""

from __future__ import annotations

import contextlib
import typing as t
import warnings

import sqlalchemy as sa

from ..quoting import full_name
from ..tablenames import is_of_the_app

_UNVALIDATED = sa.text(
    "SELECT a.attname FROM pg_constraint k JOIN pg_attribute a "
    "ON a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum] "
    "WHERE k.contype = 'n' AND NOT k.convalidated "
    "AND k.conrelid = to_regclass(:table)"
)


class Reflection:
    """One table or view as it stands, each fact asked for once.

    :param connection: a connection to the database.
    :param name: the table's name.
    :param schema: its schema, ``None`` for the default one.
    """

    def __init__(
        self, connection: sa.Connection, name: str, schema: str | None
    ) -> None:
        self.name = name
        self.schema = schema
        self._connection = connection
        self._sqlite = connection.dialect.name == "sqlite"
        self._inspector = sa.inspect(connection)

    def columns(self) -> list[t.Any] | None:
        """Return the columns, or ``None`` when there is no such table."""
        # A database that is not attached is an error of PRAGMA, not an empty answer.
        if self._sqlite and not self._has_schema():
            return None
        # SQLite finds a table by its name in any case, and SQLAlchemy then does not.
        if self._sqlite and self.name not in [*self._names(), *self._temporary()]:
            return None
        with _quietly():
            try:
                found = list(self._inspector.get_columns(self.name, schema=self.schema))
            except sa.exc.NoSuchTableError:
                return None
        loose = self._unvalidated()
        return [
            t.cast("t.Any", {**column, "nullable": True})
            if column["name"] in loose
            else column
            for column in found
        ]

    def primary(self) -> list[str]:
        """Return the columns of the primary key; none when there is none."""
        with _quietly():
            found = self._inspector.get_pk_constraint(self.name, schema=self.schema)
        return list(found["constrained_columns"])

    def unique(self) -> list[list[str]]:
        """Return the sets of columns that are unique over all rows."""
        with _quietly():
            constraints = self._inspector.get_unique_constraints(
                self.name, schema=self.schema
            )
            # On SQLite the index behind a constraint is seen where its text is not.
            behind = {"include_auto_indexes": True} if self._sqlite else {}
            indexes = self._inspector.get_indexes(
                self.name, schema=self.schema, **behind
            )
        found = [list(constraint["column_names"]) for constraint in constraints]
        for index in indexes:
            names = [name for name in index["column_names"] if name is not None]
            whole = len(names) == len(index["column_names"]) and not any(
                option.endswith("_where") for option in index.get("dialect_options", {})
            )
            if index["unique"] and names and whole and names not in found:
                found.append(names)
        return found

    def neighbours(self) -> list[str]:
        """Return the names of the tables and views of the schema that are the app's."""
        if not self._has_schema():
            return []
        return [name for name in self._names() if is_of_the_app(name)]

    def _unvalidated(self) -> set[str]:
        """Return the columns whose rows from before may hold NULL, for NOT VALID."""
        dialect = self._connection.dialect
        # A NOT NULL is a constraint since 18.
        if dialect.name != "postgresql" or (dialect.server_version_info or ()) < (18,):
            return set()
        rows = self._connection.execute(
            _UNVALIDATED, {"table": full_name(dialect, self.name, self.schema)}
        )
        return set(rows.scalars())

    def _names(self) -> list[str]:
        names = self._inspector.get_table_names(self.schema)
        return [*names, *self._inspector.get_view_names(self.schema)]

    def _temporary(self) -> list[str]:
        return self._inspector.get_temp_table_names() if self.schema is None else []

    def _has_schema(self) -> bool:
        return self.schema is None or self.schema in self._inspector.get_schema_names()


@contextlib.contextmanager
def _quietly() -> t.Iterator[None]:
    # SQLAlchemy warns of types and indexes it cannot reflect. Such a type passes
    # for any, and such an index for none.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        yield
