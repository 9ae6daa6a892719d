"""What every test may use: the real databases of :mod:`tests.databases`."""

from __future__ import annotations

pytest_plugins = ["tests.databases.plugin"]
