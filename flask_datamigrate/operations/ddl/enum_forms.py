"""What an enum column is on each database, and how its values are changed.

==================== ===================================================
PostgreSQL, ENUM     ALTER TYPE … ADD VALUE; to drop one, a new type
PostgreSQL, CHECK    the CHECK is replaced NOT VALID, then validated
MySQL, ENUM          MODIFY; instantly when the value is the last
MySQL, CHECK         the CHECK is replaced, for which the table is copied
SQLite, CHECK        the text of the table is edited, no row is touched
SQLite, no CHECK     nothing: the column takes any text
==================== ===================================================
"""

from __future__ import annotations

import abc
import dataclasses
import typing as t

import sqlalchemy as sa

from . import mysql_columns
from . import names
from . import sqlite_text
from . import value_lists
from .operation import Step
from .site import Site
from .value_lists import ValueList
from .value_lists import quoted

Values = tuple[str, ...]
_Given = tuple[Site, str, "str | None", str, "int | None"]


@dataclasses.dataclass(frozen=True, slots=True)
class Form(abc.ABC):
    """An enum column as the database has it.

    :param length: what a VARCHAR holds; ``None`` when it is none.
    :param values: the values it allows, in their order.
    """

    site: Site
    table: str
    schema: str | None
    column: str
    length: int | None
    values: Values

    listed: t.ClassVar[bool] = True
    """Whether the database knows the values it allows."""

    @abc.abstractmethod
    def change(self, values: Values, length: int | None = None) -> list[Step]:
        """Return the steps that make it allow these values.

        :param length: what a VARCHAR is to hold from then on, if not what it did.
        """

    def rest(self) -> list[Step]:
        """Return what a change that was cut off has left to do."""
        return []

    def columns(self) -> list[tuple[str, str | None, str]]:
        """Return the columns that a change is of: table, schema and name."""
        return [(self.table, self.schema, self.column)]

    @property
    def name(self) -> str:
        return self.site.full_name(self.table, self.schema)

    def longer(self, values: Values) -> int | None:
        """Return the length it needs for these values; ``None`` when it has it."""
        longest = max(map(len, values))
        short = self.length is not None and self.length < longest
        return longest if short else None


def find(site: Site, table: str, schema: str | None, column: str) -> Form | None:
    """Return what an enum column is; ``None`` when it is none."""
    type_ = site.columns(table, schema)[column]["type"]
    length = type_.length if isinstance(type_, sa.VARCHAR) else None
    return {
        "postgresql": _on_postgresql,
        "mysql": _on_mysql,
        "sqlite": _on_sqlite,
    }[site.family]((site, table, schema, column, length))


# PostgreSQL


