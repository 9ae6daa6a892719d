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
    :param leftover: what takes away what is left of it in the way of its column.
    """

    table: TableName
    columns: frozenset[str]
    rank: int
    operation: MigrateOperation
    leftover: MigrateOperation | None = None

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
        dropped, kind = constraints.dropped(operation), str(operation.constraint_type)
        columns = getattr(operation.to_constraint(), "columns", ())
        is_key = kind == "foreignkey"
        return cls(
            (operation.schema, operation.table_name),
            frozenset(str(column.name) for column in columns),
            _RANKS.get(kind, 0),
            dropped,
            constraints.without_index(operation) if is_key else None,
        )


def divided(
    found: t.Sequence[Hanging],
    old: t.Mapping[TableName, t.Collection[str]],
    listed: t.Iterable[MigrateOperation],
) -> tuple[list[MigrateOperation], list[MigrateOperation]]:
    """Return what hangs on columns that triggers keep, in its order, and all else.

    :param old: the columns that go and that triggers keep, by table.
    :param listed: the difference.
    """
    gone = {
        ((one.schema, one.table_name), one.column_name)
        for one in listed
        if isinstance(one, ops.DropColumnOp)
    }
    loosened: list[MigrateOperation] = []
    kept: list[MigrateOperation] = []
    for one in sorted(found, key=lambda one: one.rank):
        hangs = not one.columns.isdisjoint(old.get(one.table, ()))
        target = loosened if hangs else kept
        target.append(one.operation)
        goes = any((one.table, name) in gone for name in one.columns)
        if one.leftover is not None and goes:
            target.append(one.leftover)
    return loosened, kept
