"""``op.add_check_online``."""

from __future__ import annotations

import contextlib
import re
import typing as t

import sqlalchemy as sa
from alembic.operations import ops

from ...backfill import faults
from ...errors import SchemaError
from ...quoting import single_percents
from . import sqlite_constraints
from . import sqlite_text
from . import violations
from .constraint import AddConstraint
from .operation import Step
from .rebuild import rebuilt
from .site import Site

if t.TYPE_CHECKING:
    from .directives.constraints import AddCheckOp

_PROBE = "datamigrate_probe"
_OF_THE_CONDITION = (faults.Fault.STATEMENT, faults.Fault.ROW, faults.Fault.OTHER)

# What MariaDB (the first) and MySQL take in a query, and not in a CHECK: a column with
# AUTO_INCREMENT, a function whose value changes.
_NOT_IN_A_CHECK = (1901, *range(3812, 3819))


class AddCheck(AddConstraint):
    """Add a CHECK constraint."""

    kind = "the check"

    def __init__(self, directive: AddCheckOp) -> None:
        create = directive.create
        super().__init__(
            directive.name,
            str(create.constraint_name),
            create.table_name,
            create.schema,
        )
        self.condition = create.condition

    def element(self, **options: t.Any) -> sa.CheckConstraint:
        return ops.CreateCheckConstraintOp(
            self.constraint,
            self.table,
            self.condition,
            schema=self.schema,
            **options,
        ).to_constraint()

    def refuse(self, site: Site) -> None:
        table = site.full_name(self.table, self.schema)
        with self._understood(site):
            # Nothing stands behind it that the server could show in its message.
            site.run(
                f"SELECT 1 FROM {table} WHERE 1 = 0 AND ({self._sql(site.dialect)})"
            )
        super().refuse(site)

    def violations(self, site: Site) -> violations.Violations | None:
        with self._understood(site):
            return violations.find(
                site, self.table, self.schema, f"NOT ({self._sql(site.dialect)})"
            )

    @contextlib.contextmanager
    def _understood(self, site: Site) -> t.Iterator[None]:
        """Say what is wrong with the condition, and not with what we made of it."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            if faults.classify(error) not in _OF_THE_CONDITION:
                raise
            raise self._not_taken(site, error) from error

    def _not_taken(self, site: Site, error: sa.exc.DBAPIError) -> SchemaError:
        return SchemaError(
            f"the database does not take the condition {self._sql(site.dialect)}: "
            f"{faults.message(error)}",
            where=self.where,
            state=self.unchanged,
            next="Mend the condition in the revision",
        )

    def _sql(self, dialect: sa.Dialect) -> str:
        compiler = dialect.ddl_compiler(dialect, None)  # type: ignore[arg-type]
        sql = compiler.sql_compiler.process(
            self.element().sqltext, include_table=False, literal_binds=True
        )
        return single_percents(dialect, str(sql))

    def is_same(self, site: Site) -> bool:
        there = _definition(site, self.table, self.schema, self.constraint)
        if site.family == "sqlite":
            return there == _plain(self._sql(site.dialect))
        return there == self._probed(site)

    def _probed(self, site: Site) -> str:
        """Let the server write the condition, on an empty copy of the table."""
        table = site.full_name(self.table, self.schema)
        like = f"(LIKE {table})" if site.family == "postgresql" else f"LIKE {table}"
        site.run(f"CREATE TEMPORARY TABLE {_PROBE} {like}")
        try:
            with self._understood(site):
                site.run(
                    f"ALTER TABLE {_PROBE} ADD CONSTRAINT {_PROBE} "
                    f"CHECK ({self._sql(site.dialect)})"
                )
            return _definition(site, _PROBE, None, _PROBE)
        finally:
            # In a transaction that failed there is nothing to drop any more.
            with contextlib.suppress(sa.exc.DBAPIError):
                site.run(f"DROP TABLE {_PROBE}")

    def explain(self, site: Site, error: sa.exc.DBAPIError) -> SchemaError | None:
        explained = super().explain(site, error)
        number = getattr(error.orig, "args", (None,))[0]
        if explained is None and number in _NOT_IN_A_CHECK:
            return self._not_taken(site, error)
        return explained

    def _mysql(self, site: Site) -> list[Step]:
        # The server can only copy the table for it: reads go on, writes wait.
        if self.is_there(site):
            return []
        return [f"{self.added(site.dialect)}, ALGORITHM=COPY, LOCK=SHARED"]

    def _mysql_offline(self, dialect: sa.Dialect) -> list[Step]:
        return [f"{self.added(dialect)}, ALGORITHM=COPY, LOCK=SHARED"]

    def _sqlite(self, site: Site) -> list[Step]:
        if self.is_there(site):
            return []
        return [
            rebuilt(
                self.table,
                self.schema,
                lambda batch: batch.create_check_constraint(
                    # As it is: a naming convention would put its own around it.
                    sa.schema.conv(self.constraint),
                    self.condition,
                ),
                self.where,
            )
        ]

    forms = {
        "postgresql": AddConstraint.postgresql,
        "postgresql, small": AddConstraint.natural,
        "mysql": _mysql,
        "sqlite": _sqlite,
    }
    offline = {"postgresql": AddConstraint.online, "mysql": _mysql_offline}


def _definition(site: Site, table: str, schema: str | None, name: str) -> str:
    """Return the condition of a CHECK as the database has written it down."""
    if site.family == "postgresql":
        return str(
            site.scalar(
                "SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint "
                "WHERE conname = :name AND conrelid = CAST(:table AS regclass)",
                name=name,
                table=site.full_name(table, schema),
            )
        )
    if site.family == "mysql":
        shown = site.rows(f"SHOW CREATE TABLE {site.full_name(table, schema)}")[0][1]
        found = re.search(rf"CONSTRAINT .{re.escape(name)}. (CHECK .*)", shown)
        return found[1].rstrip(",") if found else ""
    sql = sqlite_text.read(site.connection, table, schema)
    check = sqlite_constraints.check(sql, name)
    return _plain(check.condition) if check else ""


def _plain(condition: str) -> str:
    return " ".join(condition.split())
