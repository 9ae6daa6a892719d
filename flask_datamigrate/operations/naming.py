"""What the backfills of a revision are called, and how they are found again."""

from __future__ import annotations

import typing as t

from ..backfill.definition import Backfill
from ..backfill.runner import Task
from ..errors import DefinitionError

if t.TYPE_CHECKING:
    from alembic.script import Script
    from alembic.script import ScriptDirectory


def backfills_of(script: Script) -> list[Task]:
    """Return the backfills that a revision's file defines, in order.

    The first without a name of its own is called as the revision, so that one that is
    begun keeps its name when another is written below it.
    """
    found: dict[int, tuple[str, Backfill]] = {}
    for attribute, value in vars(script.module).items():
        if isinstance(value, Backfill) and not value.atomic:
            found.setdefault(id(value), (attribute, value))
    named: list[tuple[Backfill, str]] = []
    default = script.revision
    for attribute, backfill in found.values():
        if backfill.name is not None:
            named.append((backfill, backfill.name))
            continue
        named.append((backfill, default or f"{script.revision}.{attribute}"))
        default = ""
    names = frozenset(name for _, name in named)
    return [Task(backfill, name, script.revision, names) for backfill, name in named]


def all_of(tree: ScriptDirectory) -> list[Task]:
    """Return the backfills of all revisions, in the order those are applied in."""
    scripts = reversed(list(tree.walk_revisions()))
    return [task for script in scripts for task in backfills_of(script)]


def task_of(
    backfill: Backfill, directory: ScriptDirectory | None, revision: str | None
) -> Task:
    """Return a backfill with its name and the revision it belongs to.

    :param directory: the migration scripts.
    :param revision: the revision being run, if that is known.
    :raises DefinitionError: when it has no name and none can be given.
    """
    scripts: t.Iterable[Script] = ()
    if directory is not None:
        scripts = (
            directory.walk_revisions()
            if revision is None
            else [directory.get_revision(revision)]
        )
    for script in scripts:
        for task in backfills_of(script):
            if task.backfill is backfill:
                return task
    # Made inside upgrade(): no other run could tell which one it was.
    if backfill.name is None:
        raise DefinitionError(
            "it is made inside a function, so it has no name to go on by",
            where=f"{f'revision {revision}, ' if revision else ''}"
            f"table {backfill.table.name}",
            state="Nothing was changed",
            next="Define it at the top level of the revision's file, or give it name=",
        )
    return Task(backfill, backfill.name, revision)


def find(directory: ScriptDirectory, name: str) -> Task | None:
    """Return the backfill of a name among all revisions."""
    for script in directory.walk_revisions():
        for task in backfills_of(script):
            if task.name == name:
                return task
    return None
