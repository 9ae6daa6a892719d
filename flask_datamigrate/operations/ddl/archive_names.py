"""The archives of a table that gets another name: they are found by it."""

from __future__ import annotations

import typing as t

from .archived import Archived
from .notes import Notes
from .operation import Operation
from .site import Site


def steps(site: Site, table: str, later: str, schema: str | None) -> list[str]:
    """Return what is left to do for the archives to follow, each safe to run again.

    :param table: the name of the table that they have.
    :param later: the name it gets.
    """
    made = []
    notes = Notes(site, schema)
    for archived, note in _of(site, table, schema):
        follower = Archived(site, later, schema, archived.column)
        detail = {**note, "table": Operation.full_name(later, schema)}
        made += archived.rename_side(follower)
        # The note comes last: by it a run that was cut off finds what is left.
        made.append(notes.renamed(archived.name, follower.name, **detail))
    return made


def taken(site: Site, table: str, later: str, schema: str | None) -> str:
    """Return the name of an archive that is in the way of one; "" for none."""
    notes = Notes(site, schema).all()
    for archived, _ in _of(site, table, schema):
        name = Archived(site, later, schema, archived.column).name
        if name in notes:
            return name
    return ""


def _of(
    site: Site, table: str, schema: str | None
) -> list[tuple[Archived, dict[str, t.Any]]]:
    """Return the archives of a table, and what is written down of each."""
    full = Operation.full_name(table, schema)
    found = []
    for name, note in Notes(site, schema).all().items():
        if note.get("table") == full and "column" in note:
            archived = Archived(site, table, schema, note["column"])
            if archived.name == name:
                found.append((archived, note))
    return found
