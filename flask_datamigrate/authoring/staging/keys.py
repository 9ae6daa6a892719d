"""Primary keys that are others in the models than in the database.

Autogenerate does not compare them. Of a column that comes into a key, or leaves it, it
sees at most that NULL is forbidden, or allowed.
"""

from __future__ import annotations

import dataclasses

import sqlalchemy as sa
from alembic.operations import MigrateOperation
from alembic.operations import ops

from ...errors import AuthoringError
from .refusals import refusal
from .targets import TableName

NEXT = (
    "Leave the key in the models as it is in the database, and run the command again; "
    "a unique constraint makes other columns unique, too. A key is changed by hand, in "
    "a revision of its own, while the app is stopped"
)
"""What to do instead."""


@dataclasses.dataclass(frozen=True, slots=True)
class KeyChange:
    """A table whose primary key differs.

    :param had: the columns of the key in the database.
    :param has: those in the models.
    """

    table: TableName
    had: tuple[str, ...]
    has: tuple[str, ...]

    def __str__(self) -> str:
        had, has = ", ".join(self.had), ", ".join(self.has)
        return (
            f"the primary key of table {self.table[1]} is ({had}) in the database, and "
            f"({has}) in the models"
        )

    def check(self, operation: MigrateOperation) -> None:
        """Refuse an operation on a column that comes into the key, or leaves it.

        :raises AuthoringError: naming the column, and what to do instead.
        """
        if not isinstance(
            operation, ops.AddColumnOp | ops.DropColumnOp | ops.AlterColumnOp
        ):
            return
        if (operation.schema, operation.table_name) != self.table:
            return
        if isinstance(operation, ops.AddColumnOp):
            name = str(operation.column.name)
        else:
            name = operation.column_name
        if name in self.had and name not in self.has:
            raise self._refused(f"take column {name} out of the primary key")
        if name in self.has and name not in self.had:
            raise self._refused(f"add column {name} to the primary key")

    def _refused(self, what: str) -> AuthoringError:
        return refusal(
            f"{what} of table {self.table[1]}",
            "old code and new would find a row by different keys, and the batches, "
            f"the triggers and foreign keys go by it ({self})",
            NEXT,
        )


def changed(metadata: sa.MetaData, connection: sa.Connection) -> list[KeyChange]:
    """Return the tables of both whose primary keys are of different columns.

    :param metadata: of the models.
    :param connection: to the database as it stands.
    """
    inspector = sa.inspect(connection)
    found = []
    for schema in {table.schema for table in metadata.tables.values()}:
        there = inspector.get_multi_pk_constraint(schema)
        for table in metadata.tables.values():
            key = there.get((schema, table.name))
            if table.schema != schema or key is None:
                continue
            had = tuple(key["constrained_columns"])
            has = tuple(str(column.name) for column in table.primary_key.columns)
            if set(had) != set(has):
                found.append(KeyChange((schema, table.name), had, has))
    return found
