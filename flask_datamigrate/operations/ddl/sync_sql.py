"""The triggers of a sync, as each database has them.

All mean the same. A statement that writes one side has the other follow; one that
writes both is left as it is. Which side an INSERT writes is told by what is neither
NULL nor the column's default, and for an UPDATE by what it changes. New columns that an
INSERT leaves NULL follow the old ones even if these are at their defaults. NULL, case
and trailing spaces count as changes whatever the collation.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

import sqlalchemy as sa
from alembic.operations import Operations
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from ...backfill import quiet
from ...dialects import family
from ...quoting import full_name
from ...quoting import quoted
from .operation import Step

TRIGGERS = {
    "postgresql": ("both",),
    "mysql": ("insert", "update"),
    "sqlite": ("insert_new", "insert_old", "update_new", "update_old"),
}
"""What there is a trigger for. On SQLite one can set columns only by another UPDATE."""

_DISTINCT = {
    "postgresql": "{a} IS DISTINCT FROM {b}",
    "mysql": "NOT (CAST({a} AS BINARY) <=> CAST({b} AS BINARY))",
    "sqlite": "{a} COLLATE BINARY IS NOT {b}",
}
_CONSTANT = re.compile(
    r"'([^']|'')*'(::[\w\s]+)?|-?\d+(\.\d+)?|true|false"
    r"|now\(\)|current_(timestamp|date|time)(\(\d?\))?",
    re.IGNORECASE,
)
"""A default that is the same for the whole of a statement. The time is, too."""
_NUMBER = re.compile(r"(?P<quote>'?)(-?\d+(\.\d+)?)(?P=quote)")

_POSTGRESQL = (
    "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS "
    "$datamigrate$ DECLARE datamigrate_forward boolean; datamigrate_backward boolean; "
    "BEGIN IF TG_OP = 'INSERT' THEN "
    "datamigrate_forward := ({gives_new}) AND NOT ({gave_new}); "
    "datamigrate_backward := ({gave_new}) AND NOT ({gave_old}); ELSE "
    "datamigrate_forward := ({changed_old}) AND NOT ({changed_new}); "
    "datamigrate_backward := ({changed_new}) AND NOT ({changed_old}); END IF; "
    "IF datamigrate_forward AND {heard} THEN {forward}"
    "ELSIF datamigrate_backward AND {loud} THEN {backward}"
    "END IF; RETURN NEW; END $datamigrate$"
)
_POSTGRESQL_TRIGGER = (
    "CREATE TRIGGER {trigger} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW "
    "EXECUTE FUNCTION {function}()"
)
_MYSQL = (
    "CREATE TRIGGER {trigger} BEFORE {event} ON {table} FOR EACH ROW "
    "BEGIN DECLARE datamigrate_forward, datamigrate_backward BOOLEAN; "
    "SET datamigrate_forward = ({for_new}) AND NOT ({new}) AND {heard}; "
    "SET datamigrate_backward = ({new}) AND NOT ({old}) AND {loud}; "
    "IF datamigrate_forward THEN {forward}"
    "ELSEIF datamigrate_backward THEN {backward}"
    "END IF; END"
)
_SQLITE = (
    "CREATE TRIGGER {trigger} AFTER {event} ON {table} FOR EACH ROW "
    "WHEN ({written}) AND NOT ({other}) AND {loud} BEGIN "
    "INSERT INTO {flags} (who) VALUES ('trigger'); {body}"
    "DELETE FROM {flags} WHERE who = 'trigger'; END"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """The old columns, or the new.

    :param described: the columns of the table, as the inspector describes them.
    """

    columns: t.Sequence[str]
    described: t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Direction:
    """One way of a sync.

    :param written: the side that a statement writes.
    :param sets: the SQL for each column that follows.
    :param first: SQL to run before; "" for none.
    """

    written: Side
    sets: t.Mapping[str, str]
    first: str


@dataclasses.dataclass(frozen=True, slots=True)
class Triggers:
    """The triggers of a sync on one table.

    :param names: the name of each.
    :param key: the columns of the primary key; none if it is not known.
    """

    dialect: sa.Dialect
    table: str
    schema: str | None
    names: t.Mapping[str, str]
    key: tuple[str, ...]
    forward: Direction
    backward: Direction

    def statements(self) -> list[tuple[str, str]]:
        """Return the name and the SQL of each."""
        return _WRITE[family(self.dialect)](self)

    # What all three are made of

    def changed(self, side: Side) -> str:
        return " OR ".join(
            self._distinct(f"NEW.{name}", f"OLD.{name}", column, side)
            for column, name in self._quoted(side)
        )

    def gave(self, side: Side) -> str:
        return " OR ".join(
            self._gave(f"NEW.{name}", column, side)
            for column, name in self._quoted(side)
        )

    def gives_new(self) -> str:
        """Return when an INSERT has something for the new side to follow."""
        old, new = self.forward.written, self.backward.written
        there = " OR ".join(f"NEW.{n} IS NOT NULL" for _, n in self._quoted(old))
        empty = " AND ".join(f"NEW.{n} IS NULL" for _, n in self._quoted(new))
        return f"{self.gave(old)} OR ({there}) AND {empty}"

    def _gave(self, name: str, column: str, side: Side) -> str:
        default = str(side.described.get(column, {}).get("default") or "")
        given = [f"{name} IS NOT NULL"]
        if _CONSTANT.fullmatch(default):
            given.append(self._distinct(name, default, column, side))
            number = _NUMBER.fullmatch(default)
            if number and family(self.dialect) == "sqlite":
                # A row that is written has no affinities there: 0 is not '0'.
                other = number[2] if number["quote"] else f"'{default}'"
                given.append(self._distinct(name, other, column, side))
        return f"({' AND '.join(given)})"

    def _distinct(self, a: str, b: str, column: str, side: Side) -> str:
        kind = family(self.dialect)
        type_ = side.described.get(column, {}).get("type")
        if kind == "postgresql" and str(type_) == "JSON":
            # The one type that has no equality.
            a, b = f"CAST({a} AS text)", f"CAST({b} AS text)"
        return _DISTINCT[kind].format(a=a, b=b)

    def _quoted(self, side: Side) -> list[tuple[str, str]]:
        return [(column, quoted(self.dialect, column)) for column in side.columns]

    def quoted(self, name: str) -> str:
        return quoted(self.dialect, name)

    def full_name(self, name: str) -> str:
        return full_name(self.dialect, name, self.schema)


def _on_postgresql(own: Triggers) -> list[tuple[str, str]]:
    (name,) = own.names.values()
    sql = _POSTGRESQL_TRIGGER.format(
        trigger=own.quoted(name),
        table=own.full_name(own.table),
        function=own.full_name(name),
    )
    return [(name, sql)]


def _function(own: Triggers) -> str:
    """Return the function of the trigger on PostgreSQL."""

    def body(way: Direction) -> str:
        sets = "".join(f"NEW.{own.quoted(c)} := {e}; " for c, e in way.sets.items())
        return f"{way.first}{sets}" or "NULL; "

    (name,) = own.names.values()
    old, new = own.forward.written, own.backward.written
    return _POSTGRESQL.format(
        function=own.full_name(name),
        gave_old=own.gave(old),
        gives_new=own.gives_new(),
        gave_new=own.gave(new),
        changed_old=own.changed(old),
        changed_new=own.changed(new),
        loud=quiet.LOUD["postgresql"],
        heard=quiet.FORWARD["postgresql"],
        forward=body(own.forward),
        backward=body(own.backward),
    )


def _on_mysql(own: Triggers) -> list[tuple[str, str]]:
    def body(way: Direction) -> str:
        sets = "".join(f"SET NEW.{own.quoted(c)} = {e}; " for c, e in way.sets.items())
        # An empty block is no statement to it.
        return f"{way.first}{sets}" or "SET datamigrate_forward = NULL; "

    old, new = own.forward.written, own.backward.written
    return [
        (
            own.names[event],
            _MYSQL.format(
                trigger=own.full_name(own.names[event]),
                event=event.upper(),
                table=own.full_name(own.table),
                old=told(old),
                for_new=own.gives_new() if event == "insert" else told(old),
                new=told(new),
                loud=quiet.LOUD["mysql"],
                heard=quiet.FORWARD["mysql"],
                forward=body(own.forward),
                backward=body(own.backward),
            ),
        )
        for event, told in (("insert", own.gave), ("update", own.changed))
    ]


def _on_sqlite(own: Triggers) -> list[tuple[str, str]]:
    row = " AND ".join(
        f"{own.quoted(c)} IS NEW.{own.quoted(c)}" for c in own.key or ("rowid",)
    )
    found = []
    for event, told in (("insert", own.gave), ("update", own.changed)):
        for side, way, other, loud in (
            ("new", own.forward, own.backward, quiet.FORWARD["sqlite"]),
            ("old", own.backward, own.forward, quiet.LOUD["sqlite"]),
        ):
            sets = ", ".join(f"{own.quoted(c)} = {e}" for c, e in way.sets.items())
            body = way.first
            if sets:
                body += f"UPDATE {own.quoted(own.table)} SET {sets} WHERE {row}; "
            if not body:
                continue
            name = own.names[f"{event}_{side}"]
            written = told(way.written)
            if name == own.names["insert_new"]:
                written = own.gives_new()
            sql = _SQLITE.format(
                trigger=own.full_name(name),
                event=event.upper(),
                table=own.quoted(own.table),
                written=written,
                other=told(other.written),
                loud=loud,
                flags=quiet.TABLE,
                body=body,
            )
            found.append((name, sql))
    return found


_WRITE: dict[str, t.Callable[[Triggers], list[tuple[str, str]]]] = {
    "postgresql": _on_postgresql,
    "mysql": _on_mysql,
    "sqlite": _on_sqlite,
}


def prepared(triggers: Triggers) -> list[str]:
    """Return what has to be there before the triggers: safe to run again."""
    kind = family(triggers.dialect)
    if kind == "postgresql":
        return [_function(triggers)]
    if kind == "sqlite":
        return [quiet.CREATE.format(flags=triggers.full_name(quiet.TABLE))]
    return []


def is_same(kind: str, sql: str, there: str) -> bool:
    """Tell whether a trigger is there as it is wanted.

    :param sql: how it is to be created.
    :param there: how the database shows it. PostgreSQL's does all in the function.
    """
    return kind == "postgresql" or sql.endswith(there)


def scripted(kind: str, sql: str) -> Step:
    """Return a trigger as a script has it: MySQL's client cuts at semicolons."""
    if kind != "mysql":
        return sql

    def write(operations: Operations) -> None:
        operations.migration_context.impl.static_output(
            f"DELIMITER //\n{sql} //\nDELIMITER ;\n"
        )

    return write


