"""How Sphinx builds the documentation."""

from __future__ import annotations

import importlib.metadata
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "_ext"))

project = "Flask-DataMigrate"
copyright = "2026, The Flask-DataMigrate authors"
version = release = importlib.metadata.version("Flask-DataMigrate")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "backfill_states",
    "command_help",
    "configuration_keys",
    "lint_rules",
]
# The descriptions name the types that matter; the rest is in the source.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
myst_heading_anchors = 3
# Quotes in the text belong to values that readers copy.
smartquotes = False
nitpicky = True
nitpick_ignore = [("py:class", "alembic.util.exc.CommandError")]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = project
