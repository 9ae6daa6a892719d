"""``op.add_foreign_key_online`` and ``op.drop_foreign_key_online``."""

from __future__ import annotations

import typing as t

from alembic.operations import Operations
from alembic.operations import ops

from .base import SafeOp


@Operations.register_operation("add_foreign_key_online")
class AddForeignKeyOp(SafeOp):
    """Add a foreign key."""

    work = "foreign_key:AddForeignKey"
    name = "add_foreign_key_online"

    def __init__(self, create: ops.CreateForeignKeyOp) -> None:
        self.create = create

    @classmethod
    def add_foreign_key_online(
        cls,
        operations: Operations,
        constraint_name: str,
        source_table: str,
        referent_table: str,
        local_cols: list[str],
        remote_cols: list[str],
        *,
        onupdate: str | None = None,
        ondelete: str | None = None,
        deferrable: bool | None = None,
        initially: str | None = None,
        source_schema: str | None = None,
        referent_schema: str | None = None,
    ) -> None:
        """Add a foreign key without stopping traffic.

        Takes what ``op.create_foreign_key`` takes; the name is required, since a run
        that was cut off is found again by it.

        ::

            def upgrade():
                op.add_foreign_key_online(
                    "fk_orders_user", "orders", "users", ["user_id"], ["id"]
                )


            def downgrade():
                op.drop_foreign_key_online("fk_orders_user", "orders")

        :raises SchemaError: when rows refer to nothing, with their count and the keys
            of three; when there is another constraint of that name.
        """
        create = ops.CreateForeignKeyOp(
            constraint_name,
            source_table,
            referent_table,
            local_cols,
            remote_cols,
            onupdate=onupdate,
            ondelete=ondelete,
            deferrable=deferrable,
            initially=initially,
            source_schema=source_schema,
            referent_schema=referent_schema,
        )
        operations.invoke(cls(create))

    def arguments(self) -> tuple[list[t.Any], dict[str, t.Any]]:
        create = self.create
        return [
            create.constraint_name,
            create.source_table,
            create.referent_table,
            list(create.local_cols),
            list(create.remote_cols),
        ], dict(create.kw)

    def reverse(self) -> DropForeignKeyOp:
        return DropForeignKeyOp(
            str(self.create.constraint_name),
            self.create.source_table,
            schema=self.create.kw.get("source_schema"),
            create=self.create,
        )


@Operations.register_operation("drop_foreign_key_online")
class DropForeignKeyOp(SafeOp):
    """Drop a foreign key."""

    work = "drop_foreign_key:DropForeignKey"
    name = "drop_foreign_key_online"

    def __init__(
        self,
        constraint: str,
        table: str,
        *,
        schema: str | None = None,
        create: ops.CreateForeignKeyOp | None = None,
    ) -> None:
        self.constraint = constraint
        self.table = table
        self.schema = schema
        self.create = create

    @classmethod
    def drop_foreign_key_online(
        cls,
        operations: Operations,
        constraint_name: str,
        table_name: str,
        *,
        schema: str | None = None,
    ) -> None:
        """Drop a foreign key: the downgrade of ``op.add_foreign_key_online``.

        An index that MariaDB or MySQL made by itself when ``op.add_foreign_key_online``
        added it goes with it; one of yours stays. A foreign key that is not there is
        none to drop.

        ::

            op.drop_foreign_key_online("fk_orders_user", "orders")

        :param schema: the schema of the table.
        """
        operations.invoke(cls(constraint_name, table_name, schema=schema))

    def arguments(self) -> tuple[list[t.Any], dict[str, t.Any]]:
        return [self.constraint, self.table], {"schema": self.schema}

    def reverse(self) -> AddForeignKeyOp:
        if self.create is None:
            raise ValueError(
                f"op.drop_foreign_key_online({self.constraint!r}) cannot be reversed: "
                "it was not given the columns"
            )
        return AddForeignKeyOp(self.create)
