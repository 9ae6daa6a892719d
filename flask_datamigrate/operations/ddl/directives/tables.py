"""``op.rename_table_online`` and ``op.drop_old_name``, and what takes them back."""

from __future__ import annotations

import typing as t

from alembic.operations import Operations

from .base import SafeOp


class TableNameOp(SafeOp):
    """A table with an old and a new name."""

    def __init__(self, old: str, new: str, *, schema: str | None = None) -> None:
        self.old = old
        self.new = new
        self.schema = schema

    def arguments(self) -> tuple[list[t.Any], dict[str, t.Any]]:
        return [self.old, self.new], {"schema": self.schema}


class RenamingOp(TableNameOp):
    """A table that gets another name, and its indexes with it."""

    def __init__(
        self,
        old: str,
        new: str,
        *,
        indexes: t.Mapping[str, str] | None = None,
        schema: str | None = None,
    ) -> None:
        super().__init__(old, new, schema=schema)
        self.indexes = dict(indexes or {})

    def arguments(self) -> tuple[list[t.Any], dict[str, t.Any]]:
        positional, keywords = super().arguments()
        return positional, {"indexes": self.indexes or None, **keywords}


@Operations.register_operation("rename_table_online")
class RenameTableOnlineOp(RenamingOp):
    """Rename a table, and leave its old name to old code."""

    work = "table_name:RenameTable"
    name = "rename_table_online"

    @classmethod
    def rename_table_online(
        cls,
        operations: Operations,
        old: str,
        new: str,
        *,
        indexes: t.Mapping[str, str] | None = None,
        schema: str | None = None,
    ) -> None:
        """Rename a table; its old name becomes a view, which reads and writes it.

        On SQLite the old name is gone at once: a view would not tell old code the
        key of a row that it inserts.

        ::

            def upgrade():
                op.rename_table_online("users", "people")


            def downgrade():
                op.rename_table_back("users", "people")

        :param indexes: the new names of indexes and unique constraints, by the old
            ones. Others keep their names.
        :param schema: the schema of the table.
        :raises SchemaError: when there is something by the new name; for a table with
            triggers of this package, which find it by its name; on PostgreSQL for
            one with row security, which a view passes over.
        """
        operations.invoke(cls(old, new, indexes=indexes, schema=schema))

    def reverse(self) -> RenamingOp:
        return RenameTableBackOp(
            self.old, self.new, indexes=self.indexes, schema=self.schema
        )


@Operations.register_operation("rename_table_back")
class RenameTableBackOp(RenamingOp):
    """Give a table its old name again."""

    work = "table_name:RenameTableBack"
    name = "rename_table_back"

    @classmethod
    def rename_table_back(
        cls,
        operations: Operations,
        old: str,
        new: str,
        *,
        indexes: t.Mapping[str, str] | None = None,
        schema: str | None = None,
    ) -> None:
        """Take back ``op.rename_table_online``, with the same arguments.

        ::

            op.rename_table_back("users", "people")

        :param indexes: as they were given to ``op.rename_table_online``.
        :param schema: the schema of the table.
        :raises SchemaError: as ``op.rename_table_online``.
        """
        operations.invoke(cls(old, new, indexes=indexes, schema=schema))

    def reverse(self) -> RenamingOp:
        return RenameTableOnlineOp(
            self.old, self.new, indexes=self.indexes, schema=self.schema
        )


@Operations.register_operation("drop_old_name")
class DropOldNameOp(TableNameOp):
    """Drop the view that a renamed table left by its old name."""

    work = "table_name:DropOldName"
    name = "drop_old_name"

    @classmethod
    def drop_old_name(
        cls, operations: Operations, old: str, new: str, *, schema: str | None = None
    ) -> None:
        """Drop the view that ``op.rename_table_online`` left by the old name.

        ::

            def upgrade():
                op.drop_old_name("users", "people")


            def downgrade():
                op.restore_old_name("users", "people")

        :param schema: the schema of the table.
        :raises SchemaError: when the old name is that of a table.
        """
        operations.invoke(cls(old, new, schema=schema))

    def reverse(self) -> TableNameOp:
        return RestoreOldNameOp(self.old, self.new, schema=self.schema)


@Operations.register_operation("restore_old_name")
class RestoreOldNameOp(TableNameOp):
    """Make the view by the old name again."""

    work = "table_name:RestoreOldName"
    name = "restore_old_name"

    @classmethod
    def restore_old_name(
        cls, operations: Operations, old: str, new: str, *, schema: str | None = None
    ) -> None:
        """Make the view again that ``op.drop_old_name`` dropped.

        ::

            op.restore_old_name("users", "people")

        :param schema: the schema of the table.
        :raises SchemaError: when the old name is that of a table.
        """
        operations.invoke(cls(old, new, schema=schema))

    def reverse(self) -> TableNameOp:
        return DropOldNameOp(self.old, self.new, schema=self.schema)
