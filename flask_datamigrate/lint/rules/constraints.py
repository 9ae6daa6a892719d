"""Constraints that nothing calls by a name."""

from __future__ import annotations

import ast
import typing as t

from ..findings import Edit
from ..findings import Finding
from ..findings import Severity
from ..findings import Span
from ..project import Project
from ..schema import Kind
from ..schema import SchemaChange
from ..schema import written
from ..script import Direction
from ..script import Script
from ..source import literal
from .base import Rule


class UnnamedConstraint(Rule):
    """A constraint that gets whatever name the database thinks of."""

    id = "DM113"
    title = "constraint without a name"
    severity = Severity.WARNING
    breaks = (
        "The database makes up a name, another on each kind of database, and SQLite "
        "none: the migration that drops the constraint, such as the downgrade, has "
        "nothing to call it by. In a batch operation on SQLite it fails at once. Not "
        "reported where the models' MetaData has a naming convention for its kind. "
        "`--fix` writes the name that PostgreSQL would give, and drops it by that."
    )
    wrong = """
def upgrade():
    op.create_unique_constraint(None, "users", ["email"])
"""
    right = """
def upgrade():
    op.create_unique_constraint("uq_users_email", "users", ["email"])
"""

    def check(self, script: Script, project: Project) -> t.Iterator[Finding]:
        for direction in (script.up, script.down):
            for change in direction.schema:
                prefix = _PREFIXES.get(change.kind)
                if prefix is None or prefix in project.conventions:
                    continue
                if not _is_unnamed(change):
                    continue
                name = _name(change)
                yield self.finding(
                    script,
                    change.node,
                    "the database makes up the name, and SQLite gives none, so no "
                    "migration that runs on another database can drop it",
                    _named_call(script, change, name),
                    table=change.table,
                    edits=_edits(script, change, direction, name),
                )


class DropUnnamed(Rule):
    """A constraint that is dropped by no name."""

    id = "DM114"
    title = "drop of a constraint without a name"
    severity = Severity.ERROR
    breaks = (
        "`op.drop_constraint(None, …)` cannot be written as SQL: the migration, most "
        "often the downgrade that autogenerate wrote, fails when it gets there."
    )
    wrong = """
def downgrade():
    op.drop_constraint(None, "users", type_="unique")
"""
    right = """
def upgrade():
    op.create_unique_constraint("uq_users_email", "users", ["email"])

def downgrade():
    op.drop_constraint("uq_users_email", "users", type_="unique")
"""

    def check(self, script: Script, project: Project) -> t.Iterator[Finding]:
        for direction in (script.up, script.down):
            for change in direction.schema:
                if change.kind is not Kind.DROP_CONSTRAINT or not _is_unnamed(change):
                    continue
                name = _dropped(script, change, direction) or "the_name_it_has"
                yield self.finding(
                    script,
                    change.node,
                    "a constraint without a name cannot be dropped: this fails when "
                    f"{direction.name}() gets here",
                    _named_call(script, change, name),
                    table=change.table,
                )


_PREFIXES = {Kind.ADD_FOREIGN_KEY: "fk", Kind.ADD_UNIQUE: "uq", Kind.ADD_CHECK: "ck"}
_SUFFIXES = {
    Kind.ADD_FOREIGN_KEY: "fkey",
    Kind.ADD_UNIQUE: "key",
    Kind.ADD_CHECK: "check",
}
# PostgreSQL cuts a longer one in a way of its own.
_LONGEST = 63


def _is_unnamed(change: SchemaChange) -> bool:
    if change.arguments is None:
        return False
    given = change.arguments.given.get("constraint_name")
    return isinstance(given, ast.Constant) and given.value is None


def _columns(change: SchemaChange) -> list[str]:
    assert change.arguments is not None
    for parameter in ("local_cols", "columns"):
        value = literal(change.arguments.node(parameter))
        if isinstance(value, list | tuple):
            return [str(column) for column in value]
    return []


def _name(change: SchemaChange) -> str:
    """Return the name that PostgreSQL gives a constraint without one."""
    table = change.table.name if change.table else "table"
    return "_".join([table, *_columns(change), _SUFFIXES[change.kind]])


def _named_call(script: Script, change: SchemaChange, name: str) -> str:
    """Return the call with a name in the place of None."""
    assert change.arguments is not None
    call = written(change.node)
    return call.replace("None", f'"{name}"', 1)


def _span_of_name(script: Script, change: SchemaChange) -> Span:
    assert change.arguments is not None
    return script.source.span(change.arguments.given["constraint_name"])


def _edits(
    script: Script, change: SchemaChange, direction: Direction, name: str
) -> tuple[Edit, ...]:
    """Return the rewrite that names a constraint here and where it is dropped.

    Only where one unnamed constraint of its kind is made on the table, and one is
    dropped on the other side, so that they are each other's.
    """
    if direction is not script.up or change.table is None or not _columns(change):
        return ()
    made = _like(script.up, change.kind, change)
    dropped = _like(script.down, Kind.DROP_CONSTRAINT, change)
    dropped = [c for c in dropped if _drops(c, change.kind)]
    if len(made) != 1 or len(dropped) > 1 or len(name) > _LONGEST:
        return ()
    places = [_span_of_name(script, found) for found in (*made, *dropped)]
    return tuple(Edit(place, f'"{name}"') for place in places)


def _like(direction: Direction, kind: Kind, other: SchemaChange) -> list[SchemaChange]:
    return [
        change
        for change in direction.schema
        if change.kind is kind and change.table == other.table and _is_unnamed(change)
    ]


_TYPES = {"foreignkey": Kind.ADD_FOREIGN_KEY, "unique": Kind.ADD_UNIQUE}
_TYPES["check"] = Kind.ADD_CHECK


def _drops(change: SchemaChange, kind: Kind) -> bool:
    assert change.arguments is not None
    return _TYPES.get(change.arguments.text("type_") or "") is kind


def _dropped(script: Script, change: SchemaChange, direction: Direction) -> str | None:
    """Return the name that the constraint is proposed to get where it is made."""
    if direction is script.up:
        return None
    for kind in _SUFFIXES:
        made = _like(script.up, kind, change)
        if _drops(change, kind) and len(made) == 1:
            return _name(made[0])
    return None
