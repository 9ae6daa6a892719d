"""Schema changes that stop traffic on a table that is in use."""

from __future__ import annotations

import ast
import re
import typing as t

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
            if script.up.is_new(change.table) or not self.locks(change, script):
                continue
            yield self.finding(
                script,
                change.node,
                self.message(change),
                *self.instead(change),
                table=change.table,
            )

    def locks(self, change: SchemaChange, script: Script) -> bool:
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

    def locks(self, change: SchemaChange, script: Script) -> bool:
        given = change.arguments
        # What autogenerate writes of a column that was NOT NULL already.
        return not given or literal(given.node("existing_nullable")) is not False

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

    def locks(self, change: SchemaChange, script: Script) -> bool:
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
        "type. A longer VARCHAR is not reported: it is a change in the catalog alone."
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

    def locks(self, change: SchemaChange, script: Script) -> bool:
        if change.arguments is None:
            return True
        old = change.arguments.node("existing_type")
        new = change.arguments.node("type_")
        return not _only_widens(old, new)

    def message(self, change: SchemaChange) -> str:
        return (
            f"{_table(change)} is written anew with the new type of "
            f"{change.name or 'the column'}, and nobody can read or write it meanwhile"
        )

    def instead(self, change: SchemaChange) -> t.Iterator[str]:
        column = change.name or "column"
        if change.arguments and _is_enum(change.arguments.node("type_")):
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


_TEXTS = {"String", "VARCHAR", "Unicode", "AutoString"}
_LONG = {"Text", "UnicodeText", "TEXT"}


def _only_widens(old: ast.expr | None, new: ast.expr | None) -> bool:
    """Tell whether a change is one that leaves the rows as they are."""
    if old is None or new is None:
        return False
    if ast.dump(old) == ast.dump(new):
        return True
    before, after = _type_name(old), _type_name(new)
    if before not in _TEXTS | _LONG:
        return (
            before == after
            and before != ""
            and not _is_enum(new)
            and not (_length(old) or _length(new))
        )
    if after in _LONG:
        return True
    if after not in _TEXTS or before in _LONG:
        return False
    shorter, longer = _length(old), _length(new)
    return longer is None or (shorter is not None and longer >= shorter)


def _type_name(node: ast.expr) -> str:
    target = node.func if isinstance(node, ast.Call) else node
    return re.split(r"\W", ast.unparse(target))[-1]


def _length(node: ast.expr) -> int | None:
    if not isinstance(node, ast.Call):
        return None
    given = node.args[:1] or [i.value for i in node.keywords if i.arg == "length"]
    value = literal(given[0]) if given else None
    return value if isinstance(value, int) else None


def _is_enum(node: ast.expr | None) -> bool:
    return node is not None and _type_name(node).lower() == "enum"


def _table(change: SchemaChange) -> str:
    return str(change.table) if change.table else "the table"


def _name(change: SchemaChange, default: str) -> str:
    return change.name or default


def _quoted_table(change: SchemaChange) -> str:
    return quoted(change.table.name if change.table else None, "table")


def _quoted_name(change: SchemaChange, default: str) -> str:
    return quoted(change.name, default)
