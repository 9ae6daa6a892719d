"""Frozen tables: the columns a migration touches, as they were when it was written."""

from __future__ import annotations

import typing as t

from .blank import fill_in as fill_in
from .models import model as model
from .tables import table as table

if t.TYPE_CHECKING:
    from .history import at as at

__all__ = ["at", "fill_in", "model", "table"]


def __getattr__(name: str) -> t.Any:
    # Replaying needs all of Alembic, which a migration's frozen tables do not.
    if name != "at":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .history import at

    return at
