"""The ``op.`` directives, made known to Alembic.

Alembic loads this module as a plugin while it is itself half imported, so it
imports nothing but ``alembic.operations``; the work is imported when a directive
is called.
"""

from __future__ import annotations

import sys
import types
import typing as t

from alembic.operations import MigrateOperation
from alembic.operations import Operations

from . import logged_plugin as logged_plugin
from .ddl import directives as directives

if t.TYPE_CHECKING:
    from ..backfill.definition import Backfill


def setup(plugin: t.Any) -> None:
    """Do nothing: Alembic's plugin loader calls it, and the import registered all."""


class _Plugin(types.ModuleType):
    """This module, for an Alembic that takes an entry point for a list of modules.

    Releases before 1.20.1 do (Alembic issue 1873), and fail to be imported on one
    that is not; later ones warn of a list.
    """

    def __iter__(self) -> t.Iterator[types.ModuleType]:
        yield self


sys.modules[__name__].__class__ = _Plugin


@Operations.register_operation("backfill")
class BackfillOp(MigrateOperation):
    """Run a backfill."""

    def __init__(self, backfill: Backfill) -> None:
        self.definition = backfill

    @classmethod
    def backfill(cls, operations: Operations, backfill: Backfill) -> t.Any:
        """Run a :class:`~flask_datamigrate.Backfill`.

        Under ``flask db upgrade`` the engine has run it before the revision is
        applied, and this checks that; under plain Alembic it is run in place.
        """
        return operations.invoke(cls(backfill))


@Operations.implementation_for(BackfillOp)
def _backfill(operations: Operations, operation: BackfillOp) -> t.Any:
    from . import backfills

    return backfills.apply(operations.migration_context, operation.definition)


@Operations.register_operation("undo_backfill")
class UndoBackfillOp(MigrateOperation):
    """Undo a backfill."""

    def __init__(self, backfill: Backfill) -> None:
        self.definition = backfill

    @classmethod
    def undo_backfill(cls, operations: Operations, backfill: Backfill) -> t.Any:
        """Restore the old values that a backfill with ``undo=True`` kept."""
        return operations.invoke(cls(backfill))


@Operations.implementation_for(UndoBackfillOp)
def _undo_backfill(operations: Operations, operation: UndoBackfillOp) -> t.Any:
    from . import backfills

    return backfills.undo(operations.migration_context, operation.definition)


class InspectOp(MigrateOperation):
    """Ask what the database has."""

    def __init__(
        self, what: str, table: str, name: str | None, schema: str | None
    ) -> None:
        self.what = what
        self.table = table
        self.name = name
        self.schema = schema


@Operations.register_operation("has_table")
class HasTableOp(InspectOp):
    """Ask whether a table exists."""

    @classmethod
    def has_table(
        cls, operations: Operations, table: str, schema: str | None = None
    ) -> t.Any:
        """Return whether the database has a table."""
        return operations.invoke(cls("table", table, None, schema))


@Operations.register_operation("has_column")
class HasColumnOp(InspectOp):
    """Ask whether a column exists."""

    @classmethod
    def has_column(
        cls, operations: Operations, table: str, name: str, schema: str | None = None
    ) -> t.Any:
        """Return whether a table has a column; ``False`` if there is no table."""
        return operations.invoke(cls("column", table, name, schema))


@Operations.register_operation("has_index")
class HasIndexOp(InspectOp):
    """Ask whether an index exists."""

    @classmethod
    def has_index(
        cls, operations: Operations, table: str, name: str, schema: str | None = None
    ) -> t.Any:
        """Return whether a table has an index of a name."""
        return operations.invoke(cls("index", table, name, schema))


@Operations.register_operation("has_constraint")
class HasConstraintOp(InspectOp):
    """Ask whether a constraint exists."""

    @classmethod
    def has_constraint(
        cls, operations: Operations, table: str, name: str, schema: str | None = None
    ) -> t.Any:
        """Return whether a table has a constraint of a name, of any kind."""
        return operations.invoke(cls("constraint", table, name, schema))


@Operations.implementation_for(InspectOp)
def _inspect(operations: Operations, operation: InspectOp) -> bool:
    from . import inspection

    return inspection.has(
        operations.migration_context,
        operation.what,
        operation.table,
        operation.name,
        operation.schema,
    )
