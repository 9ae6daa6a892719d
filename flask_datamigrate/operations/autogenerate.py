"""What autogenerate passes over, and asks about.

It passes over the tables this package keeps for itself.
``env.py`` may pass an ``include_name`` or ``include_object`` of its own, by any
way it likes; a comparator that runs before all others reaches every one of them.
"""

from __future__ import annotations

import typing as t

from alembic.autogenerate import comparators
from alembic.util import DispatchPriority

from ..tablenames import OWN_TABLES
from . import renames

if t.TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


@comparators.dispatch_for("autogenerate", priority=DispatchPriority.FIRST)
def _pass_over_own_tables(context: AutogenContext, operations: t.Any) -> None:
    context._name_filters.append(_is_not_own)


@comparators.dispatch_for("autogenerate", priority=DispatchPriority.LAST)
def _ask_about_renames(context: AutogenContext, operations: t.Any) -> None:
    decide = renames.decide.get()
    if decide is None:
        return
    assert context.connection is not None
    for rename in renames.find(operations.ops, context.connection):
        if decide(rename):
            raise renames.Staged(rename)


def _is_not_own(name: str | None, type_: str, parents: t.Any) -> bool:
    return type_ != "table" or name is None or not name.startswith(OWN_TABLES)
