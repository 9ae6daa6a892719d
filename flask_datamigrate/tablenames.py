"""What the tables are called that this package keeps in an app's database."""

from __future__ import annotations

OWN_TABLES = "datamigrate_"
"""How their names begin."""

_VERSION = "alembic_version"


def is_of_the_app(name: str) -> bool:
    """Tell a table of the app from Alembic's and from our own."""
    return name != _VERSION and not name.startswith(OWN_TABLES)
