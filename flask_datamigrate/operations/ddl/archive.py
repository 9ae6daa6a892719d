"""``op.archive_column``: the values are copied while the app runs, then it is dropped.

The position it was cut off at is in what there is: a note of the column's definition,
the side table with the triggers that keep it up to date, and the column itself.
"""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as insert_on_postgresql

from ...backfill.connections import begin_immediate
from ...counting import counted
from ...errors import OfflineError
from ...errors import SchemaError
from . import dependents
from . import key_ranges
from .archived import Archived
from .notes import Notes
from .operation import Operation
from .operation import Step
from .site import Site

if t.TYPE_CHECKING:
    from .directives.archives import ArchiveOp

COPYING = "copying"
ARCHIVED = "archived"
RESTORING = "restoring"
RESTORED = "restored"


class ArchiveOperation(Operation):
    """What archiving a column and restoring it have in common."""

    def __init__(self, directive: ArchiveOp) -> None:
        super().__init__(directive.name, directive.table, directive.schema)
        self.column = directive.column

    @property
    def where(self) -> str:
        table = self.full_name(self.table, self.schema)
        return f"op.{self.name}, column {table}.{self.column}"

    def archived(self, site: Site) -> Archived:
        return Archived(site, self.table, self.schema, self.column)

    def note(self, site: Site) -> dict[str, t.Any] | None:
        return Notes(site, self.schema).get(self.archived(site).name)

    def noted(self, site: Site, state: str, definition: t.Mapping[str, t.Any]) -> Step:
        """Return the step that writes down where it is."""
        name = self.archived(site).name
        detail = {**definition, "state": state, "column": self.column}
        detail["table"] = self.full_name(self.table, self.schema)
        return lambda _: Notes(site, self.schema).put(name, **detail)

    def refused(self, what: str, next: str, state: str = "") -> SchemaError:
        return SchemaError(
            what, where=self.where, state=state or self.unchanged, next=next
        )

    def _refuse_offline(self, dialect: sa.Dialect) -> list[Step]:
        raise OfflineError(
            "it keeps values that only the database has, and --sql has no database",
            where=self.where,
            state="The script written so far is incomplete",
            next="Run it without --sql",
        )

    offline = dict.fromkeys(("postgresql", "mysql", "sqlite"), _refuse_offline)


class ArchiveColumn(ArchiveOperation):
    """Drop a column, and keep its values."""

    def refuse(self, site: Site) -> None:
        archived = self.archived(site)
        state = (self.note(site) or {}).get("state")
        if not archived.exists:
            if state is None:
                raise self.refused(
                    f"there is no column {self.column}", "Mend the name in the revision"
                )
            return
        if state not in (None, COPYING):
            raise self.refused(
                f"an archive of such a column exists already, in table {archived.name} "
                f"({state}), and was not restored",
                f"Restore it first, by a downgrade or op.restore_column; or, to give "
                f"its values up, drop the table {archived.name} and its row in "
                "datamigrate_ddl",
            )
        if not archived.key:
            raise self.refused(
                "the table has no primary key, so no value could be put back",
                "Give it one, or use op.drop_column",
            )
        if self.column in archived.key:
            raise self.refused(
                "it is part of the primary key, by which values are put back",
                "Leave it in",
            )
        needed = dependents.of_column(site, self.table, self.schema, self.column)
        if needed:
            raise self.refused(
                f"it is needed by {'; '.join(needed)}",
                "Drop that in front, by a directive whose downgrade makes it again "
                "(op.drop_index_online, op.drop_constraint)",
            )

    def is_online(self, site: Site) -> bool:
        return site.family == "postgresql" and not self._is_at_once(site)

    def _is_at_once(self, site: Site) -> bool:
        """Tell whether all is done in the transaction that writes the version."""
        if not self.archived(site).exists:
            return True
        return site.form == "sqlite" or (
            site.form == "postgresql, small" and self.note(site) is None
        )

    def steps(self, site: Site) -> list[Step]:
        archived = self.archived(site)
        note = self.note(site)
        if not archived.exists:
            # Only the note may be behind.
            done = note is not None and note["state"] == ARCHIVED
            return [] if done else [self.noted(site, ARCHIVED, note or {})]
        if self._is_at_once(site):
            return self._at_once(site, archived)
        definition = note or archived.definition()
        steps: list[Step] = [
            self.noted(site, COPYING, definition),
            lambda _: self._prepare(archived),
            lambda _: self._copy(archived),
            lambda _: self._drop(archived),
        ]
        if site.family == "mysql":
            steps.append(self.noted(site, ARCHIVED, definition))
        return steps

    def _at_once(self, site: Site, archived: Archived) -> list[Step]:
        first: Step = f"LOCK TABLE {archived.table_sql} IN ACCESS EXCLUSIVE MODE"
        if site.family == "sqlite":
            first = lambda _: begin_immediate(site.connection)  # noqa: E731
        return [
            first,
            self.noted(site, ARCHIVED, archived.definition()),
            *archived.create_side(filled=True),
            archived.drop_column(),
        ]

    def _prepare(self, archived: Archived) -> None:
        """Make the side table and the triggers; begin anew if one was missing.

        Without them a value that was copied may have changed since.
        """
        if archived.has_triggers:
            return
        anew = [
            *archived.drop_triggers(),
            archived.drop_side(),
            *archived.create_side(filled=False),
            *archived.create_triggers(),
        ]
        if archived.site.family == "postgresql":
            # Sent together they are one transaction.
            anew = ["; ".join(anew)]
        for sql in anew:
            _run(archived.site, sql)

    def _copy(self, archived: Archived) -> None:
        names = [column.name for column in archived.side.columns]
        source = archived.rows
        values = sa.select(*archived.key_columns, source.c[self.column])

        def copy(condition: sa.ColumnElement[bool]) -> sa.Executable:
            query = values.where(condition)
            if archived.site.family == "postgresql":
                return (
                    insert_on_postgresql(archived.side)
                    .from_select(names, query)
                    .on_conflict_do_nothing()
                )
            insert = sa.insert(archived.side).prefix_with("IGNORE")
            return insert.from_select(names, query)

        key_ranges.execute(archived.site, archived.key_columns, copy)
        self._refuse_missing(archived)

    def _refuse_missing(self, archived: Archived) -> None:
        missing = archived.site.scalar(
            sa.select(sa.func.count())
            .select_from(archived.rows)
            .where(~archived.kept())
        )
        if missing:
            raise self.refused(
                f"the side table {archived.name} lacks {counted(missing, 'row')}, "
                "though triggers enter them",
                "See whether triggers are disabled for a session or the table",
                "The column is as it was",
            )

    def _drop(self, archived: Archived) -> None:
        site = archived.site
        if site.family == "postgresql":
            _run(site, "; ".join([archived.drop_column(), *archived.drop_triggers()]))
            return
        # Its DDL is not transactional: without the lock, rows written between two
        # of these would lose their values, or be refused.
        _run(site, f"LOCK TABLES {archived.table_sql} WRITE")
        try:
            for sql in (*archived.drop_triggers(), archived.drop_column()):
                _run(site, sql)
        finally:
            with contextlib.suppress(sa.exc.DBAPIError):
                _run(site, "UNLOCK TABLES")


def _run(site: Site, sql: str) -> None:
    site.connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
