"""The names that the models' ``MetaData`` gives constraints that have none."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa

from .schema import Kind
from .schema import SchemaChange
from .source import literal

_KEYS: t.Mapping[Kind, tuple[str, type[sa.Constraint]]] = {
    Kind.ADD_FOREIGN_KEY: ("fk", sa.ForeignKeyConstraint),
    Kind.ADD_UNIQUE: ("uq", sa.UniqueConstraint),
    Kind.ADD_CHECK: ("ck", sa.CheckConstraint),
}


@dataclasses.dataclass(frozen=True)
class Conventions:
    """A naming convention.

    :param given: ``MetaData.naming_convention``.
    """

    given: t.Mapping[t.Any, t.Any] = dataclasses.field(default_factory=dict)

    def cover(self, kind: Kind) -> bool:
        """Tell whether a kind of constraint gets a name."""
        return any(key in self.given for key in _KEYS.get(kind, ()))

    def name(self, change: SchemaChange) -> str | None:
        """Return the name of a constraint that is made without one.

        :return: ``None`` where the script does not say all that the name is made of.
        """
        if change.table is None or not self.cover(change.kind):
            return None
        metadata = sa.MetaData(naming_convention=self.given)
        try:
            constraint = _constraint(change, metadata)
        except Exception:
            # The convention may have functions of the app's, which raise what they
            # like where a table is no more than a name.
            return None
        return None if constraint.name is None else str(constraint.name)


def columns(change: SchemaChange, *parameters: str) -> list[str]:
    """Return the columns that a constraint is given, where they can be read."""
    assert change.arguments is not None
    for parameter in parameters or ("local_cols", "columns"):
        value = literal(change.arguments.node(parameter))
        if isinstance(value, list | tuple):
            return [str(column) for column in value]
    return []


def _constraint(change: SchemaChange, metadata: sa.MetaData) -> sa.Constraint:
    """Return a constraint, on a table that is as the script tells."""
    assert change.arguments is not None and change.table is not None
    local = columns(change)
    constraint: sa.Constraint
    if change.kind is Kind.ADD_UNIQUE:
        constraint = sa.UniqueConstraint(*local)
    elif change.kind is Kind.ADD_CHECK:
        constraint = sa.CheckConstraint("1 = 1")
    else:
        referent = change.arguments.text("referent_table")
        schema = change.arguments.text("referent_schema")
        remote = columns(change, "remote_cols")
        there = f"{schema}.{referent}" if schema else referent
        constraint = sa.ForeignKeyConstraint(local, [f"{there}.{x}" for x in remote])
    made = (sa.Column(name, sa.Integer) for name in local)
    sa.Table(change.table.name, metadata, *made, constraint, schema=change.table.schema)
    return constraint
