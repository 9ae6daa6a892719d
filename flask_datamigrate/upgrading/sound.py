"""The staged changes, for a command that a revision still to come must not stop."""

from __future__ import annotations

import logging
import typing as t

from flask import current_app

from .. import scripts
from ..operations.log import LOGGER
from ..stages import changes as staged

if t.TYPE_CHECKING:
    from alembic.script import ScriptDirectory


def changes(tree: ScriptDirectory) -> dict[str, staged.Change]:
    """Return the changes as far as they can be told, and warn of what is wrong.

    An upgrade refuses it. What takes back, shows or fills what is applied does not
    need it.
    """
    found, errors = staged.survey(tree)
    logger = logging.getLogger(LOGGER)
    for error in errors:
        logger.warning("flask db upgrade will refuse this: %s", error)
    return found


def warn(directory: str | None) -> None:
    """Warn of what is wrong with the changes of the current app's project."""
    migrate = current_app.extensions["migrate"].migrate
    changes(scripts.directory(migrate.get_config(directory)))
