"""``op.create_index_online`` and ``op.drop_index_online``."""

from __future__ import annotations

import typing as t

from alembic.operations import Operations

from .base import SafeOp


class _Text(str):
    """SQL, which is written down as such and not as a name."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"sa.text({str.__repr__(self)})"


def _written(value: t.Any) -> t.Any:
    """Return an expression in the form autogenerate writes it in."""
    if not hasattr(value, "compile"):
        return value
    return _Text(value.compile(compile_kwargs={"literal_binds": True}))


class IndexOp(SafeOp):
    """An index that is made or dropped while the table is written to."""

    def __init__(
        self,
        index_name: str,
        table: str,
        columns: t.Sequence[t.Any] | None = None,
        *,
        schema: str | None = None,
        unique: bool = False,
        options: t.Mapping[str, t.Any] | None = None,
    ) -> None:
        self.index_name = index_name
        self.table = table
        self.columns = columns
        self.schema = schema
        self.unique = unique
        self.options = dict(options or {})

    def arguments(self) -> tuple[list[t.Any], dict[str, t.Any]]:
        columns = [] if self.columns is None else [list(map(_written, self.columns))]
        return [self.index_name, self.table, *columns], {
            "schema": self.schema,
            "unique": self.unique or None,
            **{name: _written(value) for name, value in self.options.items()},
        }

    def _turned(self, other: type[IndexOp]) -> IndexOp:
        return other(
            self.index_name,
            self.table,
            self.columns,
            schema=self.schema,
            unique=self.unique,
            options=self.options,
        )


@Operations.register_operation("create_index_online")
class CreateIndexOnlineOp(IndexOp):
    """Create an index."""

    work = "indexes:CreateIndex"
    name = "create_index_online"

    @classmethod
    def create_index_online(
        cls,
        operations: Operations,
        index_name: str,
        table: str,
        columns: t.Sequence[t.Any],
        *,
        schema: str | None = None,
        unique: bool = False,
        **options: t.Any,
    ) -> None:
        """Create an index while the table is read and written.

        ::

            def upgrade():
                op.create_index_online("ix_users_email", "users", ["email"])


            def downgrade():
                op.drop_index_online("ix_users_email", "users")

        :param columns: names, or expressions: ``sa.text("lower(email)")``.
        :param schema: the schema of the table.
        :param unique: whether no two rows may have the same values.
        :param options: what ``op.create_index`` takes for a dialect, such as
            ``postgresql_where=``, ``postgresql_using=``, ``postgresql_include=``,
            ``mysql_length=`` and ``sqlite_where=``.
        :raises SchemaError: when rows are not unique, with their count and keys;
            when an index of that name is another one.
        """
        operations.invoke(
            cls(
                index_name,
                table,
                columns,
                schema=schema,
                unique=unique,
                options=options,
            )
        )

    def reverse(self) -> IndexOp:
        return self._turned(DropIndexOnlineOp)


@Operations.register_operation("drop_index_online")
class DropIndexOnlineOp(IndexOp):
    """Drop an index."""

    work = "indexes:DropIndex"
    name = "drop_index_online"

    @classmethod
    def drop_index_online(
        cls,
        operations: Operations,
        index_name: str,
        table: str,
        columns: t.Sequence[t.Any] | None = None,
        *,
        schema: str | None = None,
        unique: bool = False,
        **options: t.Any,
    ) -> None:
        """Drop an index while the table is read and written.

        An index that is not there is none to drop, so that it can be run again.

        ::

            op.drop_index_online("ix_users_email", "users")

        :param columns: as in ``op.create_index_online``; they, ``unique`` and the
            options serve autogenerate, which writes the downgrade from them.
        :param schema: the schema of the table.
        :raises SchemaError: when a constraint needs the index.
        """
        operations.invoke(
            cls(
                index_name,
                table,
                columns,
                schema=schema,
                unique=unique,
                options=options,
            )
        )

    def reverse(self) -> IndexOp:
        if self.columns is None:
            raise ValueError(
                f"drop_index_online({self.index_name!r}) was not given the columns, "
                "so there is nothing to create the index from"
            )
        return self._turned(CreateIndexOnlineOp)
