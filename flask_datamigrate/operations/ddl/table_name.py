"""The name of a table, and a view that goes by the old one while old code runs.

No row moves. On PostgreSQL the rename and the view are one statement. MariaDB and MySQL
rename tables and views in one statement, but know a view's table by its name, which has
to be there already: an empty table bears it until the swap.
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ...dialects import family
from ...errors import OfflineError
from ...errors import SchemaError
from ...quoting import full_name
from ...quoting import quoted
from . import archive_names
from . import index_names
from . import names
from . import table_grants
from .operation import Operation
from .operation import Step
from .site import Site

if t.TYPE_CHECKING:
    from .directives.tables import RenamingOp
    from .directives.tables import TableNameOp

_TAG = "flask-datamigrate: empty, for the length of a rename"
"""The comment of the table that bears the new name until the swap."""

_KIND = {
    "postgresql": "SELECT CASE WHEN relkind IN ('r', 'p') THEN 'table' "
    "WHEN relkind = 'v' THEN 'view' ELSE 'relation' END FROM pg_class "
    "WHERE oid = to_regclass(:full)",
    "mysql": "SELECT CASE table_type WHEN 'BASE TABLE' THEN 'table' "
    "WHEN 'VIEW' THEN 'view' ELSE 'relation' END FROM information_schema.tables "
    "WHERE table_schema = coalesce(:schema, database()) AND table_name = :name",
    "sqlite": "SELECT type FROM {space}sqlite_master "
    "WHERE type IN ('table', 'view') AND lower(name) = lower(:name)",
}
_TRIGGER = {
    "postgresql": "SELECT min(tgname) FROM pg_trigger WHERE NOT tgisinternal "
    "AND tgrelid = to_regclass(:full) AND tgname LIKE 'datamigrate\\_%'",
    "mysql": "SELECT min(trigger_name) FROM information_schema.triggers "
    "WHERE trigger_schema = coalesce(:schema, database()) "
    "AND event_object_table = :name AND trigger_name LIKE 'datamigrate\\_%'",
    "sqlite": "SELECT min(name) FROM {space}sqlite_master WHERE type = 'trigger' "
    "AND lower(tbl_name) = lower(:name) AND name LIKE 'datamigrate\\_%' ESCAPE '\\'",
}


def _at_once(*statements: t.Any) -> str:
    """Spell statements of PostgreSQL as one, whatever transaction there is."""
    return f"DO $datamigrate$ BEGIN {'; '.join(statements)}; END $datamigrate$"


class _TableName(Operation):
    """An operation on a table with two names."""

    def __init__(self, directive: TableNameOp, table: str) -> None:
        super().__init__(directive.name, table, directive.schema)
        self.old = directive.old
        self.new = directive.new

    def kind(self, site: Site, name: str) -> str:
        """Return what goes by a name: ``table``, ``view``, ``relation`` or ""."""
        return str(self._ask(site, _KIND, name) or "")

    def _ask(self, site: Site, queries: t.Mapping[str, str], name: str) -> t.Any:
        space = "" if self.schema is None else f"{site.quoted(self.schema)}."
        sql = queries[site.family].format(space=space)
        given = {
            "full": site.full_name(name, self.schema),
            "schema": self.schema,
            "name": name,
        }
        return site.scalar(sql, **{k: v for k, v in given.items() if f":{k}" in sql})

    def full(self, dialect: sa.Dialect, name: str) -> str:
        return full_name(dialect, name, self.schema)

    def error(self, what: str, next: str) -> SchemaError:
        return SchemaError(what, where=self.where, state=self.unchanged, next=next)

    def view(self, dialect: sa.Dialect, columns: str, name: str = "") -> str:
        """Spell the view of the table by its new name."""
        return (
            f"CREATE VIEW {self.full(dialect, name or self.old)} AS "
            f"SELECT {columns} FROM {self.full(dialect, self.new)}"
        )

    def columns(self, site: Site, table: str) -> str:
        found = site.columns(table, self.schema)
        return ", ".join(site.quoted(name) for name in found)


class _Renaming(_TableName):
    def __init__(self, directive: RenamingOp, table: str) -> None:
        super().__init__(directive, table)
        self.indexes = directive.indexes
        self.spare = names.of("spare", self.old)
        self.aside = names.of("old_name", self.old)

    def check_triggers(self, site: Site, table: str) -> None:
        trigger = self._ask(site, _TRIGGER, table)
        if trigger:
            raise self.error(
                f"the trigger {trigger} of this package is found by the table's name",
                "Finish its change first (op.drop_sync), or drop it before the rename "
                "and make it again behind it (op.drop_updated_at_trigger)",
            )

    def check_archives(self, site: Site, table: str, later: str) -> None:
        name = archive_names.taken(site, table, later, self.schema)
        if name:
            raise self.error(
                f"the archive of a column would become {name}, which is there already, "
                "of another table by that name",
                "Restore that first, or drop it, and its row in datamigrate_ddl",
            )

    def pairs(self, back: bool) -> dict[str, str]:
        """Return the new names of the indexes by those they have."""
        if back:
            return {new: old for old, new in self.indexes.items()}
        return self.indexes

    def renamed(self, dialect: sa.Dialect, old: str, new: str) -> str:
        return f"ALTER TABLE {self.full(dialect, old)} RENAME TO " + (
            quoted(dialect, new)
        )

    def swapped(self, dialect: sa.Dialect, *pairs: tuple[str, str]) -> str:
        """Spell the renames of tables and views in one statement of MariaDB."""
        listed = ", ".join(
            f"{self.full(dialect, old)} TO {self.full(dialect, new)}"
            for old, new in pairs
        )
        return f"RENAME TABLE {listed}"

    def dropped(self, dialect: sa.Dialect, kind: str, name: str) -> str:
        return f"DROP {kind} IF EXISTS {self.full(dialect, name)}"

    def offline_indexes(self, dialect: sa.Dialect, table: str, back: bool) -> list[str]:
        pairs = self.pairs(back)
        if dialect.name == "sqlite" and pairs:
            raise OfflineError(
                "on SQLite an index gets another name by being made again as the "
                "database has it, and --sql has no database",
                where=self.where,
                state="The script written so far is incomplete",
                next="Run the upgrade without --sql",
            )
        return index_names.renamed(dialect, table, self.schema, pairs)


class RenameTable(_Renaming):
    """Rename a table, and leave a view by the old name."""

    def __init__(self, directive: RenamingOp) -> None:
        super().__init__(directive, directive.old)

    def missing(self, site: Site) -> str:
        old, new = self.kind(site, self.old), self.kind(site, self.new)
        if old == "table" or (old == "view" and new == "table"):
            return ""
        if site.family == "sqlite" and not old and new == "table":
            return ""
        return f"there is no table {self.full_name(self.old, self.schema)}"

    def refuse(self, site: Site) -> None:
        if self.kind(site, self.old) != "table":
            return
        if site.family != "postgresql" and self.old.lower() == self.new.lower():
            raise self.error(
                "the names differ in case alone, and cannot be told apart on every "
                "server",
                "Choose another name",
            )
        found = self.kind(site, self.new)
        if found and not self._is_ours(site):
            raise self.error(
                f"there is a {found} {self.new} already",
                "Rename or drop it, and run the same command again",
            )
        self.check_triggers(site, self.old)
        self.check_archives(site, self.old, self.new)
        if site.family == "postgresql" and table_grants.has_policies(
            site, self.old, self.schema
        ):
            raise self.error(
                "row security is on for it, and a view by the old name would pass "
                "over that",
                "Rename it by hand while the app stands still",
            )

    def _is_ours(self, site: Site) -> bool:
        """Tell whether the new name is that of what a run that was cut off left."""
        return site.family == "mysql" and bool(
            site.rows(
                "SELECT 1 FROM information_schema.tables WHERE table_name = :name "
                "AND table_schema = coalesce(:schema, database()) "
                "AND table_comment = :tag",
                name=self.new,
                schema=self.schema,
                tag=_TAG,
            )
        )

    def _on_postgresql(self, site: Site) -> list[Step]:
        if self.kind(site, self.old) != "table":
            return []
        view = self.view(site.dialect, self.columns(site, self.old))
        granted = table_grants.statements(site, self.old, self.schema)
        renamed = self.renamed(site.dialect, self.old, self.new)
        following = self._following(site, self.old)
        return [_at_once(renamed, view, *granted, *following)]

    def _on_mysql(self, site: Site) -> list[Step]:
        if self.kind(site, self.old) != "table":
            left = [] if not self.kind(site, self.spare) else [self._last(site.dialect)]
            return [*left, *self._following(site, self.new)]
        columns = self.columns(site, self.old)
        steps = self._swap(site.dialect, columns)
        if self.kind(site, self.new):
            del steps[0]
        return [*steps, *self._following(site, self.old)]

    def _swap(self, dialect: sa.Dialect, columns: str) -> list[Step]:
        old, new, aside = self.old, self.new, self.aside
        view = self.view(dialect, columns, aside)
        return [
            f"CREATE TABLE {self.full(dialect, new)} COMMENT = '{_TAG}' "
            f"AS SELECT {columns} FROM {self.full(dialect, old)} WHERE 1 = 0",
            view.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1),
            self.swapped(dialect, (new, self.spare), (old, new), (aside, old)),
            self._last(dialect),
        ]

    def _last(self, dialect: sa.Dialect) -> str:
        return self.dropped(dialect, "TABLE", self.spare)

    def _on_sqlite(self, site: Site) -> list[Step]:
        if self.kind(site, self.old) != "table":
            return [*self._following(site, self.new)]
        return [
            self.renamed(site.dialect, self.old, self.new),
            *self._following(site, self.old),
        ]

    def _following(self, site: Site, table: str) -> list[Step]:
        pairs = self.pairs(back=False)
        return [
            *index_names.steps(site, table, self.new, self.schema, pairs),
            *archive_names.steps(site, self.old, self.new, self.schema),
        ]

    forms = {
        "postgresql": _on_postgresql,
        "postgresql, small": _on_postgresql,
        "mysql": _on_mysql,
        "sqlite": _on_sqlite,
    }

    def _offline(self, dialect: sa.Dialect) -> list[Step]:
        renamed = self.renamed(dialect, self.old, self.new)
        indexes = self.offline_indexes(dialect, self.new, back=False)
        kind = family(dialect)
        if kind == "postgresql":
            return [_at_once(renamed, self.view(dialect, "*"), *indexes)]
        made = self._swap(dialect, "*") if kind == "mysql" else [renamed]
        return [*made, *indexes]

    offline = dict.fromkeys(_KIND, _offline)


class RenameTableBack(_Renaming):
    """Give the table its old name, in the place of the view."""

    def __init__(self, directive: RenamingOp) -> None:
        super().__init__(directive, directive.new)

    def missing(self, site: Site) -> str:
        if self.kind(site, self.new) == "table" or self.kind(site, self.old) == "table":
            return ""
        return f"there is no table {self.full_name(self.new, self.schema)}"

    def refuse(self, site: Site) -> None:
        if self.kind(site, self.new) != "table":
            return
        found = self.kind(site, self.old)
        if found not in ("", "view"):
            raise self.error(
                f"there is a {found} {self.old} already",
                "Rename or drop it, and run the same command again",
            )
        self.check_triggers(site, self.new)
        self.check_archives(site, self.new, self.old)

    def steps(self, site: Site) -> list[Step]:
        done = self.kind(site, self.new) != "table"
        pairs = self.pairs(back=True)
        table = self.old if done else self.new
        following = [
            *index_names.steps(site, table, self.old, self.schema, pairs),
            *archive_names.steps(site, self.new, self.old, self.schema),
        ]
        if not done:
            found = self.kind(site, self.old)
            return self._back(site.dialect, found, following)
        if site.family == "postgresql":
            return []
        left = self.kind(site, self.aside) == "view"
        return [
            *([self.dropped(site.dialect, "VIEW", self.aside)] if left else []),
            *following,
        ]

    def _back(
        self, dialect: sa.Dialect, found: str, following: t.Sequence[Step]
    ) -> list[Step]:
        """Return the steps, where there is the table by its new name.

        :param found: what goes by the old name.
        :param following: what gets another name with it.
        """
        kind = family(dialect)
        old, new = self.old, self.new
        back = self.renamed(dialect, new, old)
        if kind == "mysql":
            last = [self.dropped(dialect, "TABLE", self.spare)]
            if found:
                swap = self.swapped(dialect, (old, self.aside), (new, old))
                view = self.dropped(dialect, "VIEW", self.aside)
                return [*last, swap, view, *following]
            return [*last, back, *following]
        drop = self.dropped(dialect, "VIEW", old)
        if kind == "postgresql":
            return [_at_once(drop, back, *following)]
        return [drop, back, *following] if found else [back, *following]

    def _offline(self, dialect: sa.Dialect) -> list[Step]:
        found = "" if family(dialect) == "sqlite" else "view"
        indexes = self.offline_indexes(dialect, self.old, back=True)
        return self._back(dialect, found, indexes)

    offline = dict.fromkeys(_KIND, _offline)


class _OldName(_TableName):
    def __init__(self, directive: TableNameOp) -> None:
        super().__init__(directive, directive.new)

    def refuse(self, site: Site) -> None:
        found = self.kind(site, self.old)
        if found not in ("", "view"):
            raise self.error(
                f"{self.old} is a {found}, and not the view that "
                "op.rename_table_online leaves",
                "Mend the name in the revision",
            )


class DropOldName(_OldName):
    """Drop the view."""

    def steps(self, site: Site) -> list[Step]:
        return self._dropped(site.dialect) if self.kind(site, self.old) else []

    def _dropped(self, dialect: sa.Dialect) -> list[Step]:
        return [f"DROP VIEW {self.full(dialect, self.old)}"]

    def _nothing(self, dialect: sa.Dialect) -> list[Step]:
        return []

    offline = {"postgresql": _dropped, "mysql": _dropped, "sqlite": _nothing}


class RestoreOldName(_OldName):
    """Make the view again."""

    def steps(self, site: Site) -> list[Step]:
        if site.family == "sqlite" or self.kind(site, self.old):
            return []
        view = self.view(site.dialect, self.columns(site, self.new))
        if site.family == "mysql":
            return [view]
        granted = table_grants.statements(site, self.new, self.schema, view=self.old)
        return [_at_once(view, *granted)]

    def _offline(self, dialect: sa.Dialect) -> list[Step]:
        return [self.view(dialect, "*")]

    def _nothing(self, dialect: sa.Dialect) -> list[Step]:
        return []

    offline = {"postgresql": _offline, "mysql": _offline, "sqlite": _nothing}
