"""The table that the texts of a column are to become."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa
from alembic.operations import MigrateOperation
from alembic.operations import ops

from ...frozen.families import family

TableName = tuple[str | None, str]
"""The schema and the name of a table."""


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """A table that takes the texts of a column, each of them once.

    :param key: its key, which the column's place refers to.
    :param text: the texts.
    """

    table: TableName
    key: sa.Column[t.Any]
    text: sa.Column[t.Any]


def find(
    table: TableName,
    new: sa.Column[t.Any],
    old: sa.Column[t.Any],
    listed: t.Sequence[MigrateOperation],
) -> Target | None:
    """Find the new table whose rows are to be the texts of a column that goes.

    That is one of a key and a unique text, which the new column refers to.

    :param table: the table of both columns.
    :param listed: the operations of the difference.
    """
    if family(old.type) != "text":
        return None
    for refers in listed:
        if (
            isinstance(refers, ops.CreateForeignKeyOp)
            and (refers.kw.get("source_schema"), refers.source_table) == table
            and list(refers.local_cols) == [new.name]
        ):
            name = (refers.kw.get("referent_schema"), refers.referent_table)
            for made in listed:
                if isinstance(made, ops.CreateTableOp):
                    if (made.schema, made.table_name) == name:
                        return _texts(made.to_table(), name, listed)
    return None


def _texts(
    table: sa.Table, name: TableName, listed: t.Sequence[MigrateOperation]
) -> Target | None:
    """Return what a table is as a target, if it has a key and one unique text."""
    unique = {
        tuple(column.name for column in constraint.columns)
        for constraint in table.constraints
        if isinstance(constraint, sa.UniqueConstraint)
    }
    for index in listed:
        if isinstance(index, ops.CreateIndexOp) and index.unique:
            if (index.schema, index.table_name) == name:
                unique.add(tuple(str(getattr(c, "name", c)) for c in index.columns))
    key = list(table.primary_key.columns)
    texts = [column for column in table.columns if family(column.type) == "text"]
    if len(key) == len(texts) == 1 and (texts[0].name,) in unique:
        return Target(name, key[0], texts[0])
    return None
