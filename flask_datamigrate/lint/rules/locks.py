"""Schema changes that stop traffic on a table that is in use."""

from __future__ import annotations

import ast
import typing as t

from .. import columntypes
from ..findings import Finding
from ..findings import Severity
from ..project import Project
from ..rows import method
from ..schema import Kind
from ..schema import SchemaChange
from ..script import Script
from ..source import literal
from .base import Rule
from .base import quoted


class LockRule(Rule):
    """A rule on one kind of schema change of a table that has rows."""

    severity = Severity.WARNING
    size_matters = True
    kind: t.ClassVar[Kind]

    def check(self, script: Script, project: Project) -> t.Iterator[Finding]:
        for change in script.up.schema:
            if change.kind is not self.kind or change.online:
                continue
            if script.up.is_new(change.table):
                continue
            if not self.locks(change, script, project):
                continue
            yield self.finding(
                script,
                change.node,
                self.message(change),
                *self.instead(change),
                table=change.table,
            )

    def locks(self, change: SchemaChange, script: Script, project: Project) -> bool:
        """Tell whether this one does."""
        return True

    def message(self, change: SchemaChange) -> str:
        raise NotImplementedError

    def instead(self, change: SchemaChange) -> t.Iterator[str]:
        raise NotImplementedError


class LockingIndex(LockRule):
    """An index that is built while nobody may write."""

    id = "DM115"
    title = "index that stops writing"
    kind = Kind.CREATE_INDEX
    breaks = (
        "While CREATE INDEX reads the table, nobody can write to it on PostgreSQL; on "
        "a table of ten million rows that is a minute. The lock stays until the "
        "revision ends."
    )
    wrong = """
def upgrade():
    op.create_index("ix_users_email", "users", ["email"])
"""
    right = """
def upgrade():
    op.create_index_online("ix_users_email", "users", ["email"])

def downgrade():
    op.drop_index_online("ix_users_email", "users")
"""

    def message(self, change: SchemaChange) -> str:
        return (
            f"nobody can write to {_table(change)} while {_name(change, 'the index')} "
            "is built, which takes about a minute for ten million rows"
        )

    def instead(self, change: SchemaChange) -> t.Iterator[str]:
        columns = '["…"]'
        if change.arguments:
            columns = change.arguments.code("columns", columns)
        unique = ""
        if change.arguments and literal(change.arguments.node("unique")) is True:
            unique = ", unique=True"
        name, table = _quoted_name(change, "ix_…"), _quoted_table(change)
        yield f"op.create_index_online({name}, {table}, {columns}{unique})"
        yield f"# in downgrade(): op.drop_index_online({name}, {table})"


class LockingForeignKey(LockRule):
    """A foreign key that is checked while nobody may write."""

    id = "DM116"
    title = "foreign key that stops writing"
    kind = Kind.ADD_FOREIGN_KEY
    breaks = (
        "ADD FOREIGN KEY compares every row with the other table, and meanwhile nobody "
        "can write to either of the two on PostgreSQL, MySQL and MariaDB."
    )
    wrong = """
def upgrade():
    op.create_foreign_key("fk_orders_user", "orders", "users", ["user_id"], ["id"])
"""
    right = """
def upgrade():
    op.add_foreign_key_online("fk_orders_user", "orders", "users", ["user_id"], ["id"])
"""

    def message(self, change: SchemaChange) -> str:
        other = change.arguments.text("referent_table") if change.arguments else None
        return (
            f"every row of {_table(change)} is compared with {other or 'the table'} it "
            "refers to, and until that is done nobody can write to either"
        )

    def instead(self, change: SchemaChange) -> t.Iterator[str]:
        parts = [_quoted_name(change, "fk_…"), _quoted_table(change)]
        if change.arguments:
            parts += [
                change.arguments.code("referent_table", '"…"'),
                change.arguments.code("local_cols", '["…"]'),
                change.arguments.code("remote_cols", '["…"]'),
            ]
        else:
            parts += ['"…"', '["…"]', '["…"]']
        yield f"op.add_foreign_key_online({', '.join(parts)})"


