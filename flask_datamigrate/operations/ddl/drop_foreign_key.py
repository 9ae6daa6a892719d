"""``op.drop_foreign_key_online``."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ...errors import SchemaError
from ...quoting import full_name
from ...quoting import quoted
from . import mysql_columns
from . import sqlite_constraints
from . import sqlite_text
from .generated_index import GeneratedIndex
from .operation import Operation
from .operation import Step
from .site import Site

if t.TYPE_CHECKING:
    from .directives.foreign_keys import DropForeignKeyOp


_ON_MYSQL = """
    SELECT count(*) FROM information_schema.table_constraints
    WHERE constraint_type = 'FOREIGN KEY' AND constraint_name = :name
    AND table_name = :table AND table_schema = coalesce(:schema, database())
"""


class DropForeignKey(Operation):
    """Drop a foreign key, and the index that was made for it."""

    def __init__(self, directive: DropForeignKeyOp) -> None:
        super().__init__(directive.name, directive.table, directive.schema)
        self.constraint = directive.constraint

    @property
    def label(self) -> str:
        table = self.full_name(self.table, self.schema)
        return f"op.{self.name}, constraint {self.constraint} of table {table}"

    def refuse(self, site: Site) -> None:
        """Refuse nothing: one that is not there is none to drop."""

    def is_there(self, site: Site) -> bool:
        if site.family == "sqlite":
            return self._in_text(site) is not None
        if site.family == "mysql":
            # The inspector passes over a key on columns with ")" in their names.
            return bool(
                site.scalar(
                    _ON_MYSQL,
                    schema=self.schema,
                    table=self.table,
                    name=self.constraint,
                )
            )
        found = sa.inspect(site.connection).get_foreign_keys(self.table, self.schema)
        return any(key["name"] == self.constraint for key in found)

    def _postgresql(self, site: Site) -> list[Step]:
        return self._plain(site.dialect) if self.is_there(site) else []

    def _mysql(self, site: Site) -> list[Step]:
        index = GeneratedIndex(site, self.table, self.schema, self.constraint)
        steps: list[Step] = []
        if self.is_there(site):
            steps += self._in_place(site.dialect)
        if index.is_noted:
            steps.append(lambda _: index.drop())
        return steps

    def _sqlite(self, site: Site) -> list[Step]:
        found = self._in_text(site)
        if found is None:
            return []
        sql = sqlite_constraints.without(*found)
        connection = site.connection
        return [lambda _: sqlite_text.write(connection, self.table, self.schema, sql)]

    def _in_text(self, site: Site) -> tuple[str, sqlite_constraints.ForeignKey] | None:
        sql = sqlite_text.read(site.connection, self.table, self.schema)
        for key in sqlite_constraints.foreign_keys(sql):
            if key.name == self.constraint:
                return sql, key
        return None

    def _plain(self, dialect: sa.Dialect) -> list[Step]:
        return [self._drop(dialect, "CONSTRAINT")]

    def _in_place(self, dialect: sa.Dialect) -> list[Step]:
        return [f"{self._drop(dialect, 'FOREIGN KEY')}, ALGORITHM=INPLACE, LOCK=NONE"]

    def _drop(self, dialect: sa.Dialect, kind: str) -> str:
        table = full_name(dialect, self.table, self.schema)
        return f"ALTER TABLE {table} DROP {kind} {quoted(dialect, self.constraint)}"

    def explain(self, site: Site, error: sa.exc.DBAPIError) -> SchemaError | None:
        return mysql_columns.not_in_place(error, self.where, self.unchanged)

    forms = {
        "postgresql": _postgresql,
        "postgresql, small": _postgresql,
        "mysql": _mysql,
        "sqlite": _sqlite,
    }
    offline = {"postgresql": _plain, "mysql": _in_place}
