"""``op.set_not_null`` and ``op.drop_not_null``.

PostgreSQL takes NOT NULL without a scan when a valid CHECK proves it (since 12), and
a CHECK can be added NOT VALID and validated while the table is written to:
https://www.postgresql.org/docs/current/sql-altertable.html
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.operations import Operations

from ...errors import OfflineError
from ...errors import SchemaError
from ...quoting import full_name
from ...quoting import quoted
from ..segment import current
from . import mysql_columns
from . import names
from . import violations
from .operation import Operation
from .operation import Step
from .rebuild import rebuilt
from .site import Site

if t.TYPE_CHECKING:
    from .directives.constraints import NotNullOp


class _NotNull(Operation):
    nullable: t.ClassVar[bool]

    def __init__(self, directive: NotNullOp) -> None:
        super().__init__(directive.name, directive.table, directive.schema)
        self.column = directive.column
        self.existing_type = directive.existing_type

    @property
    def label(self) -> str:
        table = self.full_name(self.table, self.schema)
        return f"op.{self.name}, column {table}.{self.column}"

    def needs(self) -> list[tuple[str, str | None, t.Sequence[str]]]:
        return [(self.table, self.schema, [self.column])]

    def is_done(self, site: Site) -> bool:
        column = site.columns(self.table, self.schema)[self.column]
        return bool(column["nullable"]) is self.nullable

    def _rebuild(self, site: Site) -> list[Step]:
        if self.is_done(site):
            return []
        return [
            rebuilt(
                self.table,
                self.schema,
                lambda batch: batch.alter_column(self.column, nullable=self.nullable),
                self.where,
            )
        ]

    def _modify(self, site: Site) -> list[Step]:
        if self.is_done(site):
            return []
        column = mysql_columns.definition(site, self.table, self.column, self.schema)
        changed = mysql_columns.with_null(column, self.nullable)
        table = site.full_name(self.table, self.schema)
        return [f"ALTER TABLE {table} MODIFY {changed}, ALGORITHM=INPLACE, LOCK=NONE"]

    def _modify_offline(self, dialect: sa.Dialect) -> list[Step]:
        if self.existing_type is None:
            raise OfflineError(
                "MySQL and MariaDB want the whole column, and --sql has no database "
                "to look it up in",
                where=self.where,
                state="The script written so far is incomplete",
                next="Give its type: existing_type=sa.String(50)",
            )

        def alter(operations: Operations) -> None:
            operations.alter_column(
                self.table,
                self.column,
                schema=self.schema,
                nullable=self.nullable,
                existing_type=self.existing_type,
            )

        return [alter]

    def _alter(self, dialect: sa.Dialect) -> str:
        table = full_name(dialect, self.table, self.schema)
        verb = "DROP" if self.nullable else "SET"
        return f"ALTER TABLE {table} ALTER COLUMN {quoted(dialect, self.column)} " + (
            f"{verb} NOT NULL"
        )

    def explain(self, site: Site, error: sa.exc.DBAPIError) -> SchemaError | None:
        return mysql_columns.not_in_place(error, self.where, self.unchanged)


class SetNotNull(_NotNull):
    """Forbid NULL."""

    nullable = False

    def is_done(self, site: Site) -> bool:
        return super().is_done(site) and self._unvalidated(site) is None

    def refuse(self, site: Site) -> None:
        if self.is_done(site):
            return
        self._refuse_nulls(site)
        mysql_columns.refuse_lax_mode(site, self.where, self.unchanged)

    def _refuse_nulls(self, site: Site) -> None:
        null = f"{site.quoted(self.column)} IS NULL"
        found = violations.find(site, self.table, self.schema, null)
        if found is not None:
            raise SchemaError(
                f"NULL is left in {found}",
                where=self.where,
                state=self.unchanged,
                next=self._how_to_fill(site),
            )

    def _how_to_fill(self, site: Site) -> str:
        new = f"flask db data new -m 'fill {self.column}' --table {self.table}"
        segment = current.get()
        added = (self.schema, self.table, self.column)
        if segment is None or added not in segment.added:
            table = site.full_name(self.table, self.schema)
            column = site.quoted(self.column)
            # A new revision would come behind this one, which is never passed.
            return (
                f"Fill it in by hand: UPDATE {table} SET {column} = … WHERE {column} "
                "IS NULL; then run the command again. For other databases, write a "
                f"revision in front of this one: {new} --head DOWN --splice, where "
                "DOWN is the down_revision in the file of this one; then write the id "
                "of the new one there"
            )
        again = " (it is there already: drop it first)" if segment.kept else ""
        return (
            f"This revision adds the column itself. Make three of it: one with "
            f"op.add_column alone{again}; one that fills it in, written by {new}; "
            "and one with op.set_not_null"
        )

    def _postgresql(self, site: Site) -> list[Step]:
        add, validate, set_, drop = self._four(site.dialect)
        valid = self._is_valid(site)
        unvalidated = self._unvalidated(site)
        if unvalidated is not None:
            look = self._validate(site.dialect, unvalidated)
            return [look] if valid is None else [look, drop]
        if self.is_done(site):
            return [] if valid is None else [drop]
        if valid is None:
            return [add, validate, set_, drop]
        return [set_, drop] if valid else [validate, set_, drop]

    def _is_valid(self, site: Site) -> bool | None:
        """Tell whether the CHECK was validated; ``None`` when there is none."""
        found: bool | None = site.scalar(
            "SELECT convalidated FROM pg_constraint WHERE conname = :name "
            "AND contype = 'c' AND conrelid = CAST(:table AS regclass)",
            name=self._proof,
            table=site.full_name(self.table, self.schema),
        )
        return found

    def _unvalidated(self, site: Site) -> str | None:
        """Return the name of PostgreSQL's own NOT NULL that is NOT VALID (since 18).

        The column then passes for NOT NULL, and the rows from before may hold one.
        """
        if site.family != "postgresql":
            return None
        found: str | None = site.scalar(
            "SELECT k.conname FROM pg_constraint k JOIN pg_attribute a "
            "ON a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum] "
            "WHERE k.contype = 'n' AND NOT k.convalidated "
            "AND k.conrelid = CAST(:table AS regclass) AND a.attname = :column",
            table=site.full_name(self.table, self.schema),
            column=self.column,
        )
        return found

    def _four(self, dialect: sa.Dialect) -> list[Step]:
        table = full_name(dialect, self.table, self.schema)
        proof = quoted(dialect, self._proof)
        null = f"{quoted(dialect, self.column)} IS NOT NULL"
        return [
            f"ALTER TABLE {table} ADD CONSTRAINT {proof} CHECK ({null}) NOT VALID",
            self._validate(dialect, self._proof),
            self._alter(dialect),
            f"ALTER TABLE {table} DROP CONSTRAINT {proof}",
        ]

    def _validate(self, dialect: sa.Dialect, constraint: str) -> str:
        table = full_name(dialect, self.table, self.schema)
        return f"ALTER TABLE {table} VALIDATE CONSTRAINT {quoted(dialect, constraint)}"

    @property
    def _proof(self) -> str:
        """The name of the CHECK that stands in while the rows are looked at."""
        return names.of("not_null", self.table, self.column)

    def _natural(self, site: Site) -> list[Step]:
        steps = self._postgresql(site)
        # It goes on with what was begun when the table was larger.
        return [self._alter(site.dialect)] if len(steps) == 4 else steps

    def mend(self, site: Site) -> list[Step]:
        if site.family != "postgresql" or self.is_done(site):
            return []
        drop = self._four(site.dialect)[3]
        return [] if self._is_valid(site) is None else [drop]

    def explain(self, site: Site, error: sa.exc.DBAPIError) -> SchemaError | None:
        if isinstance(error, sa.exc.IntegrityError):
            # Written between the look and the CHECK.
            self._refuse_nulls(site)
        return super().explain(site, error)

    forms = {
        "postgresql": _postgresql,
        "postgresql, small": _natural,
        "mysql": _NotNull._modify,
        "sqlite": _NotNull._rebuild,
    }
    offline = {"postgresql": _four, "mysql": _NotNull._modify_offline}


class DropNotNull(_NotNull):
    """Allow NULL."""

    nullable = True

    def refuse(self, site: Site) -> None:
        inspector = sa.inspect(site.connection)
        key = inspector.get_pk_constraint(self.table, self.schema)
        if self.column in key["constrained_columns"]:
            raise SchemaError(
                "it is part of the primary key, which holds no NULL",
                where=self.where,
                state=self.unchanged,
                next="Leave it out of the revision",
            )

    def _postgresql(self, site: Site) -> list[Step]:
        return [] if self.is_done(site) else [self._alter(site.dialect)]

    forms = {
        "postgresql": _postgresql,
        "postgresql, small": _postgresql,
        "mysql": _NotNull._modify,
        "sqlite": _NotNull._rebuild,
    }
    offline = {
        "postgresql": lambda self, dialect: [self._alter(dialect)],
        "mysql": _NotNull._modify_offline,
    }
