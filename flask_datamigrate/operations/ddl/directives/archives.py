"""``op.archive_column`` and ``op.restore_column``."""

from __future__ import annotations

import typing as t

from alembic.operations import Operations

from .base import SafeOp


class ArchiveOp(SafeOp):
    """A column that is dropped, and its values kept."""

    def __init__(self, table: str, column: str, *, schema: str | None = None) -> None:
        self.table = table
        self.column = column
        self.schema = schema

    def arguments(self) -> tuple[list[t.Any], dict[str, t.Any]]:
        return [self.table, self.column], {"schema": self.schema}


@Operations.register_operation("archive_column")
class ArchiveColumnOp(ArchiveOp):
    """Drop a column, and keep its values."""

    work = "archive:ArchiveColumn"
    name = "archive_column"

    @classmethod
    def archive_column(
        cls,
        operations: Operations,
        table: str,
        column: str,
        *,
        schema: str | None = None,
    ) -> None:
        """Drop a column, and keep each row's value in a side table.

        ::

            def upgrade():
                op.archive_column("users", "nickname")


            def downgrade():
                op.restore_column("users", "nickname")

        :param schema: the schema of the table.
        :raises SchemaError: for a column of the primary key, and for one that an
            index, a constraint, a view or another column needs: drop that first, by
            a directive whose downgrade makes it again.
        """
        operations.invoke(cls(table, column, schema=schema))

    def reverse(self) -> ArchiveOp:
        return RestoreColumnOp(self.table, self.column, schema=self.schema)


@Operations.register_operation("restore_column")
class RestoreColumnOp(ArchiveOp):
    """Make an archived column again."""

    work = "restore:RestoreColumn"
    name = "restore_column"

    @classmethod
    def restore_column(
        cls,
        operations: Operations,
        table: str,
        column: str,
        *,
        schema: str | None = None,
    ) -> None:
        """Make a column again with its type, default and every value it had.

        Rows that were inserted since get the column's default, or NULL. A value that
        the app writes while it runs is left as it is.

        ::

            op.restore_column("users", "nickname")

        :param schema: the schema of the table.
        :raises SchemaError: when nothing was archived; when the column took no NULL,
            and has no default for the rows that were inserted since.
        """
        operations.invoke(cls(table, column, schema=schema))

    def reverse(self) -> ArchiveOp:
        return ArchiveColumnOp(self.table, self.column, schema=self.schema)
