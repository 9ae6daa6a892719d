"""Where the staged changes of an app stand, by its config and its databases."""

from __future__ import annotations

from flask import current_app

from .. import scripts
from .. import settings
from ..operations.ddl import sync
from ..operations.ddl import sync_notes
from ..operations.ddl.sync import prefix
from ..stages import changes as staged
from ..stages import compatibility
from ..stages import gates
from .places import Place
from .places import places


def standings(directory: str | None) -> list[compatibility.Standing]:
    """Return where each change stands, the first begun first; nothing is changed.

    :raises StageError: for revisions that make no sense together.
    :raises ConfigError: for a config that does not fit them.
    """
    migrate = current_app.extensions["migrate"].migrate
    config = migrate.get_config(directory)
    tree = scripts.directory(config)
    changes = staged.read(tree)
    stages = settings.read(current_app.config).stages
    staged.check_config(changes, stages)
    if not changes:
        return []
    found = places(config, tree)
    revisions = {script.revision for script in tree.walk_revisions()}
    applied = [
        scripts.ancestors(tree, revisions.intersection(place.heads)) for place in found
    ]
    known = [r for place in found for r in gates.records(place.engine, place.schema)]
    synced = [one for place in found for one in _synced(place)]
    lacking = [one for place in found for one in _lacking(place)]
    return [
        compatibility.standing(
            change,
            stages.get(name),
            known,
            applied,
            tuple(
                sorted({t for trigger, t in synced if trigger.startswith(prefix(name))})
            ),
            [one for one in lacking if one.change == name],
        )
        for name, change in changes.items()
    ]


def reach(directory: str | None) -> None:
    """Connect to each database of the app, and ask it for its version.

    :raises sqlalchemy.exc.DBAPIError: when one does not answer.
    """
    config = current_app.extensions["migrate"].migrate.get_config(directory)
    places(config, scripts.directory(config))


def _synced(place: Place) -> list[tuple[str, str]]:
    with place.engine.connect() as connection:
        return sync.tables(connection, place.schema)


def _lacking(place: Place) -> list[sync_notes.Lack]:
    with place.engine.connect() as connection:
        return sync_notes.lacking(connection, place.schema)
