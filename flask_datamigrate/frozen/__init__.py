"""Frozen tables: the columns a migration touches, as they were when it was written."""

from __future__ import annotations

from .blank import fill_in as fill_in
from .models import model as model
from .tables import table as table

__all__ = ["fill_in", "model", "table"]
