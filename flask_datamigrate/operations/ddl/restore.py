"""``op.restore_column``: an archived column is made again, with every value."""

from __future__ import annotations

import logging
import typing as t

import sqlalchemy as sa

from ...backfill.connections import begin_immediate
from ..log import LOGGER
from . import key_ranges
from . import sqlite_text
from . import value_lists
from . import violations
from .archive import COPYING
from .archive import RESTORED
from .archive import RESTORING
from .archive import ArchiveOperation
from .archived import VALUE
from .archived import Archived
from .notes import Notes
from .operation import Step
from .site import Site

_logger = logging.getLogger(LOGGER)

_Definition = t.Mapping[str, t.Any]


class RestoreColumn(ArchiveOperation):
    """Make a column again, with the values it had."""

    def refuse(self, site: Site) -> None:
        note = self.note(site)
        exists = self.archived(site).exists
        if note is None and not exists:
            raise self.refused(
                "no such column was archived (op.archive_column)",
                "Use op.add_column",
            )
        if note is not None and exists and note["state"] not in (RESTORING, RESTORED):
            raise self.refused(
                "it was archived "
                + ("in part" if note["state"] == COPYING else "")
                + f"to {self.archived(site).name}, and a column of that name exists",
                "Let the upgrade end first, or rename that column",
            )

    def is_online(self, site: Site) -> bool:
        note = self.note(site) or {}
        if site.family != "postgresql" or note.get("state") == RESTORED:
            return False
        return site.form == "postgresql" or note.get("state") == RESTORING

    def steps(self, site: Site) -> list[Step]:
        note = self.note(site)
        if note is None:
            _logger.warning(
                "%s: nothing is archived, and the column is there; it is left as it is",
                self.where,
            )
            return []
        archived = self.archived(site)
        end: list[Step] = [
            archived.drop_side(),
            lambda _: Notes(site, self.schema).drop(archived.name),
        ]
        if note["state"] == RESTORED:
            return end
        steps: list[Step] = [
            lambda _: self._add(archived, note),
            lambda _: self._fill(archived, note),
            lambda _: self._finish(archived, note),
        ]
        if site.family == "sqlite":
            return [lambda _: begin_immediate(site.connection), *steps, *end]
        if site.form == "postgresql, small" and not self.is_online(site):
            return [*steps, *end]
        steps = [
            self.noted(site, RESTORING, note),
            *steps,
            self.noted(site, RESTORED, note),
        ]
        return [*steps, *end] if site.family == "mysql" else steps

    def _add(self, archived: Archived, was: _Definition) -> None:
        """Add the column without values; new rows get the default from the start."""
        if archived.exists:
            return
        site, column = archived.site, archived.column_sql
        alter = f"ALTER TABLE {archived.table_sql}"
        if site.family == "mysql":
            there = site.columns(self.table, self.schema)
            after = was["after"]
            place = "" if after is None else f" AFTER {site.quoted(after)}"
            if after is None:
                place = " FIRST"
            elif after not in there:
                place = ""
            _run(site, f"{alter} ADD COLUMN {was['bare']}{place}")
            self._set_default(archived, was)
            return
        add = f"{alter} ADD COLUMN {column} {was['bare']}"
        if site.family == "postgresql" and was["default"] is not None:
            add += f", ALTER COLUMN {column} SET DEFAULT {was['default']}"
        _run(site, add)

    def _set_default(self, archived: Archived, was: _Definition) -> None:
        if was["default"] is not None:
            _run(
                archived.site,
                f"ALTER TABLE {archived.table_sql} ALTER COLUMN {archived.column_sql} "
                f"SET DEFAULT {was['default']}",
            )

    def _fill(self, archived: Archived, was: _Definition) -> None:
        """Put the values back, where the app has not written one meanwhile."""
        site = archived.site
        if site.family == "mysql":
            # It may have been cut off between the column and its default.
            self._set_default(archived, was)
        column = archived.rows.c[self.column]
        value = archived.side.c[VALUE]

        def put_back(condition: sa.ColumnElement[bool]) -> sa.Executable:
            kept = sa.select(value).where(archived.same_row()).scalar_subquery()
            return (
                sa.update(archived.rows)
                .values({column: kept})
                .where(column.is_(None), condition, archived.kept())
            )

        def give_default(condition: sa.ColumnElement[bool]) -> sa.Executable:
            default = "DEFAULT" if site.family != "sqlite" else f"({was['default']})"
            return (
                sa.update(archived.rows)
                .values({column: sa.literal_column(default)})
                .where(column.is_(None), condition, ~archived.kept())
            )

        statements: list[key_ranges.Statement] = [put_back]
        if was["default"] is not None:
            statements.append(give_default)
        key_ranges.execute(site, archived.key_columns, *statements)

    def _finish(self, archived: Archived, was: _Definition) -> None:
        """Give the column what it had beside its values."""
        site = archived.site
        if was["not_null"]:
            self._refuse_null(archived)
        if site.family == "mysql":
            modify = f"ALTER TABLE {archived.table_sql} MODIFY {was['whole']}"
            _run(site, f"{modify}, ALGORITHM=INPLACE, LOCK=NONE")
        elif site.family == "sqlite":
            sql = sqlite_text.read(site.connection, self.table, self.schema)
            sql = value_lists.with_column(sql, self.column, was["whole"])
            sqlite_text.write(site.connection, self.table, self.schema, sql)
        else:
            if was["comment"] is not None:
                on = f"{archived.table_sql}.{archived.column_sql}"
                _run(site, f"COMMENT ON COLUMN {on} IS {was['comment']}")
            if was["not_null"]:
                self._set_not_null(site)

    def _refuse_null(self, archived: Archived) -> None:
        found = violations.find(
            archived.site, self.table, self.schema, f"{archived.column_sql} IS NULL"
        )
        if found is not None:
            raise self.refused(
                f"the column took no NULL and has no default, and {found} were "
                "inserted since it was archived",
                f"Give {self.column} a value in them, and run the same command again",
                "On SQLite, and where the table is small on PostgreSQL, the downgrade "
                "was rolled back; elsewhere the column and its values are there again",
            )

    def _set_not_null(self, site: Site) -> None:
        from .directives.constraints import SetNotNullOp
        from .not_null import SetNotNull

        directive = SetNotNullOp(self.table, self.column, schema=self.schema)
        for step in SetNotNull(directive).steps(site):
            assert isinstance(step, str)
            _run(site, step)


def _run(site: Site, sql: str) -> None:
    site.connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
