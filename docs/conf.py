"""How Sphinx builds the documentation."""

from __future__ import annotations

import importlib.metadata
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "_ext"))

project = "Flask-DataMigrate"
copyright = "2026, The Flask-DataMigrate authors"
version = release = importlib.metadata.version("Flask-DataMigrate")

extensions = ["myst_parser", "configuration_keys"]
myst_heading_anchors = 3
# Quotes in the text belong to values that readers copy.
smartquotes = False
nitpicky = True
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = project
