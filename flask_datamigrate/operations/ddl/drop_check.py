"""``op.drop_check_online``."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ...quoting import full_name
from ...quoting import quoted
from . import sqlite_constraints
from . import sqlite_text
from .operation import Operation
from .operation import Step
from .site import Site

if t.TYPE_CHECKING:
    from .directives.constraints import DropCheckOp


class DropCheck(Operation):
    """Drop a CHECK constraint."""

    def __init__(self, directive: DropCheckOp) -> None:
        super().__init__(directive.name, directive.table, directive.schema)
        self.constraint = directive.constraint

    @property
    def label(self) -> str:
        table = self.full_name(self.table, self.schema)
        return f"op.{self.name}, constraint {self.constraint} of table {table}"

    def refuse(self, site: Site) -> None:
        """Refuse nothing: one that is not there is none to drop."""

    def _one_step(self, site: Site) -> list[Step]:
        inspector = sa.inspect(site.connection)
        found = inspector.get_check_constraints(self.table, self.schema)
        is_there = any(check["name"] == self.constraint for check in found)
        return self._plain(site.dialect) if is_there else []

    def _sqlite(self, site: Site) -> list[Step]:
        connection = site.connection
        sql = sqlite_text.read(connection, self.table, self.schema)
        found = sqlite_constraints.check(sql, self.constraint)
        if found is None:
            return []
        left = sqlite_constraints.without(sql, found)
        return [lambda _: sqlite_text.write(connection, self.table, self.schema, left)]

    def _plain(self, dialect: sa.Dialect) -> list[Step]:
        table = full_name(dialect, self.table, self.schema)
        return [
            f"ALTER TABLE {table} DROP CONSTRAINT {quoted(dialect, self.constraint)}"
        ]

    forms = {
        "postgresql": _one_step,
        "postgresql, small": _one_step,
        "mysql": _one_step,
        "sqlite": _sqlite,
    }
    offline = {"postgresql": _plain, "mysql": _plain}
