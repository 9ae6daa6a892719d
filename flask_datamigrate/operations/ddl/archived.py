"""A column that is or was, its side table, and the SQL of both.

The side table has the key of each row (``k0``, ``k1``, …) and the value, in the
server's own types. While rows are copied into it, triggers keep it equal to the
column, so that the column can be dropped in a moment and no value is lost.
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

import sqlalchemy as sa

from . import mysql_columns
from . import names
from . import sqlite_text
from . import value_lists
from .site import Site

VALUE = "value"


@dataclasses.dataclass(frozen=True)
class Archived:
    """A column of a table, and where its values go.

    :param column: its name.
    """

    site: Site
    table: str
    schema: str | None
    column: str

    @functools.cached_property
    def name(self) -> str:
        """The name of the side table, and of all else that is made for it."""
        return names.of("archive", self.table, self.column)

    @functools.cached_property
    def key(self) -> list[str]:
        """The primary key's columns."""
        inspector = sa.inspect(self.site.connection)
        found = inspector.get_pk_constraint(self.table, self.schema)
        return list(found["constrained_columns"])

    @functools.cached_property
    def rows(self) -> sa.TableClause:
        """The table, as statements need it."""
        types = self.site.columns(self.table, self.schema)
        columns = [sa.column(name, types[name]["type"]) for name in self.key]
        return sa.table(
            self.table, *columns, sa.column(self.column), schema=self.schema
        )

    @functools.cached_property
    def side(self) -> sa.TableClause:
        """The side table, as statements need it."""
        columns: list[sa.ColumnClause[t.Any]] = [
            sa.column(f"k{i}") for i in range(len(self.key))
        ]
        return sa.table(self.name, *columns, sa.column(VALUE), schema=self.schema)

    @property
    def key_columns(self) -> list[sa.ColumnElement[t.Any]]:
        return [self.rows.c[name] for name in self.key]

    @property
    def table_sql(self) -> str:
        return self.site.full_name(self.table, self.schema)

    @property
    def side_sql(self) -> str:
        return self.site.full_name(self.name, self.schema)

    @property
    def column_sql(self) -> str:
        return self.site.quoted(self.column)

    @property
    def exists(self) -> bool:
        """Whether the table has the column."""
        return self.column in self.site.columns(self.table, self.schema)

    def same_row(self) -> sa.ColumnElement[bool]:
        return sa.and_(
            *(self.side.c[f"k{i}"] == c for i, c in enumerate(self.key_columns))
        )

    def kept(self) -> sa.Exists:
        """Return the condition that a row has its value in the side table."""
        return sa.exists().where(self.same_row()).correlate(self.rows)

    # The side table and the triggers

    def create_side(self, *, filled: bool) -> list[str]:
        """Return what creates the side table, in the types the server has."""
        key = [f"{self.site.quoted(c)} AS k{i}" for i, c in enumerate(self.key)]
        keys = ", ".join(f"k{i}" for i in range(len(key)))
        inner = f" (PRIMARY KEY ({keys}))" if self.site.family == "mysql" else ""
        create = (
            f"CREATE TABLE {self.side_sql}{inner} AS SELECT {', '.join(key)}, "
            f"{self.column_sql} AS {VALUE} FROM {self.table_sql}"
        )
        if not filled:
            create += " WHERE 1 = 0"
        if self.site.family == "postgresql":
            return [create, f"ALTER TABLE {self.side_sql} ADD PRIMARY KEY ({keys})"]
        if self.site.family == "sqlite":
            return [create, self._create_index(len(key))]
        return [create]

    @property
    def _index_sql(self) -> str:
        """The index on the key, where there is no primary key: on SQLite."""
        return self.site.full_name(f"{self.name[:59]}_key", self.schema)

    def _create_index(self, count: int) -> str:
        keys = ", ".join(f"k{i}" for i in range(count))
        return (
            f"CREATE UNIQUE INDEX IF NOT EXISTS {self._index_sql} "
            f"ON {self.site.quoted(self.name)} ({keys})"
        )

    def rename_side(self, later: Archived) -> list[str]:
        """Return what is left to do to give the side table another name.

        :param later: the same column, of the table by another name.
        """
        old, new = (self.site.columns(one.name, self.schema) for one in (self, later))
        if not old and not new:
            return []
        steps = []
        if old:
            name = self.site.quoted(later.name)
            steps.append(f"ALTER TABLE {self.side_sql} RENAME TO {name}")
        if self.site.family == "sqlite":
            # An index keeps its name, which may be wanted for a new table's column.
            steps.append(f"DROP INDEX IF EXISTS {self._index_sql}")
            steps.append(later._create_index(len(old or new) - 1))
        return steps

    def drop_side(self) -> str:
        return f"DROP TABLE IF EXISTS {self.side_sql}"

    def triggers(self) -> list[str]:
        """Return the names of the triggers that there are of those it needs."""
        if self.site.family == "postgresql":
            query = (
                "SELECT tgname FROM pg_trigger WHERE tgname = :name "
                "AND tgrelid = CAST(:table AS regclass)"
            )
            found = self.site.rows(query, name=self.name, table=self.table_sql)
        else:
            found = self.site.rows(
                "SELECT trigger_name FROM information_schema.triggers "
                "WHERE trigger_name IN (:first, :second) "
                "AND trigger_schema = coalesce(:schema, database())",
                first=self._mysql_triggers[0],
                second=self._mysql_triggers[1],
                schema=self.schema,
            )
        return [row[0] for row in found]

    @property
    def has_triggers(self) -> bool:
        return len(self.triggers()) == (1 if self.site.family == "postgresql" else 2)

    def create_triggers(self) -> list[str]:
        keys = ", ".join(f"k{i}" for i in range(len(self.key)))
        new = ", ".join(f"NEW.{self.site.quoted(c)}" for c in [*self.key, self.column])
        insert = f"INSERT INTO {{}} ({keys}, {VALUE}) VALUES ({new})"
        if self.site.family == "postgresql":
            insert = insert.format(self.side_sql)
            return [
                # The app's user need not have rights on the side table.
                f"CREATE FUNCTION {self.side_sql}() RETURNS trigger "
                "LANGUAGE plpgsql SECURITY DEFINER AS $datamigrate$ BEGIN "
                f"{insert} ON CONFLICT ({keys}) DO UPDATE SET {VALUE} = "
                f"EXCLUDED.{VALUE}; RETURN NULL; END $datamigrate$",
                f"CREATE TRIGGER {self.site.quoted(self.name)} AFTER INSERT OR UPDATE "
                f"ON {self.table_sql} FOR EACH ROW EXECUTE FUNCTION {self.side_sql}()",
            ]
        replace = insert.format(self.side_sql).replace("INSERT", "REPLACE", 1)
        return [
            f"CREATE TRIGGER {self.site.full_name(name, self.schema)} AFTER {event} "
            f"ON {self.table_sql} FOR EACH ROW {replace}"
            for name, event in zip(
                self._mysql_triggers, ("INSERT", "UPDATE"), strict=True
            )
        ]

    def drop_triggers(self) -> list[str]:
        if self.site.family == "postgresql":
            return [f"DROP FUNCTION IF EXISTS {self.side_sql}() CASCADE"]
        return [
            f"DROP TRIGGER IF EXISTS {self.site.full_name(name, self.schema)}"
            for name in self._mysql_triggers
        ]

    @property
    def _mysql_triggers(self) -> tuple[str, str]:
        return tuple(  # type: ignore[return-value]
            names.of("archive", self.table, self.column, event)
            for event in ("insert", "update")
        )

    def drop_column(self) -> str:
        return f"ALTER TABLE {self.table_sql} DROP COLUMN {self.column_sql}"

    # The column's definition

    def definition(self) -> dict[str, t.Any]:
        """Return what is needed to make the column again, as JSON can hold it."""
        return _DEFINITIONS[self.site.family](self)


