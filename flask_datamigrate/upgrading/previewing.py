"""What the backfills of a revision would do, on the databases it is for."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.script import Script
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import current_app

from .. import scripts
from .. import settings
from ..backfill.preview import Preview
from ..backfill.preview import preview
from ..backfill.states import State
from ..backfill.store import Store
from ..backfill.task import Task
from ..errors import BackfillError
from ..operations import naming
from .overview import bind_of
from .places import Place
from .places import places

_UNCHANGED = "Nothing was changed"


def previews(
    directory: str | None, revision: str
) -> t.Iterator[tuple[str | None, Preview]]:
    """Try the backfills of a revision, and take back what they did.

    :returns: each with the bind key of its database, ``None`` for the default one.
        Where several databases have its table, one for each: only the revision's
        functions know which of them it changes.
    :raises BackfillError: when it has none, is done, or stands on revisions that are
        not applied.
    """
    extension = current_app.extensions["migrate"]
    config = extension.migrate.get_config(directory)
    tree = scripts.directory(config)
    values = settings.read(current_app.config)
    with scripts.errors_in(tree.dir):
        script = _script(tree, revision)
        tasks = naming.backfills_of(script)
        found = places(config, tree)
    if not tasks:
        raise BackfillError(
            "it has no backfill to preview",
            where=f"revision {script.revision}",
            state=_UNCHANGED,
            next="flask db history shows the others; a backfill with atomic=True runs "
            "with its revision, and has no preview",
        )
    for place in found:
        _check_reached(tree, script, place)
        for task in tasks:
            if len(found) > 1 and not _has_table(place.engine, task):
                # Another of the app's databases has it.
                continue
            _check_to_do(place, task)
            bind = bind_of(place, extension.db.engines)
            yield bind, preview(place.engine, task, values)


def _script(tree: ScriptDirectory, revision: str) -> Script:
    try:
        found = tree.get_revision(revision)
    except CommandError as error:
        raise scripts.advised(error) from error
    assert found is not None
    return found


def _check_reached(tree: ScriptDirectory, script: Script, place: Place) -> None:
    """Refuse a revision whose parents are still to come: its tables may be too."""
    known = {found.revision for found in tree.walk_revisions()}
    applied = scripts.ancestors(tree, known.intersection(place.heads))
    needed = scripts.ancestors(tree, [script.revision]) - {script.revision} - applied
    if not needed:
        return
    # walk_revisions() gives the last one first.
    first = [s.revision for s in tree.walk_revisions() if s.revision in needed][::-1]
    raise BackfillError(
        f"{', '.join(first)} {'comes' if len(first) == 1 else 'come'} first, and "
        f"{'is' if len(first) == 1 else 'are'} not applied",
        where=f"revision {script.revision}",
        state=_UNCHANGED,
        next=f"flask db upgrade {first[-1]}, and run the same command again",
    )


def _has_table(engine: sa.Engine, task: Task) -> bool:
    table = task.backfill.table
    return sa.inspect(engine).has_table(table.name, schema=table.schema)


def _check_to_do(place: Place, task: Task) -> None:
    """Refuse a backfill that is done, since its rows are not as they were before."""
    store = Store(place.schema, place.engine.dialect)
    with place.engine.connect() as connection:
        if not store.exists(connection):
            return
        record = store.get(connection, task.name)
    if record is not None and record.state is State.FINISHED:
        raise BackfillError(
            "it is finished",
            where=task.label,
            state=_UNCHANGED,
            next="flask db data status shows what it did",
        )
