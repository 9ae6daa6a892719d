"""An operation that is written into a revision as it is spelled here."""

from __future__ import annotations

import typing as t

from alembic.autogenerate import renderers
from alembic.operations import MigrateOperation

if t.TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


class Written(MigrateOperation):
    """Lines of code, and those that take them back.

    :param back: the lines of the downgrade.
    """

    def __init__(self, lines: str, back: str) -> None:
        self.lines = lines
        self.back = back

    def reverse(self) -> Written:
        return Written(self.back, self.lines)


@renderers.dispatch_for(Written)
def _render(_: AutogenContext, operation: Written) -> str:
    return operation.lines