class LockingCheck(LockRule):
    """A CHECK that is compared with every row under a lock."""

    id = "DM117"
    title = "CHECK that stops traffic"
    kind = Kind.ADD_CHECK
    breaks = (
        "ADD CHECK compares every row, and meanwhile nobody can read or write the "
        "table."
    )
    wrong = """
def upgrade():
    op.create_check_constraint("ck_users_age", "users", "age >= 0")
"""
    right = """
def upgrade():
    op.add_check_online("ck_users_age", "users", "age >= 0")
"""

    def message(self, change: SchemaChange) -> str:
        return (
            f"nobody can read or write {_table(change)} while every row of it is "
            f"compared with {_name(change, 'the CHECK')}"
        )

    def instead(self, change: SchemaChange) -> t.Iterator[str]:
        condition = '"…"'
        if change.arguments:
            condition = change.arguments.code("condition", condition)
        name = _quoted_name(change, "ck_…")
        yield f"op.add_check_online({name}, {_quoted_table(change)}, {condition})"


class LockingNotNull(LockRule):
    """NOT NULL that is checked under a lock."""

    id = "DM118"
    title = "NOT NULL that stops traffic"
    kind = Kind.SET_NOT_NULL
    breaks = (
        "SET NOT NULL reads the whole table, and meanwhile nobody can read or write "
        "it. A single NULL makes it fail."
    )
    wrong = """
def upgrade():
    op.alter_column("users", "email", nullable=False)
"""
    right = """
def upgrade():
    op.set_not_null("users", "email")
"""

    def locks(self, change: SchemaChange, script: Script, project: Project) -> bool:
        given = change.arguments
        before = literal(given.node("existing_nullable")) if given else None
        if before is not None:
            # False is what autogenerate writes of a column that was NOT NULL already.
            return bool(before)
        return not any(_is_same(change, back) for back in script.down.schema)

    def message(self, change: SchemaChange) -> str:
        return (
            f"nobody can read or write {_table(change)} while every row is searched "
            f"for a NULL in {change.name or 'the column'}; one that is left makes it "
            "fail"
        )

    def instead(self, change: SchemaChange) -> t.Iterator[str]:
        column = quoted(change.name, "column")
        yield f"op.set_not_null({_quoted_table(change)}, {column})"
        yield f"# in downgrade(): op.drop_not_null({_quoted_table(change)}, {column})"


class NotNullWithoutDefault(LockRule):
    """A new column that the rows there are have no value for."""

    id = "DM119"
    title = "new NOT NULL column without a default"
    kind = Kind.ADD_COLUMN
    breaks = (
        "The rows that exist have no value for the new column. PostgreSQL and SQLite "
        "refuse it on a table with rows; MySQL and MariaDB fill in an empty text or 0. "
        "It works on the empty database of a test, and fails in production."
    )
    wrong = """
def upgrade():
    op.add_column("users", sa.Column("role", sa.String(20), nullable=False))
"""
    right = """
def upgrade():
    op.add_column(
        "users",
        sa.Column("role", sa.String(20), nullable=False, server_default="member"),
    )
# or, in three revisions: nullable=True, a backfill, and op.set_not_null
"""

    def locks(self, change: SchemaChange, script: Script, project: Project) -> bool:
        column = change.arguments.node("column") if change.arguments else None
        if not isinstance(column, ast.Call):
            return False
        options = {item.arg: item.value for item in column.keywords}
        if {"server_default", None} & set(options):
            return False
        if literal(options.get("nullable")) is not False:
            return False
        made = (method(arg) for arg in column.args if isinstance(arg, ast.Call))
        return not any(
            name in ("Computed", "Identity", "FetchedValue") for name in made
        )

    def message(self, change: SchemaChange) -> str:
        return (
            f"the rows of {_table(change)} have no value for {change.name or 'it'}: "
            "PostgreSQL and SQLite refuse this on a table with rows, MySQL and MariaDB "
            "fill in an empty value"
        )

    def instead(self, change: SchemaChange) -> t.Iterator[str]:
        table, column = _quoted_table(change), quoted(change.name, "column")
        yield "# with a value for the rows there are:"
        yield f"sa.Column({column}, …, nullable=False, server_default=…)"
        yield "# or in three revisions: the column with nullable=True, a backfill, and"
        yield f"op.set_not_null({table}, {column})"


