"""An operation that is written into a revision as it is spelled here."""

from __future__ import annotations

import typing as t

from alembic.autogenerate import renderers
from alembic.operations import MigrateOperation

if t.TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


class Written(MigrateOperation):
    """Lines of code, and those that take them back.

    :param lines: those of the upgrade; "" for none.
    :param back: those of the downgrade; "" for none.
    """

    def __init__(self, lines: str, back: str) -> None:
        self.lines = lines
        self.back = back

    def reverse(self) -> Written:
        return Written(self.back, self.lines)


@renderers.dispatch_for(Written)
def _render(_: AutogenContext, operation: Written) -> list[str]:
    return [operation.lines] if operation.lines else []


class OnTheWayBack(MigrateOperation):
    """An operation of the downgrade alone.

    :param operation: what is done there.
    """

    def __init__(self, operation: MigrateOperation) -> None:
        self.operation = operation

    def reverse(self) -> MigrateOperation:
        return self.operation


@renderers.dispatch_for(OnTheWayBack)
def _render_nothing(_: AutogenContext, operation: OnTheWayBack) -> list[str]:
    return []
