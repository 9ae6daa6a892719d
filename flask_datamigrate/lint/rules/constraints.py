"""Constraints that nothing calls by a name."""

from __future__ import annotations

import ast
import dataclasses
import typing as t

from ..conventions import Conventions
from ..conventions import columns
from ..findings import Edit
from ..findings import Finding
from ..findings import Severity
from ..project import Project
from ..schema import Kind
from ..schema import SchemaChange
from ..schema import written
from ..script import Direction
from ..script import Script
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
                if change.kind not in _SUFFIXES or not _is_unnamed(change):
                    continue
                if project.conventions.cover(change.kind):
                    continue
                pair = _pair(script, change, direction)
                yield self.finding(
                    script,
                    change.node,
                    "the database makes up the name, and SQLite gives none, so no "
                    "migration that runs on another database can drop it",
                    _named_call(change, _postgresql(change)),
                    table=change.table,
                    edits=_edits(script, _named(pair, project.conventions)),
                )


class DropUnnamed(Rule):
    """A constraint that is dropped by no name."""

    id = "DM114"
    title = "drop of a constraint without a name"
    severity = Severity.ERROR
    breaks = (
        "`op.drop_constraint(None, …)` cannot be written as SQL: the migration, most "
        "often the downgrade that autogenerate wrote, fails when it gets there. A "
        "naming convention does not help, since it names only what is made. `--fix` "
        "writes the name, the convention's if there is one, where the constraint is "
        "made and where it is dropped; the finding says why when it cannot."
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
                named = _named(_pair(script, change, direction), project.conventions)
                message = (
                    "a constraint without a name cannot be dropped: this fails when "
                    f"{direction.name}() gets here"
                )
                if isinstance(named, _Named):
                    instead = [_named_call(x, named.name) for x in named.pair.calls]
                    edits = _edits(script, named)
                else:
                    message += f"; --fix leaves it, since {named}"
                    instead, edits = [_named_call(change, "the_name_it_has")], ()
                yield self.finding(
                    script,
                    change.node,
                    message,
                    *instead,
                    table=change.table,
                    edits=edits,
                )


_SUFFIXES = {
    Kind.ADD_FOREIGN_KEY: "fkey",
    Kind.ADD_UNIQUE: "key",
    Kind.ADD_CHECK: "check",
}
_TYPES = {
    "foreignkey": Kind.ADD_FOREIGN_KEY,
    "unique": Kind.ADD_UNIQUE,
    "check": Kind.ADD_CHECK,
}
# PostgreSQL cuts a longer one in a way of its own.
_LONGEST = 63


@dataclasses.dataclass(frozen=True, slots=True)
class _Pair:
    """A constraint that upgrade() makes, and downgrade() may drop, without a name."""

    made: SchemaChange
    dropped: SchemaChange | None

    @property
    def calls(self) -> tuple[SchemaChange, ...]:
        return (self.made,) if self.dropped is None else (self.made, self.dropped)


@dataclasses.dataclass(frozen=True, slots=True)
class _Named:
    """A pair, and the name that both its calls can be given."""

    pair: _Pair
    name: str


def _is_unnamed(change: SchemaChange) -> bool:
    if change.arguments is None:
        return False
    given = change.arguments.given.get("constraint_name")
    return isinstance(given, ast.Constant) and given.value is None


def _postgresql(change: SchemaChange) -> str:
    """Return the name that PostgreSQL gives a constraint without one."""
    table = change.table.name if change.table else "table"
    return "_".join([table, *columns(change), _SUFFIXES[change.kind]])


def _named_call(change: SchemaChange, name: str) -> str:
    """Return the call with a name in the place of None."""
    call = written(change.node)
    return call.replace("None", f'"{name}"', 1)


def _pair(script: Script, change: SchemaChange, direction: Direction) -> _Pair | str:
    """Return the constraint a call is about, or why it is not sure which that is.

    It is where one unnamed constraint of its kind is made on the table, and one is
    dropped on the other side, so that they are each other's.
    """
    kind = change.kind
    if kind is Kind.DROP_CONSTRAINT:
        assert change.arguments is not None
        given = change.arguments.text("type_")
        if given not in _TYPES:
            return "the call does not say the type_ of the constraint"
        kind = _TYPES[given]
    if direction is script.up and kind is not change.kind:
        return "what upgrade() drops was made elsewhere"
    if change.table is None:
        return "the name of the table is computed"
    made = _like(script.up, kind, change)
    dropped = _like(script.down, Kind.DROP_CONSTRAINT, change)
    dropped = [x for x in dropped if _drops(x, kind)]
    if not made or (direction is script.down and kind is change.kind):
        return "upgrade() makes none without a name"
    if len(made) > 1 or len(dropped) > 1:
        return f"{change.table} has several such constraints here"
    return _Pair(made[0], dropped[0] if dropped else None)


def _named(pair: _Pair | str, conventions: Conventions) -> _Named | str:
    """Return a pair with its name, or why it has none that is known."""
    if isinstance(pair, str):
        return pair
    if conventions.cover(pair.made.kind):
        name = conventions.name(pair.made)
        if name is None:
            return "the script does not tell what the naming convention makes of it"
    elif not columns(pair.made):
        return "its columns, which the name is made of, cannot be read"
    else:
        name = _postgresql(pair.made)
    if len(name) > _LONGEST:
        return f"the name, {name}, is longer than {_LONGEST} characters"
    return _Named(pair, name)


def _edits(script: Script, named: _Named | str) -> tuple[Edit, ...]:
    """Return the rewrite that names a constraint where it is made and dropped."""
    if isinstance(named, str):
        return ()
    places = []
    for change in named.pair.calls:
        assert change.arguments is not None
        given = change.arguments.given["constraint_name"]
        places.append(script.source.span(given))
    return tuple(Edit(place, f'"{named.name}"') for place in places)


def _like(direction: Direction, kind: Kind, other: SchemaChange) -> list[SchemaChange]:
    return [
        change
        for change in direction.schema
        if change.kind is kind and change.table == other.table and _is_unnamed(change)
    ]


def _drops(change: SchemaChange, kind: Kind) -> bool:
    assert change.arguments is not None
    return _TYPES.get(change.arguments.text("type_") or "") is kind
