"""What the tables are called that this package keeps in an app's database."""

from __future__ import annotations

OWN_TABLES = "datamigrate_"
"""How their names begin."""
