"""``op.create_sync`` and ``op.drop_sync``."""

from __future__ import annotations

import typing as t

from alembic.operations import Operations

from ..sync_notes import Home
from .base import SafeOp


class SyncOp(SafeOp):
    """Triggers that keep old and new columns of a table equal.

    :param changes: those that a revision belongs to, if there are revisions.
    :param home: the version table, beside which it is written down.
    """

    def __init__(
        self,
        table: str,
        *,
        change: str,
        part: str | None,
        schema: str | None,
        changes: t.Collection[str] | None,
        home: Home,
    ) -> None:
        self.table = table
        self.change = change
        self.part = part
        self.schema = schema
        self.changes = changes
        self.home = home


@Operations.register_operation("create_sync")
class CreateSyncOp(SyncOp):
    """Create the triggers."""

    work = "sync:CreateSync"
    name = "create_sync"

    def __init__(
        self,
        table: str,
        *,
        change: str,
        forward: t.Mapping[str, t.Any],
        backward: t.Mapping[str, t.Any],
        forward_sql: t.Any,
        backward_sql: t.Any,
        catch_up: t.Any,
        part: str | None,
        schema: str | None,
        changes: t.Collection[str] | None,
        home: Home,
    ) -> None:
        super().__init__(
            table, change=change, part=part, schema=schema, changes=changes, home=home
        )
        self.forward = dict(forward)
        self.backward = dict(backward)
        self.forward_sql = forward_sql
        self.backward_sql = backward_sql
        self.catch_up = catch_up

    @classmethod
    def create_sync(
        cls,
        operations: Operations,
        table: str,
        *,
        change: str,
        forward: t.Any = None,
        backward: t.Any = None,
        forward_sql: t.Any = None,
        backward_sql: t.Any = None,
        catch_up: t.Any = None,
        part: str | None = None,
        schema: str | None = None,
    ) -> None:
        """Keep old and new columns equal while code that uses either is running.

        ::

            op.create_sync(
                "users",
                change="split_full_name",
                forward={
                    "first_name": sn.split_part(users.c.full_name, " ", 1),
                    "last_name": sn.split_part(users.c.full_name, " ", -1),
                },
                backward={
                    "full_name": sa.func.coalesce(
                        users.c.first_name + " " + users.c.last_name,
                        users.c.first_name,
                        users.c.last_name,
                    ),
                },
            )

        A statement that writes only old columns has the new ones follow, one that
        writes only new columns the old ones; what writes both is left as it is. A
        backfill fills new columns without the old ones following. Created again, it
        takes the place of the one before.

        :param change: the staged change it belongs to.
        :param forward: the new columns, each with its expression over the old ones.
        :param backward: the old columns, each with its expression over the new ones.
        :param forward_sql: a statement to run before the new columns are set, in which
            ``NEW.column`` is what is written, such as one that makes sure of the row
            they will refer to.
        :param backward_sql: the same before the old columns are set.
        :param catch_up: an update of the old columns in the rows that were written
            without them, in the downgrade of a contract. It is run when the triggers
            are committed, so that no write is missed, a range of the primary key at a
            time, and sets none of them off. A run that was cut off begins anew.
        :param part: a name for it, where a change has several on a table: columns that
            have nothing to do with each other, of which one statement may write the old
            one and the new one of another.
        :param schema: the schema of the table.
        :raises SchemaError: for a column that is not there, and for one that another
            sync of the table sets, or goes by while this one sets it.
        """
        operations.invoke(
            cls(
                table,
                change=change,
                forward=forward or {},
                backward=backward or {},
                forward_sql=forward_sql,
                backward_sql=backward_sql,
                catch_up=catch_up,
                part=part,
                schema=schema,
                changes=_changes(operations),
                home=Home.of(operations.migration_context),
            )
        )


@Operations.register_operation("drop_sync")
class DropSyncOp(SyncOp):
    """Drop the triggers."""

    work = "sync:DropSync"
    name = "drop_sync"

    @classmethod
    def drop_sync(
        cls,
        operations: Operations,
        table: str,
        *,
        change: str,
        part: str | None = None,
        schema: str | None = None,
    ) -> None:
        """Drop the triggers that ``op.create_sync`` made.

        ::

            op.drop_sync("users", change="split_full_name")

        Where there are none, nothing is dropped, so that it can be run again.

        :param change: the staged change they belong to.
        :param part: what it was given there.
        :param schema: the schema of the table.
        :raises SchemaError: when there are none, and some of a change that no revision
            belongs to any more: it was renamed.
        """
        operations.invoke(
            cls(
                table,
                change=change,
                part=part,
                schema=schema,
                changes=_changes(operations),
                home=Home.of(operations.migration_context),
            )
        )


def _changes(operations: Operations) -> set[str] | None:
    """Return the changes that a revision belongs to; ``None`` without revisions."""
    tree = operations.migration_context.script
    if tree is None:
        return None
    scripts = tree.walk_revisions()
    return {str(vars(one.module).get("change")) for one in scripts}
