"""What autogenerate passes over: the tables this package keeps for itself.

``env.py`` may pass an ``include_name`` or ``include_object`` of its own, by any
way it likes; a comparator that runs before all others reaches every one of them.
"""

from __future__ import annotations

import typing as t

from alembic.autogenerate import comparators
from alembic.util import DispatchPriority

from ..tablenames import OWN_TABLES

if t.TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


@comparators.dispatch_for("autogenerate", priority=DispatchPriority.FIRST)
def _pass_over_own_tables(context: AutogenContext, operations: t.Any) -> None:
    context._name_filters.append(_is_not_own)


def _is_not_own(name: str | None, type_: str, parents: t.Any) -> bool:
    return type_ != "table" or name is None or not name.startswith(OWN_TABLES)
