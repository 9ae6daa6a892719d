"""A constraint with a name, added while its table is in use.

PostgreSQL adds it NOT VALID, which looks at no row and so locks for an instant, and
VALIDATEs it while the table is written to:
https://www.postgresql.org/docs/current/sql-altertable.html
"""

from __future__ import annotations

import abc
import typing as t

import sqlalchemy as sa

from ...errors import SchemaError
from ...quoting import full_name
from ...quoting import quoted
from . import sqlite_constraints
from . import sqlite_text
from .operation import Operation
from .operation import Step
from .site import Site
from .site import sql_of
from .violations import Violations


class AddConstraint(Operation):
    """Add a constraint, or go on with adding it."""

    kind: t.ClassVar[str]
    """What it is called in errors."""

    def __init__(
        self, name: str, constraint: str, table: str, schema: str | None
    ) -> None:
        super().__init__(name, table, schema)
        self.constraint = constraint

    @property
    def label(self) -> str:
        table = self.full_name(self.table, self.schema)
        return f"op.{self.name}, constraint {self.constraint} of table {table}"

    @abc.abstractmethod
    def element(self, **options: t.Any) -> sa.Constraint:
        """Return the constraint on a table that is named only."""

    @abc.abstractmethod
    def is_same(self, site: Site) -> bool:
        """Tell whether the constraint that is there is the one to add."""

    @abc.abstractmethod
    def violations(self, site: Site) -> Violations | None:
        """Return the rows it does not allow."""

    def is_there(self, site: Site) -> bool:
        inspector = sa.inspect(site.connection)
        found: list[t.Any] = [
            inspector.get_pk_constraint(self.table, self.schema),
            *inspector.get_foreign_keys(self.table, self.schema),
            *inspector.get_unique_constraints(self.table, self.schema),
            *inspector.get_check_constraints(self.table, self.schema),
        ]
        names = {one.get("name") for one in found}
        if site.family == "sqlite":
            names |= sqlite_constraints.names(self.sqlite_text(site))
        return self.constraint in names or self._is_taken(site)

    def _is_taken(self, site: Site) -> bool:
        """Tell whether PostgreSQL has given the name to what no inspector shows.

        That is an EXCLUDE, or since 18 a NOT NULL: table_column_not_null.
        """
        if site.family != "postgresql":
            return False
        return bool(
            site.rows(
                "SELECT FROM pg_constraint WHERE conname = :name "
                "AND conrelid = CAST(:table AS regclass)",
                name=self.constraint,
                table=site.full_name(self.table, self.schema),
            )
        )

    def sqlite_text(self, site: Site) -> str:
        """Return the CREATE TABLE of the table, on SQLite."""
        return sqlite_text.read(site.connection, self.table, self.schema)

    def refuse(self, site: Site) -> None:
        if not self.is_there(site):
            self.refuse_rows(site, self.unchanged)
        elif not self.is_same(site):
            raise SchemaError(
                f"there is a constraint {self.constraint} already, with another "
                "definition",
                where=self.where,
                state=self.unchanged,
                next="Drop that one first, or choose another name",
            )
        elif self.is_valid(site) is False:
            self.refuse_rows(
                site, "The constraint is there, and holds for new rows only"
            )

    def refuse_rows(self, site: Site, state: str) -> None:
        """Refuse rows that the constraint does not allow."""
        found = self.violations(site)
        if found is not None:
            raise SchemaError(
                f"{self.kind} does not hold for {found}",
                where=self.where,
                state=state,
                next="Mend or delete these rows, and run the same command again",
            )

    def is_valid(self, site: Site) -> bool | None:
        """Tell whether it holds for every row; ``None`` when it is not there."""
        if site.family != "postgresql":
            return True if self.is_there(site) else None
        found: bool | None = site.scalar(
            "SELECT convalidated FROM pg_constraint WHERE conname = :name "
            "AND conrelid = CAST(:table AS regclass)",
            name=self.constraint,
            table=site.full_name(self.table, self.schema),
        )
        return found

    def added(self, dialect: sa.Dialect, **options: t.Any) -> str:
        """Return the statement that adds it."""
        element = sa.schema.AddConstraint(self.element(**options))
        return " ".join(sql_of(dialect, element).split())

    def online(self, dialect: sa.Dialect) -> list[Step]:
        """Return PostgreSQL's two steps."""
        table = full_name(dialect, self.table, self.schema)
        name = quoted(dialect, self.constraint)
        return [
            self.added(dialect, postgresql_not_valid=True),
            f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}",
        ]

    def postgresql(self, site: Site) -> list[Step]:
        valid = self.is_valid(site)
        steps = self.online(site.dialect)
        return steps if valid is None else steps[2 if valid else 1 :]

    def natural(self, site: Site) -> list[Step]:
        if self.is_valid(site) is None:
            return [self.added(site.dialect)]
        return self.postgresql(site)

    def mend(self, site: Site) -> list[Step]:
        if site.family != "postgresql" or self.is_valid(site) is not False:
            return []
        table = site.full_name(self.table, self.schema)
        return [f"ALTER TABLE {table} DROP CONSTRAINT {site.quoted(self.constraint)}"]

    def explain(self, site: Site, error: sa.exc.DBAPIError) -> SchemaError | None:
        if isinstance(error, sa.exc.IntegrityError):
            # Written between the look and the constraint.
            self.refuse_rows(site, self.unchanged)
        return None
