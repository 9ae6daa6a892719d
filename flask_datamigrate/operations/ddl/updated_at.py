"""``op.create_updated_at_trigger`` and ``op.drop_updated_at_trigger``.

The three mean the same: the time the statement began, in UTC, unless the statement
gave the column another value. (That it gave it the value it had, no trigger can see.)
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ...dialects import family
from ...errors import SchemaError
from ...quoting import full_name
from ...quoting import quoted
from . import names
from .operation import Operation
from .operation import Step
from .site import Site

if t.TYPE_CHECKING:
    from .directives.triggers import UpdatedAtOp

_CREATE = {
    "postgresql": (
        # In a function that runs in UTC, the same assignment is right for both types
        # of timestamp.
        "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql "
        "SET timezone = 'UTC' AS $datamigrate$ BEGIN "
        "IF NEW.{column} IS NOT DISTINCT FROM OLD.{column} THEN "
        "NEW.{column} := statement_timestamp(); END IF; RETURN NEW; "
        "END $datamigrate$",
        "CREATE TRIGGER {trigger} BEFORE UPDATE ON {table} FOR EACH ROW "
        "EXECUTE FUNCTION {function}()",
    ),
    "mysql": (
        "CREATE TRIGGER {function} BEFORE UPDATE ON {table} FOR EACH ROW "
        "SET NEW.{column} = IF(NEW.{column} <=> OLD.{column}, {now}, NEW.{column})",
    ),
    "sqlite": (
        # The second condition ends it where PRAGMA recursive_triggers is on.
        "CREATE TRIGGER {function} AFTER UPDATE ON {table} FOR EACH ROW "
        "WHEN NEW.{column} IS OLD.{column} AND NEW.{column} IS NOT {now} "
        "BEGIN UPDATE {table} SET {column} = {now} WHERE {row}; END",
    ),
}
_DROP = {
    # The trigger goes with its function.
    "postgresql": "DROP FUNCTION IF EXISTS {function}() CASCADE",
    "mysql": "DROP TRIGGER IF EXISTS {function}",
    "sqlite": "DROP TRIGGER IF EXISTS {function}",
}
_NOW = {
    "postgresql": "statement_timestamp()",
    "mysql": "UTC_TIMESTAMP({digits})",
    # Six digits, as SQLAlchemy writes them, so that they sort as text.
    "sqlite": "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')",
}
_EXISTS = {
    "postgresql": "SELECT 1 FROM pg_trigger WHERE tgname = :name "
    "AND tgrelid = CAST(:table AS regclass)",
    "mysql": "SELECT 1 FROM information_schema.triggers WHERE trigger_name = :name "
    "AND event_object_table = :bare "
    "AND trigger_schema = coalesce(:schema, database())",
    "sqlite": "SELECT 1 FROM {space}sqlite_master WHERE type = 'trigger' "
    "AND name = :name AND lower(tbl_name) = lower(:bare)",
}


class _UpdatedAt(Operation):
    def __init__(self, directive: UpdatedAtOp) -> None:
        super().__init__(directive.name, directive.table, directive.schema)
        self.column = directive.column
        self.trigger = names.of("touch", self.table, self.column)

    @property
    def where(self) -> str:
        table = self.full_name(self.table, self.schema)
        return f"op.{self.name}, column {table}.{self.column}"

    def needs(self) -> list[tuple[str, str | None, t.Sequence[str]]]:
        return [(self.table, self.schema, [self.column])]

    def exists(self, site: Site) -> bool:
        space = "" if self.schema is None else f"{site.quoted(self.schema)}."
        found = site.rows(
            _EXISTS[site.family].format(space=space),
            name=self.trigger,
            **(
                {"table": site.full_name(self.table, self.schema)}
                if site.family == "postgresql"
                else {"bare": self.table}
            ),
            **({"schema": self.schema} if site.family == "mysql" else {}),
        )
        return bool(found)

    def _sql(
        self, dialect: sa.Dialect, template: str, *, row: str = "", now: str = ""
    ) -> str:
        table = full_name(dialect, self.table, self.schema)
        if family(dialect) == "sqlite":
            # Inside of a trigger, its own database is the only one.
            table = quoted(dialect, self.table)
        return template.format(
            function=full_name(dialect, self.trigger, self.schema),
            trigger=quoted(dialect, self.trigger),
            table=table,
            column=quoted(dialect, self.column),
            row=row,
            now=now,
        )

    def dropped(self, dialect: sa.Dialect) -> list[Step]:
        return [self._sql(dialect, _DROP[family(dialect)])]


class CreateUpdatedAt(_UpdatedAt):
    """Create the trigger."""

    def refuse(self, site: Site) -> None:
        type_ = site.columns(self.table, self.schema)[self.column]["type"]
        if not isinstance(type_, sa.DateTime):
            raise SchemaError(
                f"its type is {type_}, and not one of date and time",
                where=self.where,
                state=self.unchanged,
                next="Name a column of sa.DateTime",
            )

    def steps(self, site: Site) -> list[Step]:
        if self.exists(site):
            return []
        type_ = site.columns(self.table, self.schema)[self.column]["type"]
        now = _NOW[site.family]
        if site.family == "mysql":
            now = now.format(digits=getattr(type_, "fsp", None) or 0)
            if isinstance(type_, sa.TIMESTAMP):
                # It is stored in UTC, and read and written in the session's zone.
                now = now.replace("UTC_", "CURRENT_")
        return self._created(site.dialect, now, self._row(site))

    def _row(self, site: Site) -> str:
        if site.family != "sqlite":
            return ""
        inspector = sa.inspect(site.connection)
        key = inspector.get_pk_constraint(self.table, self.schema)
        columns = [site.quoted(name) for name in key["constrained_columns"]]
        same = (f"{column} IS NEW.{column}" for column in columns or ["rowid"])
        return " AND ".join(same)

    def _created(self, dialect: sa.Dialect, now: str, row: str) -> list[Step]:
        return [
            self._sql(dialect, template, row=row, now=now)
            for template in _CREATE[family(dialect)]
        ]

    def _offline(self, dialect: sa.Dialect) -> list[Step]:
        now = _NOW[family(dialect)].format(digits=6)
        return self._created(dialect, now, "rowid = NEW.rowid")

    offline = dict.fromkeys(("postgresql", "mysql", "sqlite"), _offline)


class DropUpdatedAt(_UpdatedAt):
    """Drop the trigger."""

    def refuse(self, site: Site) -> None:
        """Refuse nothing."""

    def steps(self, site: Site) -> list[Step]:
        return self.dropped(site.dialect) if self.exists(site) else []

    offline = dict.fromkeys(("postgresql", "mysql", "sqlite"), _UpdatedAt.dropped)
