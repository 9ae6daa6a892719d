"""Indexes and constraints that go: which of them hang on columns that go."""

from __future__ import annotations

import dataclasses
import typing as t

from alembic.operations import MigrateOperation
from alembic.operations import ops

from ...operations.ddl.directives.indexes import DropIndexOnlineOp
from . import constraints
from .targets import TableName
from .written import OnTheWayBack

_RANKS = {"foreignkey": 0, "unique": 1, "index": 2}


@dataclasses.dataclass(frozen=True, slots=True)
class Hanging:
    """An index or a constraint that goes.

    :param columns: the names of those it is on.
    :param rank: what goes first: a foreign key before the index that it needs.
    :param operation: what takes it away, and makes it again on the way back.
    """

    table: TableName
    columns: frozenset[str]
    rank: int
    operation: MigrateOperation

    @classmethod
    def of_index(cls, operation: ops.DropIndexOp, *, with_table: bool) -> Hanging:
        """Describe an index.

        :param with_table: whether its table goes, and it with that: alone it cannot
            where a foreign key needs it.
        """
        index, table = operation.to_index(), str(operation.table_name)
        columns = [str(column.name) for column in index.columns]
        online = DropIndexOnlineOp(
            str(operation.index_name),
            table,
            columns,
            schema=operation.schema,
            unique=bool(index.unique),
        )
        place = (operation.schema, table)
        goes = OnTheWayBack(online.reverse()) if with_table else online
        return cls(place, frozenset(columns), _RANKS["index"], goes)

    @classmethod
    def of_constraint(cls, operation: ops.DropConstraintOp) -> Hanging:
        """Describe a constraint."""
        dropped = constraints.dropped(operation)
        columns = getattr(operation.to_constraint(), "columns", ())
        return cls(
            (operation.schema, operation.table_name),
            frozenset(str(column.name) for column in columns),
            _RANKS.get(str(operation.constraint_type), 0),
            dropped,
        )


def divided(
    found: t.Sequence[Hanging], old: t.Mapping[TableName, t.Collection[str]]
) -> tuple[list[MigrateOperation], list[MigrateOperation]]:
    """Return what hangs on columns that go, in its order, and all else.

    :param old: the columns that go and that triggers keep, by table.
    """
    loosened: list[MigrateOperation] = []
    kept: list[MigrateOperation] = []
    for one in sorted(found, key=lambda one: one.rank):
        hangs = not one.columns.isdisjoint(old.get(one.table, ()))
        (loosened if hangs else kept).append(one.operation)
    return loosened, kept
