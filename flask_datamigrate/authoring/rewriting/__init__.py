"""Takes the app's models out of a migration, and puts frozen ones in their place."""

from __future__ import annotations

from .rewrite import Rewritten as Rewritten
from .rewrite import rewrite as rewrite

__all__ = ["Rewritten", "rewrite"]
