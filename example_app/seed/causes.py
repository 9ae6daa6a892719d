"""The root causes of generated bugs, in a table of their own when they have one."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ..derived import cause_name
from . import rows
from .tables import bugs
from .tables import root_causes

_TEXT = bugs.columns.keys().index("root_cause")
_LINK = bugs.columns.keys().index("root_cause_id")


def linked(engine: sa.Engine, generated: t.Iterable[rows.Row]) -> t.Iterator[rows.Row]:
    """Give the rows of bugs with the key of their cause in the place of its link."""
    keys = _keys(engine)
    for row in generated:
        name = cause_name(row[_TEXT])
        yield (*row[:_LINK], name and keys[name], *row[_LINK + 1 :])


def _keys(engine: sa.Engine) -> dict[str, int]:
    """Make sure of all causes there can be, and return the key of each."""
    names = dict.fromkeys(filter(None, map(cause_name, rows.CAUSES)))
    query = sa.select(root_causes.c.name, root_causes.c.id)
    with engine.begin() as connection:
        there = {name for name, _ in connection.execute(query)}
        missing = [{"name": name} for name in names if name not in there]
        if missing:
            connection.execute(sa.insert(root_causes), missing)
        return {name: id for name, id in connection.execute(query)}
