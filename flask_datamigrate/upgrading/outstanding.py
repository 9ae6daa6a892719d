"""What a database has still to take, for a command that wants all of it applied."""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

import sqlalchemy as sa
from alembic.util import CommandError
from flask import current_app

from .. import scripts
from .. import settings
from ..stages import changes as staged
from .gated import Gates
from .places import places

if t.TYPE_CHECKING:
    from alembic.runtime.migration import RevisionStep


def is_behind(error: BaseException | None) -> bool:
    """Tell whether Alembic refused to compare models with a database behind them."""
    return isinstance(error, CommandError) and "not up to date" in str(error)


def advice(directory: str | None, x_arg: t.Any = None) -> str:
    """Say what is not applied, why a gate holds it if one does, and what to do.

    Nothing is changed. Empty where all is applied, and Alembic sees it otherwise.

    :param x_arg: what ``env.py`` gets by ``-x``.
    :raises StageError: for revisions of changes that make no sense together.
    :raises ConfigError: for a config that does not fit them.
    """
    migrate = current_app.extensions["migrate"].migrate
    config = migrate.get_config(directory, x_arg=x_arg)
    tree = scripts.directory(config)
    gates = Gates(tree, staged.read(tree), settings.read(current_app.config), None)
    databases = [
        _Database(
            place.engine,
            place.schema,
            place.heads,
            tree._upgrade_revs("heads", t.cast(t.Any, place.heads)),
        )
        for place in places(config, tree)
    ]
    gates.hold(databases)
    ahead = _ahead(databases, gates)
    if not ahead:
        gates.decide(databases)
        ahead = _ahead(databases, gates)
    if ahead:
        return f"Not applied: {', '.join(ahead)}. Run flask db upgrade first."
    return "\n".join(f"Held: {held}" for held in gates.held)


@dataclasses.dataclass(slots=True)
class _Database:
    engine: sa.Engine
    schema: str | None
    heads: tuple[str, ...]
    steps: list[RevisionStep]


def _ahead(databases: t.Iterable[_Database], gates: Gates) -> list[str]:
    """Return the revisions that an upgrade takes, up to the next gate."""
    found: dict[str, None] = {}
    for database in databases:
        taken = itertools.takewhile(lambda x: not gates.stops(x), database.steps)
        found |= dict.fromkeys(step.revision.revision for step in taken)
    return list(found)
