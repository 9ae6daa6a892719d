"""``op.add_enum_value`` and ``op.drop_enum_value``."""

from __future__ import annotations

import typing as t

from alembic.operations import Operations

from .base import SafeOp


class EnumValueOp(SafeOp):
    """A value of an enum column, whatever the database makes of that."""

    def __init__(
        self,
        table: str,
        column: str,
        value: str,
        *,
        before: str | None = None,
        after: str | None = None,
        schema: str | None = None,
    ) -> None:
        self.table = table
        self.column = column
        self.value = value
        self.before = before
        self.after = after
        self.schema = schema

    def arguments(self) -> tuple[list[t.Any], dict[str, t.Any]]:
        return [self.table, self.column, self.value], {
            "before": self.before,
            "after": self.after,
            "schema": self.schema,
        }

    def _turned(self, other: type[EnumValueOp]) -> EnumValueOp:
        return other(
            self.table,
            self.column,
            self.value,
            before=self.before,
            after=self.after,
            schema=self.schema,
        )


@Operations.register_operation("add_enum_value")
class AddEnumValueOp(EnumValueOp):
    """Add a value."""

    work = "enums:AddValue"
    name = "add_enum_value"

    @classmethod
    def add_enum_value(
        cls,
        operations: Operations,
        table: str,
        column: str,
        value: str,
        *,
        before: str | None = None,
        after: str | None = None,
        schema: str | None = None,
    ) -> None:
        """Allow one more value in an enum column.

        The column may be of an ENUM type (PostgreSQL, MySQL, MariaDB), or have a
        CHECK that lists its values, as ``sa.Enum(native_enum=False,
        create_constraint=True)`` makes it.

        ::

            def upgrade():
                op.add_enum_value("orders", "status", "returned", after="shipped")


            def downgrade():
                op.drop_enum_value("orders", "status", "returned", after="shipped")

        :param before: the value it comes in front of.
        :param after: the value it comes behind; without either it is the last.
        :param schema: the schema of the table.
        :raises SchemaError: when the value exists, or ``before`` or ``after`` does
            not.
        """
        operations.invoke(
            cls(table, column, value, before=before, after=after, schema=schema)
        )

    def reverse(self) -> EnumValueOp:
        return self._turned(DropEnumValueOp)


@Operations.register_operation("drop_enum_value")
class DropEnumValueOp(EnumValueOp):
    """Take a value away."""

    work = "enums:DropValue"
    name = "drop_enum_value"

    @classmethod
    def drop_enum_value(
        cls,
        operations: Operations,
        table: str,
        column: str,
        value: str,
        *,
        before: str | None = None,
        after: str | None = None,
        schema: str | None = None,
    ) -> None:
        """Forbid a value of an enum column: the downgrade of ``op.add_enum_value``.

        A value that is not there is none to drop, so that it can be run again.

        :param before: not used; autogenerate writes the upgrade from it.
        :param after: likewise.
        :param schema: the schema of the table.
        :raises SchemaError: when rows have the value, with their count and the keys
            of three.
        """
        operations.invoke(
            cls(table, column, value, before=before, after=after, schema=schema)
        )

    def reverse(self) -> EnumValueOp:
        return self._turned(AddEnumValueOp)
