"""What a run had done when a later revision of it failed."""

from __future__ import annotations

import contextlib
import re
import typing as t

from alembic.config import Config
from alembic.script import ScriptDirectory

from .. import scripts
from ..errors import DataMigrateError
from ..errors import InterruptedRun
from .places import Place
from .places import places

_UNCHANGED = re.compile(r"Nothing was changed(?! by)")


class Begun(t.Protocol):
    """A database as it was when the run began."""

    heads: tuple[str, ...]


@contextlib.contextmanager
def told(
    config: Config, tree: ScriptDirectory, direction: str, databases: t.Sequence[Begun]
) -> t.Iterator[None]:
    """Have an error say which revisions stay applied, or taken back.

    An error knows of its own revision alone. The databases are asked for the others:
    one that was passed may have been rolled back with it.

    :param direction: ``up`` or ``down``.
    """
    before = [scripts.ancestors(tree, database.heads) for database in databases]
    try:
        yield
    except InterruptedRun:
        # It says that everything before is saved.
        raise
    except DataMigrateError as error:
        # What went wrong may be the connection.
        with contextlib.suppress(Exception):
            _tell(error, tree, direction, before, places(config, tree))
        raise


def _tell(
    error: DataMigrateError,
    tree: ScriptDirectory,
    direction: str,
    before: list[set[str]],
    found: list[Place],
) -> None:
    walked = [script.revision for script in tree.walk_revisions()]
    order = walked if direction == "down" else walked[::-1]
    done = []
    for had, place in zip(before, found, strict=True):
        changed = had ^ scripts.ancestors(tree, place.heads)
        named = ", ".join(revision for revision in order if revision in changed)
        # Of several databases, one may have taken the very revision that fails.
        where = f" on {place.engine.url.database}" if len(found) > 1 else ""
        if named:
            done.append(f"{named}{where}")
    if done:
        by = "there" if len(found) > 1 else "by this revision"
        error.state = _UNCHANGED.sub(rf"\g<0> {by}", error.state, 1)
        said = "Applied" if direction == "up" else "Taken back"
        error.add_state(f"{said} before it, and kept: {'; '.join(done)}")
