"""Writes the difference between models and database as the revisions of a change."""

from __future__ import annotations

from .defaults import Doubt as Doubt
from .write import change as change

__all__ = ["Doubt", "change"]
