"""``op.create_updated_at_trigger`` and ``op.drop_updated_at_trigger``."""

from __future__ import annotations

import typing as t

from alembic.operations import Operations

from .base import SafeOp


class UpdatedAtOp(SafeOp):
    """A trigger that writes down when a row was last updated."""

    def __init__(
        self, table: str, column: str = "updated_at", *, schema: str | None = None
    ) -> None:
        self.table = table
        self.column = column
        self.schema = schema

    def arguments(self) -> tuple[list[t.Any], dict[str, t.Any]]:
        column = [] if self.column == "updated_at" else [self.column]
        return [self.table, *column], {"schema": self.schema}


@Operations.register_operation("create_updated_at_trigger")
class CreateUpdatedAtTriggerOp(UpdatedAtOp):
    """Create the trigger."""

    work = "updated_at:CreateUpdatedAt"
    name = "create_updated_at_trigger"

    @classmethod
    def create_updated_at_trigger(
        cls,
        operations: Operations,
        table: str,
        column: str = "updated_at",
        *,
        schema: str | None = None,
    ) -> None:
        """Have the database set a column to the time in UTC at each UPDATE of a row.

        An UPDATE that gives the column another value itself keeps that value.

        ::

            def upgrade():
                op.create_updated_at_trigger("users")


            def downgrade():
                op.drop_updated_at_trigger("users")

        :param column: a column of date and time.
        :param schema: the schema of the table.
        :raises SchemaError: for a column of another type.
        """
        operations.invoke(cls(table, column, schema=schema))

    def reverse(self) -> UpdatedAtOp:
        return DropUpdatedAtTriggerOp(self.table, self.column, schema=self.schema)


@Operations.register_operation("drop_updated_at_trigger")
class DropUpdatedAtTriggerOp(UpdatedAtOp):
    """Drop the trigger."""

    work = "updated_at:DropUpdatedAt"
    name = "drop_updated_at_trigger"

    @classmethod
    def drop_updated_at_trigger(
        cls,
        operations: Operations,
        table: str,
        column: str = "updated_at",
        *,
        schema: str | None = None,
    ) -> None:
        """Drop the trigger that ``op.create_updated_at_trigger`` made.

        One that is not there is none to drop, so that it can be run again.

        ::

            op.drop_updated_at_trigger("users")

        :param column: the column it sets.
        :param schema: the schema of the table.
        """
        operations.invoke(cls(table, column, schema=schema))

    def reverse(self) -> UpdatedAtOp:
        return CreateUpdatedAtTriggerOp(self.table, self.column, schema=self.schema)
