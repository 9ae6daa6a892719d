"""The directive ``configuration-keys``: every ``DATAMIGRATE_*`` key and its meaning."""

from __future__ import annotations

import typing as t

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from flask_datamigrate import settings


class ConfigurationKeys(SphinxDirective):
    """Write a section for each key of :data:`flask_datamigrate.settings.KEYS`."""

    def run(self) -> list[nodes.Node]:
        # What the page says is what this file holds.
        self.env.note_dependency(settings.__file__)
        text = "\n".join(_section(key) for key in settings.KEYS)
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, t.Any]:
    app.add_directive("configuration-keys", ConfigurationKeys)
    return {"parallel_read_safe": True}


def _section(key: settings.Key) -> str:
    return f"""
## `{key.name}`

{key.meaning}

- Value: {key.expects}
- Default: `{key.default!r}`
"""
