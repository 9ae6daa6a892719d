"""Changes that running code does not expect, and ways back that are missing."""

from __future__ import annotations

import ast
import re
import typing as t

from .. import schema
from ..findings import Finding
from ..findings import Severity
from ..findings import Table
from ..project import Project
from ..reach import Site
from ..schema import Kind
from ..schema import SchemaChange
from ..script import Direction
from ..script import Script
from ..source import literal
from .base import Rule
from .base import quoted


class MissingDowngrade(Rule):
    """An upgrade with no way back."""

    id = "DM111"
    title = "no downgrade"
    severity = Severity.WARNING
    breaks = (
        "When a release is taken back, `flask db downgrade` goes over this revision, "
        "changes the version, and leaves the database as it is. The next upgrade then "
        "runs it again on what it has done: tables that exist, rows that were changed."
    )
    wrong = """
def upgrade():
    op.add_column("users", sa.Column("role", sa.String(20)))

def downgrade():
    pass
"""
    right = """
def downgrade():
    op.drop_column("users", "role")

# or, where there is no way back, say so; a comment or a docstring counts as well:
def downgrade():
    raise NotImplementedError("the old values were not kept")
"""

    def check(self, script: Script, project: Project) -> t.Iterator[Finding]:
        upgrade = script.function("upgrade")
        if upgrade is None or _is_empty(upgrade) or not script.up.sites:
            return
        downgrade = script.function("downgrade")
        if downgrade is None:
            if "downgrade" not in script.names.module.names and not _imported(script):
                yield self._missing(script, upgrade, "there is no downgrade()")
        elif _is_empty(downgrade) and not _explains(script, downgrade):
            yield self._missing(script, downgrade, "downgrade() does nothing")

    def _missing(self, script: Script, function: ast.FunctionDef, what: str) -> Finding:
        return self.finding(
            script,
            _head(function),
            f"{what}, so flask db downgrade changes the version and leaves the "
            "database as it is; the next upgrade runs this again on what it has done",
            "def downgrade():",
            *(f"    {line}" for line in _reverses(script)),
        )


class Drop(Rule):
    """What goes while code may use it: a column, a table, its old name, a sync."""

    id = "DM112"
    title = "drop outside a contract stage"
    severity = Severity.WARNING
    breaks = (
        "The code that runs while the upgrade does, and the old release that is "
        "brought back when the new one is bad, still name the column: SQLAlchemy "
        "selects every column of a model, so each request for the table fails. The "
        "values are gone, unless `op.archive_column` keeps them. After "
        "`op.drop_old_name` the requests for the old name of the table fail, and after "
        "`op.drop_sync` nothing keeps equal what old and new code write."
    )
    wrong = """
def upgrade():
    op.drop_column("users", "full_name")
"""
    right = """
# in a revision that is applied when no running code names it:
change = "split_full_name"
stage = "contract"

def upgrade():
    op.archive_column("users", "full_name")  # keeps the values

def downgrade():
    op.restore_column("users", "full_name")
"""

    def check(self, script: Script, project: Project) -> t.Iterator[Finding]:
        if script.header.stage == "contract":
            return
        yield from self._dropped(script)
        for site in script.up.sites:
            name, _ = schema.directive(site) or ("", None)
            if name in _CONTRACTS:
                yield from self._contracted(script, site, name)

    def _dropped(self, script: Script) -> t.Iterator[Finding]:
        """Find what Alembic's directives and SQL drop."""
        added = _added(script.up)
        renamed = {x.name for x in script.up.schema if x.kind is Kind.RENAME_TABLE}
        for change in script.up.schema:
            if script.up.is_new(change.table):
                continue
            if change.kind is Kind.DROP_TABLE:
                if change.table and change.table.name in renamed:
                    continue
                what = f"the table {change.table or ''}".strip()
                instead: tuple[str, ...] = ()
            elif change.kind is Kind.DROP_COLUMN:
                if (change.table, change.name) in added:
                    continue
                what = f"{change.table or 'the table'}.{change.name or 'column'}"
                table = quoted(change.table.name if change.table else None, "table")
                column = quoted(change.name, "column")
                instead = (f"op.archive_column({table}, {column})  # keeps the values",)
            else:
                continue
            yield self._in_use(
                script,
                change.node,
                f"still names {what}: each of its requests fails from here on, and the "
                "values are gone",
                change.table,
                *instead,
            )

    def _contracted(self, script: Script, site: Site, name: str) -> t.Iterator[Finding]:
        """Find what a directive of ours takes from old code."""
        parameters, what = _CONTRACTS[name]
        given = schema.arguments_of(site, parameters, None)
        table, column = _table(given, parameters[0]), given.text("column")
        if script.up.is_new(table) or (table, column) in _added(script.up):
            return
        if name == "drop_sync" and table in _kept_equal(script.up):
            return
        yield self._in_use(
            script,
            site.call,
            what.format(table=table or "the table", column=column or "column"),
            table,
            change=given.text("change"),
        )

    def _in_use(
        self,
        script: Script,
        node: ast.AST,
        what: str,
        table: Table | None,
        *instead: str,
        change: str | None = None,
    ) -> Finding:
        return self.finding(
            script,
            node,
            f"code that is running, or is brought back, {what}",
            "# in a revision that is applied when no running code names it:",
            f"change = {quoted(change, '…')}",
            'stage = "contract"',
            *instead,
            table=table,
        )


