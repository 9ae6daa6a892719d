"""Upgrades and downgrades that run schema and data, one segment after another."""

from __future__ import annotations

from .calls import downgrade as downgrade
from .calls import upgrade as upgrade
from .report import UpgradeReport as UpgradeReport

__all__ = ["UpgradeReport", "downgrade", "upgrade"]
