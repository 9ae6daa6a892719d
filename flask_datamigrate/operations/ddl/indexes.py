"""``op.create_index_online`` and ``op.drop_index_online``.

CREATE INDEX CONCURRENTLY cannot run in a transaction, and leaves an index marked
INVALID when it fails or is cut off: it serves no query, but is kept up to date, and
an unique one refuses rows. It is dropped and built again.
https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
"""

from __future__ import annotations

import contextlib
import re
import typing as t

import sqlalchemy as sa
from alembic.operations.ops import CreateIndexOp
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import UnaryExpression

from ...dialects import family
from ...errors import SchemaError
from ...quoting import full_name
from ...quoting import quoted
from ...quoting import single_percents
from .. import configured
from . import duplicates
from . import index_catalog
from . import mysql_columns
from .operation import Operation
from .operation import Step
from .site import Site

if t.TYPE_CHECKING:
    from .directives.indexes import IndexOp

_DIRECTION = re.compile(r"\s+(ASC|DESC)?(\s+NULLS\s+\w+)?\s*$", re.IGNORECASE)


class _Index(Operation):
    def __init__(self, directive: IndexOp) -> None:
        super().__init__(directive.name, directive.table, directive.schema)
        self.index_name = directive.index_name
        self.columns = directive.columns
        self.unique = directive.unique
        self.options = directive.options

    @property
    def where(self) -> str:
        table = self.full_name(self.table, self.schema)
        return f"op.{self.name}, index {self.index_name} of {table}"

    def _drop(self, dialect: sa.Dialect, how: str = "") -> str:
        if family(dialect) == "mysql":
            table = full_name(dialect, self.table, self.schema)
            name = quoted(dialect, self.index_name)
            return (
                f"ALTER TABLE {table} DROP INDEX {name}, ALGORITHM=INPLACE, LOCK=NONE"
            )
        return f"DROP INDEX {how}{full_name(dialect, self.index_name, self.schema)}"

    def _refused(self, what: str, next: str) -> SchemaError:
        return SchemaError(what, where=self.where, state=self.unchanged, next=next)

    def _refuse_partitioned(self, site: Site) -> None:
        kind = site.family == "postgresql" and index_catalog.kind_of_table(
            site, self.table, self.schema
        )
        if kind == "p":
            raise self._refused(
                "the table is partitioned, and PostgreSQL does nothing concurrently "
                "there",
                "Create the index on each partition online, then on the table with "
                "op.create_index, which takes them over",
            )

    def _unhurried(self, site: Site, *statements: str) -> Step:
        """Return a step that may wait long, since nobody waits behind it.

        CONCURRENTLY waits for each transaction that was open before it; what it
        locks meanwhile keeps out other schema changes only. A time limit on
        statements is for the app's, not for the build of an index.
        """

        def step(_: t.Any) -> None:
            before = site.scalar("SELECT current_setting('statement_timeout')")
            site.run("SET statement_timeout = 0")
            site.run(_long_wait())
            try:
                for statement in statements:
                    self.run(site, statement)
            finally:
                with contextlib.suppress(sa.exc.DBAPIError):
                    site.run(f"SET statement_timeout = '{before}'")

        return step