class Rename(Rule):
    """A table or a column that gets another name under running code."""

    id = "DM121"
    title = "rename of a table or a column"
    severity = Severity.WARNING
    breaks = (
        "There is no moment at which both releases work: until the rename, the new "
        "code asks for a name that does not exist yet; from then on, the old code does."
    )
    wrong = """
def upgrade():
    op.alter_column("users", "name", new_column_name="full_name")
"""
    right = """
# revision 1, before the new code: both names
def upgrade():
    op.add_column("users", sa.Column("full_name", sa.String(100)))
# revision 2: flask db data new -m "copy name" --table users
# revision 3, when no running code names the old one
def upgrade():
    op.archive_column("users", "name")
# or keep the name in the database: full_name = db.Column("name", db.String(100))
"""

    def check(self, script: Script, project: Project) -> t.Iterator[Finding]:
        added = _added(script.up)
        for change in script.up.schema:
            if script.up.is_new(change.table):
                continue
            if change.kind is Kind.RENAME_COLUMN:
                column = change.name or "column"
                new = _new_name(change) or "new_name"
                if new == column or (change.table, change.name) in added:
                    continue
                yield self.finding(
                    script,
                    change.node,
                    f"until this runs the new code asks for {new} in vain, and from "
                    f"then on the old code asks for {column} in vain",
                    "# keep the name in the database, and rename the attribute alone:",
                    f'{new} = db.Column("{column}", …)',
                    "# or add the new column, copy with a backfill, drop the old one "
                    "later",
                    table=change.table,
                )
            elif change.kind is Kind.RENAME_TABLE:
                yield self.finding(
                    script,
                    change.node,
                    "until this runs the new code asks for the new table in vain, and "
                    f"from then on the old code asks for {change.table or 'the old'} "
                    "in vain",
                    "# keep the name in the database, and rename the model alone:",
                    f"__tablename__ = "
                    f"{quoted(change.table.name if change.table else None, 'table')}",
                    "# or leave the old name to old code: op.rename_table_online",
                    table=change.table,
                )


_FAILS = "each of its requests fails from here on"
_CONTRACTS: dict[str, tuple[tuple[str, ...], str]] = {
    "archive_column": (
        ("table", "column"),
        f"still names {{table}}.{{column}}: {_FAILS}",
    ),
    "drop_old_name": (("old", "new"), f"still names {{table}}: {_FAILS}"),
    "drop_sync": (
        ("table",),
        "still writes one side of {table} only: from here on the other does not "
        "follow, and the two drift apart",
    ),
}
"""What belongs into a contract: its parameters, and what becomes of code."""

# What autogenerate writes, and what is meant for the linter.
_SILENT = re.compile(
    r"#[# ]*(?:commands auto generated|end Alembic commands)|#\s*datamigrate:"
)
_REVERSES: dict[Kind, str] = {
    Kind.CREATE_TABLE: "op.drop_table({table})",
    Kind.ADD_COLUMN: "op.drop_column({table}, {name})",
    Kind.CREATE_INDEX: "op.drop_index({name}, {table})",
    Kind.ADD_FOREIGN_KEY: 'op.drop_constraint({name}, {table}, type_="foreignkey")',
    Kind.ADD_UNIQUE: 'op.drop_constraint({name}, {table}, type_="unique")',
    Kind.ADD_CHECK: 'op.drop_constraint({name}, {table}, type_="check")',
    Kind.SET_NOT_NULL: "op.alter_column({table}, {name}, nullable=True)",
}


def _added(direction: Direction) -> set[tuple[Table | None, str | None]]:
    """Return the columns that a direction adds, by table."""
    return {
        (change.table, change.name)
        for change in direction.schema
        if change.kind is Kind.ADD_COLUMN
    }


def _table(given: schema.Arguments, parameter: str) -> Table | None:
    name = given.text(parameter)
    return None if name is None else Table(name, given.text("schema"))


def _kept_equal(direction: Direction) -> set[Table | None]:
    """Return the tables that a direction creates a sync of: what goes comes back."""
    return {
        _table(schema.arguments_of(site, ("table",), None), "table")
        for site in direction.sites
        if (schema.directive(site) or ("",))[0] == "create_sync"
    }


def _is_empty(function: ast.FunctionDef) -> bool:
    return all(
        isinstance(node, ast.Pass)
        or (isinstance(node, ast.Return) and literal(node.value) is None)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in function.body
    )


def _explains(script: Script, function: ast.FunctionDef) -> bool:
    """Tell whether a comment or a docstring says why it is empty."""
    if ast.get_docstring(function):
        return True
    last = function.end_lineno or function.lineno
    return any(
        function.lineno <= token.start[0] <= last and not _SILENT.match(token.string)
        for token in script.source.comments
    )


def _imported(script: Script) -> bool:
    return any(name.local == "downgrade" for name in script.names.imports)


def _head(function: ast.FunctionDef) -> ast.AST:
    """Return a node that covers the name of a function, for the caret."""
    return ast.Name(
        function.name,
        lineno=function.lineno,
        col_offset=function.col_offset,
        end_lineno=function.lineno,
        end_col_offset=function.col_offset + len(f"def {function.name}"),
    )


def _reverses(script: Script) -> list[str]:
    lines: list[str] = []
    for change in reversed(script.up.schema):
        pattern = _REVERSES.get(change.kind)
        if pattern is not None and change.table is not None:
            name = quoted(change.name, "…")
            line = pattern.format(table=quoted(change.table.name, ""), name=name)
            if line not in lines:
                lines.append(line)
    return lines or ['raise NotImplementedError("why there is no way back")']


def _new_name(change: SchemaChange) -> str | None:
    if change.arguments is None:
        return None
    return change.arguments.text("new_column_name") or change.arguments.text("name")
