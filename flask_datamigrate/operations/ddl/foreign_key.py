"""``op.add_foreign_key_online``."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.operations import ops

from ...errors import SchemaError
from . import mysql_columns
from . import referents
from . import sqlite_constraints
from . import violations
from .constraint import AddConstraint
from .generated_index import GeneratedIndex
from .operation import Step
from .rebuild import rebuilt
from .site import Site

if t.TYPE_CHECKING:
    from ...errors import SchemaError
    from .directives.foreign_keys import AddForeignKeyOp

_OTHER = "datamigrate_referent"


class AddForeignKey(AddConstraint):
    """Add a foreign key."""

    kind = "the foreign key"

    def __init__(self, directive: AddForeignKeyOp) -> None:
        create = directive.create
        super().__init__(
            directive.name,
            str(create.constraint_name),
            create.source_table,
            create.kw.get("source_schema"),
        )
        self.local = list(create.local_cols)
        self.referent = create.referent_table
        self.referent_schema = create.kw.get("referent_schema")
        self.remote = list(create.remote_cols)
        self.options = {k: v for k, v in create.kw.items() if v is not None}

    def needs(self) -> list[tuple[str, str | None, t.Sequence[str]]]:
        return [
            (self.table, self.schema, self.local),
            (self.referent, self.referent_schema, self.remote),
        ]

    def _refuse_unequal(self) -> None:
        if len(self.local) != len(self.remote) or not self.local:
            raise self._refused(
                f"it has {len(self.local)} columns ({', '.join(self.local)}) for "
                f"{len(self.remote)} of {self.referent} ({', '.join(self.remote)})",
                "Name as many local_cols as remote_cols, in the same order",
            )

    def _refused(self, what: str, next: str) -> SchemaError:
        return SchemaError(what, where=self.where, state=self.unchanged, next=next)

    def element(self, **options: t.Any) -> sa.Constraint:
        self._refuse_unequal()
        return ops.CreateForeignKeyOp(
            self.constraint,
            self.table,
            self.referent,
            self.local,
            self.remote,
            **self.options,
            **options,
        ).to_constraint()

    def violations(self, site: Site) -> violations.Violations | None:
        pairs = [
            (f"{site.quoted(self.table)}.{site.quoted(mine)}", site.quoted(theirs))
            for mine, theirs in zip(self.local, self.remote, strict=True)
        ]
        known = " AND ".join(f"{mine} IS NOT NULL" for mine, _ in pairs)
        same = " AND ".join(f"{_OTHER}.{theirs} = {mine}" for mine, theirs in pairs)
        referent = site.full_name(self.referent, self.referent_schema)
        return violations.find(
            site,
            self.table,
            self.schema,
            f"{known} AND NOT EXISTS "
            f"(SELECT 1 FROM {referent} AS {_OTHER} WHERE {same})",
        )

    def is_same(self, site: Site) -> bool:
        inspector = sa.inspect(site.connection)
        default = inspector.default_schema_name
        return any(
            self._is_named(site, found)
            and found["constrained_columns"] == self.local
            and found["referred_columns"] == self.remote
            and found["referred_table"] == self.referent
            and (found["referred_schema"] or default)
            == (self.referent_schema or default)
            and _rules(found["options"]) == _rules(self.options)
            for found in inspector.get_foreign_keys(self.table, self.schema)
        )

    def _is_named(self, site: Site, found: t.Mapping[str, t.Any]) -> bool:
        if site.family != "sqlite":
            return bool(found["name"] == self.constraint)
        return any(
            key.name == self.constraint and list(key.columns) == self.local
            for key in sqlite_constraints.foreign_keys(self.sqlite_text(site))
        )

    def refuse(self, site: Site) -> None:
        self._refuse_unequal()
        if not self.is_there(site):
            referents.refuse(
                site,
                (self.table, self.schema, self.local),
                (self.referent, self.referent_schema, self.remote),
                self._refused,
            )
        super().refuse(site)
        if site.family == "mysql" and self.is_there(site):
            # It may have been added by a run that was cut off before it looked.
            self.refuse_rows(site, _UNSEEN)

    def _mysql(self, site: Site) -> list[Step]:
        """Add it in place, which the server does only when it looks at no row."""
        if self.is_there(site):
            return []
        table = site.full_name(self.table, self.schema)
        index = GeneratedIndex(site, self.table, self.schema, self.constraint)

        def add(operations: Operations) -> None:
            index.expect(self.local)
            site.run("SET SESSION foreign_key_checks = 0")
            try:
                site.run(f"{self.added(site.dialect)}, ALGORITHM=INPLACE, LOCK=NONE")
            finally:
                site.run("SET SESSION foreign_key_checks = 1")
                index.settle()

        def look(operations: Operations) -> None:
            if self.violations(site) is not None:
                # Written between the first look and the constraint.
                name = site.quoted(self.constraint)
                site.run(f"ALTER TABLE {table} DROP FOREIGN KEY {name}")
                index.drop()
                self.refuse_rows(site, self.unchanged)

        return [add, look]

    def _mysql_offline(self, dialect: sa.Dialect) -> list[Step]:
        # The server looks at the rows, and copies the table for it.
        return [self.added(dialect)]

    def _sqlite(self, site: Site) -> list[Step]:
        if self.is_there(site):
            return []
        options = {k: v for k, v in self.options.items() if k != "source_schema"}
        return [
            rebuilt(
                self.table,
                self.schema,
                lambda batch: batch.create_foreign_key(
                    # As it is: a naming convention would put its own around it.
                    sa.schema.conv(self.constraint),
                    self.referent,
                    self.local,
                    self.remote,
                    **options,
                ),
                self.where,
            )
        ]

    def explain(self, site: Site, error: sa.exc.DBAPIError) -> SchemaError | None:
        return mysql_columns.not_in_place(
            error, self.where, self.unchanged
        ) or super().explain(site, error)

    forms = {
        "postgresql": AddConstraint.postgresql,
        "postgresql, small": AddConstraint.natural,
        "mysql": _mysql,
        "sqlite": _sqlite,
    }
    offline = {"postgresql": AddConstraint.online, "mysql": _mysql_offline}


_UNSEEN = (
    "The foreign key is there and holds for new rows; these were there before, and the "
    "run that added it was cut off before it looked"
)


def _rules(options: t.Mapping[str, t.Any]) -> tuple[t.Any, ...]:
    """Return what a foreign key does, in one spelling."""
    # To InnoDB, and where nothing is deferred, RESTRICT and NO ACTION are one.
    none = ("", "NO ACTION", "RESTRICT")
    spelt = [str(options.get(n) or "").upper() for n in ("onupdate", "ondelete")]
    actions = ["" if action in none else action for action in spelt]
    initially = (options.get("initially") or "IMMEDIATE").upper()
    return (*actions, bool(options.get("deferrable")), initially)
