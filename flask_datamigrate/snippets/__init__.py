"""SQL that branches on the dialect."""

from __future__ import annotations

from .branching import branch as branch

__all__ = ["branch"]