class CreateIndex(_Index):
    """Create an index."""

    def needs(self) -> list[tuple[str, str | None, t.Sequence[str]]]:
        columns = [part for part in self.columns or () if isinstance(part, str)]
        return [(self.table, self.schema, columns)]

    def refuse(self, site: Site) -> None:
        self._refuse_partitioned(site)
        self._refuse_partial(site.dialect)
        if site.is_mariadb and self._expressions():
            raise self._refused(
                f"MariaDB has no index on an expression ({self._expressions()[0]})",
                "Add a generated column with that expression, and index it",
            )
        found = index_catalog.find(site, self.index_name, self.table, self.schema)
        if found is not None and found.table != self.table:
            raise self._refused(
                f"{self.index_name} is the name of another "
                f"{'index' if found.table else 'object'} already"
                + (f", of table {found.table}" if found.table else ""),
                "Give the index another name",
            )
        if found is not None and found.valid and not self._is_same(site):
            raise self._refused(
                f"there is an index of that name with another definition "
                f"({found.definition})",
                "Give the new one another name, or drop the old one in front: "
                f'op.drop_index_online("{self.index_name}", "{self.table}")',
            )
        if found is None and self.unique and site.form == "postgresql, small":
            # Inside of the transaction, nothing can be asked once it failed.
            self._refuse_duplicates(site)

    def _refuse_partial(self, dialect: sa.Dialect) -> None:
        """Refuse to make rows unique that were to be left out."""
        partial = any(name.endswith("_where") for name in self.options)
        if self.unique and partial and family(dialect) == "mysql":
            raise self._refused(
                "MariaDB and MySQL have no partial indexes, and without its condition "
                "the index would refuse rows that it was to leave out",
                "Add a generated column that is NULL for those rows, and make that one "
                "unique",
            )

    def _refuse_duplicates(self, site: Site) -> None:
        where = self.options.get(f"{site.family}_where")
        found = duplicates.find(
            site,
            sa.table(self.table, schema=self.schema),
            [
                _DIRECTION.sub("", self._sql(site.dialect, part))
                for part in self._parts()
            ],
            None if where is None else self._sql(site.dialect, where),
            nulls_differ=not self.options.get("postgresql_nulls_not_distinct"),
        )
        if found:
            raise self._refused(
                f"the rows are not unique: {found}",
                "Merge or delete them, and run the same command again",
            )

    def _postgresql(self, site: Site) -> list[Step]:
        found = index_catalog.find(site, self.index_name, self.table, self.schema)
        if found is not None and found.valid:
            return []
        builder = index_catalog.builder(site, self.index_name, self.schema)
        if builder:
            raise self._refused(
                f"another session is building it ({builder}), maybe one of an upgrade "
                "that was killed: the server goes on by itself",
                "Wait for it, and run the same command again",
            )
        create = self._create(site.dialect, concurrently=True)
        drop = self._drop(site.dialect, "CONCURRENTLY IF EXISTS ")

        def build(_: t.Any) -> None:
            try:
                self._call(site, drop, create)
            except sa.exc.DBAPIError as error:
                if not error.connection_invalidated:
                    # What is left serves nobody. If it cannot be dropped either, the
                    # next run does.
                    with contextlib.suppress(sa.exc.DBAPIError):
                        self._call(site, drop)
                raise

        return [build]

    def _call(self, site: Site, *statements: str) -> None:
        step = self._unhurried(site, *statements)
        assert callable(step)
        step(t.cast(t.Any, None))

    def _natural(self, site: Site) -> list[Step]:
        found = index_catalog.find(site, self.index_name, self.table, self.schema)
        if found is not None and found.valid:
            return []
        drop = [] if found is None else [self._drop(site.dialect)]
        return [*drop, self._create(site.dialect)]

    def _plain(self, site: Site) -> list[Step]:
        found = index_catalog.find(site, self.index_name, self.table, self.schema)
        how = " ALGORITHM=INPLACE LOCK=NONE" if site.family == "mysql" else ""
        return [] if found is not None else [self._create(site.dialect) + how]

    def _offline(self, dialect: sa.Dialect) -> list[Step]:
        self._refuse_partial(dialect)
        how = " ALGORITHM=INPLACE LOCK=NONE" if family(dialect) == "mysql" else ""
        return [self._create(dialect) + how]

    def _concurrently_offline(self, dialect: sa.Dialect) -> list[Step]:
        return [_long_wait(), self._create(dialect, concurrently=True)]

    def explain(self, site: Site, error: sa.exc.DBAPIError) -> SchemaError | None:
        if self.unique and isinstance(error, sa.exc.IntegrityError):
            self._refuse_duplicates(site)
        return mysql_columns.not_in_place(error, self.where, self.unchanged)

    def _is_same(self, site: Site) -> bool:
        if site.family == "postgresql":
            create = self._create(
                site.dialect, table=index_catalog.PROBE, schema=index_catalog.TEMPORARY
            )
            return index_catalog.is_same_on_postgresql(
                site, self.index_name, self.table, self.schema, create
            )
        if site.family == "sqlite":
            return index_catalog.is_same_on_sqlite(
                site, self.index_name, self.table, self.schema, self._index()
            )
        return index_catalog.is_same_on_mysql(
            site, self.index_name, self.table, self.schema, self._index()
        )

    def _create(
        self,
        dialect: sa.Dialect,
        *,
        concurrently: bool = False,
        table: str | None = None,
        schema: str | None = None,
    ) -> str:
        index = self._index(table, schema, postgresql_concurrently=concurrently)
        sql = str(sa.schema.CreateIndex(index).compile(dialect=dialect))
        return single_percents(dialect, sql)

    def _index(
        self, table: str | None = None, schema: str | None = None, **more: t.Any
    ) -> sa.Index:
        options = {**self.options, **{k: v for k, v in more.items() if v}}
        index = CreateIndexOp(
            self.index_name,
            table or self.table,
            list(self.columns or ()),
            schema=schema or self.schema,
            unique=self.unique,
            **options,
        ).to_index()
        assert index.table is not None
        for column in options.get("postgresql_include") or ():
            if column not in index.table.c:
                index.table.append_column(sa.Column(column, sa.types.NullType))
        return index

    def _parts(self) -> list[t.Any]:
        """Return the index's expressions without their direction."""
        parts: list[t.Any] = []
        for part in self.columns or ():
            while isinstance(part, UnaryExpression) and part.modifier in (
                operators.asc_op,
                operators.desc_op,
                operators.nulls_first_op,
                operators.nulls_last_op,
            ):
                part = part.element
            parts.append(sa.column(part) if isinstance(part, str) else part)
        return parts

    def _expressions(self) -> list[t.Any]:
        return [part for part in self._parts() if not isinstance(part, sa.ColumnClause)]

    def _sql(self, dialect: sa.Dialect, part: t.Any) -> str:
        if isinstance(part, str):
            return part
        options = {"literal_binds": True, "include_table": False}
        sql = str(part.compile(dialect=dialect, compile_kwargs=options))
        return single_percents(dialect, sql)

    forms = {
        "postgresql": _postgresql,
        "postgresql, small": _natural,
        "mysql": _plain,
        "sqlite": _plain,
    }
    offline = {
        "postgresql": _concurrently_offline,
        "mysql": _offline,
        "sqlite": _offline,
    }


