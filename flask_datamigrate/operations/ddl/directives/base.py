"""What all safe DDL directives have in common."""

from __future__ import annotations

import importlib
import typing as t

from alembic.operations import MigrateOperation
from alembic.operations import Operations


class SafeOp(MigrateOperation):
    """A safe DDL directive: the name, and the arguments of its call.

    ``work`` names the module beside this package, and the class in it, that does
    what the directive says; it is made from the directive itself.
    """

    work: t.ClassVar[str]
    name: t.ClassVar[str]

    def arguments(self) -> tuple[list[t.Any], dict[str, t.Any]]:
        """Return what autogenerate writes into the call."""
        raise NotImplementedError


@Operations.implementation_for(SafeOp)
def _run(operations: Operations, operation: SafeOp) -> None:
    module, _, name = operation.work.partition(":")
    package = __package__.rpartition(".")[0]
    from .. import runner

    work = getattr(importlib.import_module(f"{package}.{module}"), name)
    runner.run(operations, work(operation))
