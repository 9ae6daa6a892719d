"""Where the staged changes of an app stand, by its config and its databases."""

from __future__ import annotations

import dataclasses
import typing as t

from flask import current_app

from .. import scripts
from .. import settings
from ..operations.ddl import journal
from ..operations.ddl import sync
from ..operations.ddl import sync_notes
from ..operations.ddl.sync import prefix
from ..stages import beats
from ..stages import changes as staged
from ..stages import compatibility
from ..stages import gates
from ..stages import marks
from ..stages import unnamed
from ..stages.apart import Conflict
from . import sound
from .places import Place
from .places import places

if t.TYPE_CHECKING:
    from alembic.script import ScriptDirectory


def standings(
    directory: str | None,
    read: t.Callable[[ScriptDirectory], dict[str, staged.Change]] = sound.changes,
) -> list[compatibility.Standing]:
    """Return where each change stands, the first begun first; nothing is changed.

    :param read: returns the changes; by default, it warns of revisions that make no
        sense together.
    :raises ConfigError: for a config that does not fit them.
    """
    migrate = current_app.extensions["migrate"].migrate
    config = migrate.get_config(directory)
    tree = scripts.directory(config)
    changes = read(tree)
    values = settings.read(current_app.config)
    stages = values.stages
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
    half = [one for place in found for one in _half_contracted(place)]
    alive = [] if values.heartbeat is None else [b for p in found for b in _alive(p)]
    standing = [
        compatibility.standing(
            change,
            stages.get(name),
            known,
            applied,
            tuple(
                sorted({t for trigger, t in synced if trigger.startswith(prefix(name))})
            ),
            [one for one in lacking if one.change == name],
            [one for one in half if one.contract == name],
        )
        for name, change in changes.items()
    ]
    left = _nameless(found, changes, synced)
    standing = [_renamed(_occupied(one, alive), left) for one in standing]
    standing = [_asked(one, migrate.asked, stages) for one in standing]
    _, errors = staged.survey(tree)
    return [_refused(one) for one in standing] if errors else standing


def unwritten(known: t.Iterable[str]) -> list[Conflict]:
    """Return what is wrong of changes that the code asks for and that are in no file.

    :param known: the changes that revisions belong to.
    """
    stages = settings.read(current_app.config).stages
    asked: set[str] = current_app.extensions["migrate"].migrate.asked
    named = stages.keys()
    return [
        unnamed.conflict(name, None, False, {*named, *known}, known=False)
        for name in sorted(asked - named - set(known))
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


def _half_contracted(place: Place) -> list[journal.HalfDone]:
    with place.engine.connect() as connection:
        return journal.half_contracted(connection, place.schema)


def _alive(place: Place) -> list[beats.Beat]:
    with place.engine.connect() as connection:
        return beats.alive(connection, place.schema)


def _occupied(
    standing: compatibility.Standing, alive: t.Iterable[beats.Beat]
) -> compatibility.Standing:
    """Return a change whose gate would be open, but for processes of older code."""
    busy = beats.before_contract(standing.name, alive)
    if standing.gate != compatibility.OPEN or not busy:
        return standing
    return dataclasses.replace(
        standing,
        gate=f"closed: {gates.reported(standing.name, busy)}",
        next=f"{gates.how_to_free(standing.name, busy)}; then run flask db upgrade",
        processes=tuple(busy),
    )


def _asked(
    standing: compatibility.Standing,
    asked: t.Container[str],
    named: t.Iterable[str],
) -> compatibility.Standing:
    """Return a change that the config has to name, since the code asks for it.

    :param asked: the changes that the code asks for.
    :param named: those of the config.
    """
    is_named = standing.config is not None
    if is_named or standing.conflict is not None or standing.name not in asked:
        return standing
    wrong = unnamed.conflict(standing.name, standing.database, standing.verified, named)
    return dataclasses.replace(standing, conflict=wrong, next=wrong.mend)


def _refused(standing: compatibility.Standing) -> compatibility.Standing:
    """Return a change whose next step has to wait until the files are mended."""
    if "flask db upgrade" not in standing.next:
        return standing
    first = "mend the revisions, which flask db upgrade refuses as the warnings say"
    return dataclasses.replace(standing, next=f"{first}; then: {standing.next}")


def _nameless(
    found: t.Iterable[Place],
    changes: t.Container[str],
    synced: t.Sequence[tuple[str, str]],
) -> dict[str, list[str]]:
    """Return the changes under way that no revision belongs to any more.

    :param synced: the triggers there are, each with its table.
    :returns: by name, the tables that have triggers of it.
    """
    known: set[str] = set()
    for place in found:
        with place.engine.connect() as connection:
            known.update(marks.read(connection, place.schema))
    tables = {
        name: sorted({t for trigger, t in synced if trigger.startswith(prefix(name))})
        for name in sorted(known)
        if name not in changes
    }
    return {name: on for name, on in tables.items() if on}


def _renamed(
    standing: compatibility.Standing, nameless: t.Mapping[str, t.Sequence[str]]
) -> compatibility.Standing:
    """Return a change that may have lost its triggers by being renamed.

    They are found by its name, and its contract cannot drop those of another.
    """
    begun = standing.database in ("expand", "migrate")
    if not nameless or standing.sync or not begun:
        return standing
    name, tables = next(iter(nameless.items()))
    return dataclasses.replace(
        standing,
        next=f'the triggers on {", ".join(tables)} are those of change "{name}", which '
        "no revision belongs to any more. If this one was renamed, call it so again, "
        "in its revisions and in the config. Otherwise drop them (flask db data doctor "
        f"says how), then: {standing.next}",
    )