class DropIndex(_Index):
    """Drop an index."""

    def refuse(self, site: Site) -> None:
        self._refuse_partitioned(site)
        found = index_catalog.find(site, self.index_name, self.table, self.schema)
        if found is None:
            return
        if found.table != self.table:
            raise self._refused(
                f"{self.index_name} is "
                + (f"an index of table {found.table}" if found.table else "no index"),
                "Mend the name in the revision",
            )
        if found.constraint:
            raise self._refused(
                f"it belongs to the constraint {found.constraint}",
                f'Drop that: op.drop_constraint("{found.constraint}", "{self.table}")',
            )

    def steps(self, site: Site) -> list[Step]:
        found = index_catalog.find(site, self.index_name, self.table, self.schema)
        return [] if found is None else super().steps(site)

    def _concurrently(self, site: Site) -> list[Step]:
        return [self._unhurried(site, self._drop(site.dialect, "CONCURRENTLY "))]

    def _plain(self, site: Site) -> list[Step]:
        return self._plain_offline(site.dialect)

    def _plain_offline(self, dialect: sa.Dialect) -> list[Step]:
        return [self._drop(dialect)]

    def _concurrently_offline(self, dialect: sa.Dialect) -> list[Step]:
        return [_long_wait(), self._drop(dialect, "CONCURRENTLY ")]

    def explain(self, site: Site, error: sa.exc.DBAPIError) -> SchemaError | None:
        return mysql_columns.not_in_place(error, self.where, self.unchanged)

    forms = {
        "postgresql": _concurrently,
        "postgresql, small": _plain,
        "mysql": _plain,
        "sqlite": _plain,
    }
    offline = {
        "postgresql": _concurrently_offline,
        "mysql": _plain_offline,
        "sqlite": _plain_offline,
    }


def _long_wait() -> str:
    seconds = max(1.0, configured.settings().ddl_retry_seconds)
    return f"SET lock_timeout = '{seconds * 1000:.0f}ms'"