class Writer:
    """Writes expressions over a table as SQL over the row of a trigger.

    :param table: the frozen table; its columns become those of ``NEW``.
    """

    def __init__(self, dialect: sa.Dialect, table: sa.Table) -> None:
        self._table = table
        # With named parameters, percent signs stay as they are.
        plain: t.Any = type(dialect)
        self._dialect: t.Any = plain(paramstyle="named")
        for name in ("is_mariadb", "server_version_info", "_backslash_escapes"):
            if hasattr(dialect, name):
                setattr(self._dialect, name, getattr(dialect, name))
        base: t.Any = self._dialect.statement_compiler

        class Compiler(base):  # type: ignore[misc]
            def visit_column(
                self, column: t.Any, *arguments: t.Any, **options: t.Any
            ) -> t.Any:
                if column.table is table:
                    return f"NEW.{quoted(dialect, column.name)}"
                return super().visit_column(column, *arguments, **options)

        self._dialect.statement_compiler = Compiler

    def expression(self, element: sa.ClauseElement) -> str:
        """Return an expression, in brackets.

        As a part of an UPDATE it is compiled, so that a subquery takes the table for
        the one around it.
        """
        part = _Part(element)
        column = next(iter(self._table.c), sa.Column("x"))
        table = self._table if self._table.c else sa.Table("x", sa.MetaData(), column)
        sa.update(table).values({column: part}).compile(
            dialect=self._dialect, compile_kwargs={"literal_binds": True}
        )
        return f"({part.sql})"

    def statement(self, given: t.Any) -> str:
        """Return a statement that ends with a semicolon; "" for none."""
        if given is None:
            return ""
        sql = given
        if isinstance(given, sa.ClauseElement):
            sql = given.compile(
                dialect=self._dialect, compile_kwargs={"literal_binds": True}
            )
        text = str(sql).strip().rstrip(";")
        return f"{text}; " if text else ""


class _Part(sa.ColumnElement[t.Any]):
    """An expression that remembers the SQL it has become."""

    inherit_cache = False
    type = sa.types.NullType()

    def __init__(self, element: sa.ClauseElement) -> None:
        self.element = element
        self.sql = ""


@compiles(_Part)
def _compile(part: _Part, compiler: SQLCompiler, **options: t.Any) -> str:
    part.sql = compiler.process(part.element, **options)
    return part.sql
