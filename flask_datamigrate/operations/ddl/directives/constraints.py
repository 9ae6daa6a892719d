"""``op.set_not_null``, ``op.drop_not_null`` and ``op.add_check_online``."""

from __future__ import annotations

import typing as t

from alembic.operations import Operations
from alembic.operations import ops

from .base import SafeOp


class NotNullOp(SafeOp):
    """Forbid or allow NULL in a column."""

    def __init__(
        self,
        table: str,
        column: str,
        *,
        schema: str | None = None,
        existing_type: t.Any = None,
    ) -> None:
        self.table = table
        self.column = column
        self.schema = schema
        self.existing_type = existing_type

    def arguments(self) -> tuple[list[t.Any], dict[str, t.Any]]:
        return [self.table, self.column], {
            "schema": self.schema,
            "existing_type": self.existing_type,
        }

    def _turned(self, other: type[NotNullOp]) -> NotNullOp:
        return other(
            self.table,
            self.column,
            schema=self.schema,
            existing_type=self.existing_type,
        )


@Operations.register_operation("set_not_null")
class SetNotNullOp(NotNullOp):
    """Forbid NULL in a column."""

    work = "not_null:SetNotNull"
    name = "set_not_null"

    @classmethod
    def set_not_null(
        cls,
        operations: Operations,
        table: str,
        column: str,
        *,
        schema: str | None = None,
        existing_type: t.Any = None,
    ) -> None:
        """Forbid NULL in a column without stopping traffic.

        ::

            def upgrade():
                op.set_not_null("users", "email")


            def downgrade():
                op.drop_not_null("users", "email")

        :param schema: the schema of the table.
        :param existing_type: the column's type, which only ``--sql`` for MySQL and
            MariaDB needs: there the column is written down anew.
        :raises SchemaError: when rows with NULL are left, with their count and the
            keys of three.
        """
        operations.invoke(
            cls(table, column, schema=schema, existing_type=existing_type)
        )

    def reverse(self) -> NotNullOp:
        return self._turned(DropNotNullOp)


@Operations.register_operation("drop_not_null")
class DropNotNullOp(NotNullOp):
    """Allow NULL in a column."""

    work = "not_null:DropNotNull"
    name = "drop_not_null"

    @classmethod
    def drop_not_null(
        cls,
        operations: Operations,
        table: str,
        column: str,
        *,
        schema: str | None = None,
        existing_type: t.Any = None,
    ) -> None:
        """Allow NULL in a column: the downgrade of ``op.set_not_null``.

        :param schema: the schema of the table.
        :param existing_type: as in ``op.set_not_null``.
        """
        operations.invoke(
            cls(table, column, schema=schema, existing_type=existing_type)
        )

    def reverse(self) -> NotNullOp:
        return self._turned(SetNotNullOp)


@Operations.register_operation("add_check_online")
class AddCheckOp(SafeOp):
    """Add a CHECK constraint."""

    work = "check:AddCheck"
    name = "add_check_online"

    def __init__(self, create: ops.CreateCheckConstraintOp) -> None:
        self.create = create

    @classmethod
    def add_check_online(
        cls,
        operations: Operations,
        constraint_name: str,
        table_name: str,
        condition: t.Any,
        *,
        schema: str | None = None,
    ) -> None:
        """Add a CHECK constraint without stopping traffic.

        Takes what ``op.create_check_constraint`` takes; the name is required, since a
        run that was cut off is found again by it.

        ::

            def upgrade():
                op.add_check_online("ck_orders_total", "orders", "total >= 0")


            def downgrade():
                op.drop_check_online("ck_orders_total", "orders")

        :param condition: SQL text, or an expression of SQLAlchemy.
        :raises SchemaError: when rows do not hold it, with their count and the keys of
            three; when there is another constraint of that name.
        """
        operations.invoke(
            cls(
                ops.CreateCheckConstraintOp(
                    constraint_name, table_name, condition, schema=schema
                )
            )
        )

    def arguments(self) -> tuple[list[t.Any], dict[str, t.Any]]:
        create = self.create
        return [create.constraint_name, create.table_name, create.condition], {
            "schema": create.schema
        }

    def reverse(self) -> DropCheckOp:
        create = self.create
        return DropCheckOp(
            str(create.constraint_name),
            create.table_name,
            schema=create.schema,
            create=create,
        )


@Operations.register_operation("drop_check_online")
class DropCheckOp(SafeOp):
    """Drop a CHECK constraint."""

    work = "drop_check:DropCheck"
    name = "drop_check_online"

    def __init__(
        self,
        constraint: str,
        table: str,
        *,
        schema: str | None = None,
        create: ops.CreateCheckConstraintOp | None = None,
    ) -> None:
        self.constraint = constraint
        self.table = table
        self.schema = schema
        self.create = create

    @classmethod
    def drop_check_online(
        cls,
        operations: Operations,
        constraint_name: str,
        table_name: str,
        *,
        schema: str | None = None,
    ) -> None:
        """Drop a CHECK constraint: the downgrade of ``op.add_check_online``.

        One that is not there is none to drop, so that a run that was cut off goes on.

        ::

            op.drop_check_online("ck_orders_total", "orders")

        :param schema: the schema of the table.
        """
        operations.invoke(cls(constraint_name, table_name, schema=schema))

    def arguments(self) -> tuple[list[t.Any], dict[str, t.Any]]:
        return [self.constraint, self.table], {"schema": self.schema}

    def reverse(self) -> AddCheckOp:
        if self.create is None:
            raise ValueError(
                f"op.drop_check_online({self.constraint!r}) cannot be reversed: it was "
                "not given the condition"
            )
        return AddCheckOp(self.create)
