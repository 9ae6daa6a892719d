"""The testing kit: migrations under test, and the pytest plugin that gives them.

pytest finds the plugin by itself. Nothing here is imported by an app.
"""

from __future__ import annotations

from .migrations import Migrations as Migrations
from .snapshots import Snapshot as Snapshot

__all__ = ["Migrations", "Snapshot"]
