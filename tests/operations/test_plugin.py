"""How Alembic finds the operations."""

from __future__ import annotations

import types
from importlib import metadata


def test_the_entry_point_is_a_module_and_a_list_of_it() -> None:
    """Alembic 1.20.1 wants the one, and those before it iterate over the other."""
    (entry,) = metadata.entry_points(group="alembic.plugins", name="flask_datamigrate")

    loaded = entry.load()

    assert isinstance(loaded, types.ModuleType)
    assert list(loaded) == [loaded]
    assert callable(loaded.setup)
