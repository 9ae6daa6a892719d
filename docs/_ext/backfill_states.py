"""The directives ``backfill-states`` and ``state-tables``."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from flask_datamigrate.backfill import states
from flask_datamigrate.backfill import tables


class BackfillStates(SphinxDirective):
    """Write the allowed steps between states, with the reason of each."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(states.__file__)
        lines = ["| from | to | when |", "|---|---|---|"]
        for (before, after), reason in states.TRANSITIONS.items():
            lines.append(f"| {before.value} | {after.value} | {reason} |")
        return self.parse_text_to_nodes("\n".join(lines))


class StateTables(SphinxDirective):
    """Write the columns of the tables that are kept beside ``alembic_version``."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(tables.__file__)
        lines = ["| table | columns |", "|---|---|"]
        for table in tables.tables(None).metadata.sorted_tables:
            lines.append(f"| `{table.name}` | {_columns(table)} |")
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> dict[str, t.Any]:
    app.add_directive("backfill-states", BackfillStates)
    app.add_directive("state-tables", StateTables)
    return {"parallel_read_safe": True}


def _columns(table: sa.Table) -> str:
    return ", ".join(f"`{column.name}`" for column in table.columns)