class TypeChange(LockRule):
    """A change of a column's type that writes the table anew."""

    id = "DM120"
    title = "change of a column's type"
    kind = Kind.CHANGE_TYPE
    breaks = (
        "Most changes of a type write the whole table anew, and meanwhile nobody can "
        "read or write it. The code that runs while the upgrade does meets the new "
        "type. A longer VARCHAR is not reported, nor on PostgreSQL a text that loses "
        "its limit, or a decimal that gets more digits: they change the catalog alone. "
        "What the type was is read from `existing_type`, or from the downgrade that "
        "sets it back."
    )
    wrong = """
def upgrade():
    op.alter_column("orders", "total", type_=sa.BigInteger())
"""
    right = """
# revision 1: a new column
def upgrade():
    op.add_column("orders", sa.Column("total_big", sa.BigInteger))
# revision 2: flask db data new, to fill it
# revision 3, when no running code reads the old one: drop it
"""

    def locks(self, change: SchemaChange, script: Script, project: Project) -> bool:
        if change.arguments is None:
            return True
        old = _type_before(change, script)
        new = change.arguments.node("type_")
        if columntypes.only_widens(old, new, project.dialects):
            return False
        cast = "postgresql_using" in change.arguments.given
        on_mysql = "mysql" in project.dialects
        frame = change.site.frame
        return on_mysql or not columntypes.may_be_text(old, new, frame, cast=cast)

    def message(self, change: SchemaChange) -> str:
        return (
            f"{_table(change)} is written anew with the new type of "
            f"{change.name or 'the column'}, and nobody can read or write it meanwhile"
        )

    def instead(self, change: SchemaChange) -> t.Iterator[str]:
        column = change.name or "column"
        if change.arguments and columntypes.is_enum(change.arguments.node("type_")):
            yield "# for one more value of an enum:"
            yield f'op.add_enum_value({_quoted_table(change)}, "{column}", "…")'
            return
        kind = "…"
        if change.arguments:
            kind = change.arguments.code("type_", kind)
        yield "# a revision that adds a column beside it,"
        new = f'sa.Column("{column}_new", {kind})'
        yield f"op.add_column({_quoted_table(change)}, {new})"
        yield "# one that fills it (flask db data new), one that drops the old column"


def _is_same(change: SchemaChange, other: SchemaChange) -> bool:
    """Tell whether two changes do the same to one column."""
    known = change.table is not None and change.name is not None
    return known and (
        (change.kind, change.table, change.name)
        == (other.kind, other.table, other.name)
    )


def _type_before(change: SchemaChange, script: Script) -> ast.expr | None:
    """Return the type a column had: as the call says, or as the downgrade sets it."""
    assert change.arguments is not None
    given = change.arguments.node("existing_type")
    if given is not None:
        return given
    for back in script.down.schema:
        if _is_same(change, back) and back.arguments:
            return back.arguments.node("type_")
    return None


def _table(change: SchemaChange) -> str:
    return str(change.table) if change.table else "the table"


def _name(change: SchemaChange, default: str) -> str:
    return change.name or default


def _quoted_table(change: SchemaChange) -> str:
    return quoted(change.table.name if change.table else None, "table")


def _quoted_name(change: SchemaChange, default: str) -> str:
    return quoted(change.name, default)