@dataclasses.dataclass(frozen=True, slots=True)
class Type(Form):
    """A type of PostgreSQL."""

    oid: int
    type_schema: str
    type_name: str

    def change(self, values: Values, length: int | None = None) -> list[Step]:
        added = [value for value in values if value not in self.values]
        return [self._add(values, added[0]) if added else self._replace(values)]

    def _add(self, values: Values, value: str) -> str:
        at = values.index(value)
        place = ""
        if at + 1 < len(values):
            place = f" BEFORE {quoted(values[at + 1], 'postgresql')}"
        type_ = self.site.full_name(self.type_name, self.type_schema)
        return f"ALTER TYPE {type_} ADD VALUE {quoted(value, 'postgresql')}{place}"

    def _replace(self, values: Values) -> str:
        """Return all that makes the type anew, to be run as one transaction."""
        type_ = self.site.full_name(self.type_name, self.type_schema)
        old = names.of("old", self.type_name)
        allowed = ", ".join(quoted(value, "postgresql") for value in values)
        statements = [
            f"ALTER TYPE {type_} RENAME TO {self.site.quoted(old)}",
            f"CREATE TYPE {type_} AS ENUM ({allowed})",
        ]
        for table, schema, column, default in self._users():
            alter = f"ALTER COLUMN {self.site.quoted(column)}"
            actions = [
                f"{alter} TYPE {type_} USING "
                f"CAST(CAST({self.site.quoted(column)} AS text) AS {type_})"
            ]
            if default is not None:
                actions = [
                    f"{alter} DROP DEFAULT",
                    *actions,
                    f"{alter} SET DEFAULT {default}",
                ]
            name = self.site.full_name(table, schema)
            statements.append(f"ALTER TABLE {name} {', '.join(actions)}")
        statements.append(f"DROP TYPE {self.site.full_name(old, self.type_schema)}")
        return "; ".join(statements)

    def columns(self) -> list[tuple[str, str | None, str]]:
        return [(table, schema, column) for table, schema, column, _ in self._users()]

    def _users(self) -> list[t.Any]:
        return self.site.rows(
            "SELECT c.relname, n.nspname, a.attname, pg_get_expr(d.adbin, d.adrelid) "
            "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
            "WHERE a.atttypid = :type AND c.relkind IN ('r', 'p') "
            "AND NOT c.relispartition AND NOT a.attisdropped ORDER BY 2, 1, 3",
            type=self.oid,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class _Check(Form):
    """A CHECK of PostgreSQL."""

    constraint: str
    valid: bool

    def change(self, values: Values, length: int | None = None) -> list[Step]:
        allowed = ", ".join(quoted(value, "postgresql") for value in values)
        constraint = self.site.quoted(self.constraint)
        column = self.site.quoted(self.column)
        small = self.site.form == "postgresql, small"
        actions = [f"DROP CONSTRAINT {constraint}"]
        if length is not None:
            actions.append(f"ALTER COLUMN {column} TYPE varchar({length})")
        actions.append(
            f"ADD CONSTRAINT {constraint} CHECK ({column} IN ({allowed}))"
            + ("" if small else " NOT VALID")
        )
        replace = f"ALTER TABLE {self.name} {', '.join(actions)}"
        return [replace] if small else [replace, self._validate()]

    def rest(self) -> list[Step]:
        return [] if self.valid else [self._validate()]

    def _validate(self) -> str:
        constraint = self.site.quoted(self.constraint)
        return f"ALTER TABLE {self.name} VALIDATE CONSTRAINT {constraint}"


def _on_postgresql(given: _Given) -> Form | None:
    site, table, schema, column, _ = given
    of = {"table": site.full_name(table, schema), "column": column}
    types = site.rows(
        "SELECT e.oid, n.nspname, e.typname, ARRAY(SELECT CAST(enumlabel AS text) "
        "FROM pg_enum WHERE enumtypid = e.oid ORDER BY enumsortorder) "
        "FROM pg_attribute a JOIN pg_type e ON e.oid = a.atttypid "
        "JOIN pg_namespace n ON n.oid = e.typnamespace "
        "WHERE a.attrelid = CAST(:table AS regclass) AND a.attname = :column "
        "AND e.typtype = 'e'",
        **of,
    )
    if types:
        oid, space, name, values = types[0]
        return Type(*given, tuple(values), oid, space, name)
    checks = site.rows(
        "SELECT conname, convalidated, pg_get_constraintdef(k.oid) "
        "FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid "
        "AND k.conkey = ARRAY[a.attnum] WHERE k.contype = 'c' "
        "AND k.conrelid = CAST(:table AS regclass) AND a.attname = :column",
        **of,
    )
    for name, valid, definition in checks:
        allowed = value_lists.in_definition(definition, column)
        if allowed is not None:
            return _Check(*given, allowed, name, valid)
    return None


# MySQL and MariaDB


@dataclasses.dataclass(frozen=True, slots=True)
class _Column(Form):
    """An ENUM column of MySQL or MariaDB.

    :param definition: its line of SHOW CREATE TABLE.
    """

    definition: str

    def change(self, values: Values, length: int | None = None) -> list[Step]:
        start, end, texts = value_lists.enumerated(self.definition)
        # A backslash stays as the server wrote it.
        written = dict(zip(self.values, texts, strict=True))
        texts = tuple(written.get(value, quoted(value, "mysql")) for value in values)
        changed = self.definition[:start] + ",".join(texts) + self.definition[end:]
        modify = f"ALTER TABLE {self.name} MODIFY {changed}"
        if values[: len(self.values)] != self.values:
            return [modify]
        return [lambda _: self._append(modify)]

    def _append(self, modify: str) -> None:
        try:
            _run(self.site, f"{modify}, ALGORITHM=INSTANT")
        except sa.exc.DBAPIError as error:
            # The 256th value makes each row's one a byte longer.
            if mysql_columns.not_in_place(error, "", "") is None:
                raise
            _run(self.site, modify)


@dataclasses.dataclass(frozen=True, slots=True)
class _Text(Form):
    """A CHECK in the text of CREATE TABLE.

    :param sql: that text.
    """

    sql: str
    check: ValueList

    def _allowed(self, values: Values) -> str:
        texts = (quoted(value, self.site.family) for value in values)
        return f" IN ({', '.join(texts)})"

    def _resized(self, sql: str, length: int | None) -> str:
        if length is None:
            return sql
        return value_lists.resized(sql, self.column, length, self.site.family)


@dataclasses.dataclass(frozen=True, slots=True)
class _MySQLText(_Text):
    def change(self, values: Values, length: int | None = None) -> list[Step]:
        check = self.check
        if not check.of_table:
            start, end = check.start - check.offset, check.end - check.offset
            changed = check.item[:start] + self._allowed(values) + check.item[end:]
            return [f"ALTER TABLE {self.name} MODIFY {self._resized(changed, length)}"]
        constraint = self.site.quoted(check.constraint or "")
        actions = [f"DROP CONSTRAINT {constraint}"]
        if length is not None:
            column = mysql_columns.definition(
                self.site, self.table, self.column, self.schema
            )
            actions.append(f"MODIFY {self._resized(column, length)}")
        column = self.site.quoted(self.column)
        actions.append(
            f"ADD CONSTRAINT {constraint} CHECK ({column}{self._allowed(values)})"
        )
        return [f"ALTER TABLE {self.name} {', '.join(actions)}"]


def _on_mysql(given: _Given) -> Form | None:
    site, table, schema, column, _ = given
    definition = mysql_columns.definition(site, table, column, schema)
    if isinstance(site.columns(table, schema)[column]["type"], sa.Enum):
        _, _, texts = value_lists.enumerated(definition)
        values = tuple(value_lists.unquoted(text, "mysql") for text in texts)
        return _Column(*given, values, definition)
    shown = site.connection.exec_driver_sql(
        f"SHOW CREATE TABLE {site.full_name(table, schema)}",
        execution_options={"no_parameters": True},
    )
    sql = shown.one()[1]
    for check in value_lists.in_table(sql, column, "mysql"):
        return _MySQLText(*given, check.values, sql, check)
    return None


# SQLite


@dataclasses.dataclass(frozen=True, slots=True)
class _SQLiteText(_Text):
    def change(self, values: Values, length: int | None = None) -> list[Step]:
        check = self.check
        changed = (
            self.sql[: check.start] + self._allowed(values) + self.sql[check.end :]
        )
        sql = self._resized(changed, length)
        connection = self.site.connection
        return [lambda _: sqlite_text.write(connection, self.table, self.schema, sql)]


@dataclasses.dataclass(frozen=True, slots=True)
class _AnyText(Form):
    """A text of SQLite without a CHECK, which a plain ``sa.Enum`` is there."""

    listed = False

    def change(self, values: Values, length: int | None = None) -> list[Step]:
        return []


def _on_sqlite(given: _Given) -> Form | None:
    site, table, schema, column, _ = given
    sql = sqlite_text.read(site.connection, table, schema)
    for check in value_lists.in_table(sql, column, "sqlite"):
        return _SQLiteText(*given, check.values, sql, check)
    is_text = isinstance(site.columns(table, schema)[column]["type"], sa.String)
    if is_text and not value_lists.expressions(sql, column, "sqlite"):
        return _AnyText(*given, ())
    return None


def _run(site: Site, sql: str) -> None:
    site.connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