def _on_postgresql(archived: Archived) -> dict[str, t.Any]:
    row = archived.site.rows(
        "SELECT format_type(a.atttypid, a.atttypmod), "
        "CASE WHEN a.attcollation <> t.typcollation THEN "
        "quote_ident(cn.nspname) || '.' || quote_ident(c.collname) END, "
        "a.attnotnull, pg_get_expr(d.adbin, d.adrelid), "
        "quote_literal(col_description(a.attrelid, a.attnum)) "
        "FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid "
        "LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
        "LEFT JOIN pg_collation c ON c.oid = a.attcollation "
        "LEFT JOIN pg_namespace cn ON cn.oid = c.collnamespace "
        "WHERE a.attrelid = CAST(:table AS regclass) AND a.attname = :column",
        table=archived.table_sql,
        column=archived.column,
    )[0]
    type_, collation, not_null, default, comment = row
    return {
        "bare": type_ + (f" COLLATE {collation}" if collation else ""),
        "not_null": not_null,
        "default": default,
        "comment": comment,
    }


def _on_mysql(archived: Archived) -> dict[str, t.Any]:
    site = archived.site
    whole = mysql_columns.definition(
        site, archived.table, archived.column, archived.schema
    )
    bare, default = mysql_columns.without_default(mysql_columns.with_null(whole, True))
    order = list(site.columns(archived.table, archived.schema))
    at = order.index(archived.column)
    return {
        "bare": bare,
        "whole": whole,
        "not_null": mysql_columns.with_null(whole, False) == whole,
        "default": default,
        "after": order[at - 1] if at else None,
    }


def _on_sqlite(archived: Archived) -> dict[str, t.Any]:
    site = archived.site
    sql = sqlite_text.read(site.connection, archived.table, archived.schema)
    column = site.columns(archived.table, archived.schema)[archived.column]
    whole = value_lists.column(sql, archived.column)
    space = "" if archived.schema is None else f"{site.quoted(archived.schema)}."
    info = site.rows(f"PRAGMA {space}table_info({site.quoted(archived.table)})")
    of = next(row for row in info if row[1] == archived.column)
    return {
        "bare": of[2],
        "whole": whole,
        "not_null": not column["nullable"],
        "default": of[4],
    }


_DEFINITIONS: dict[str, t.Callable[[Archived], dict[str, t.Any]]] = {
    "postgresql": _on_postgresql,
    "mysql": _on_mysql,
    "sqlite": _on_sqlite,
}
