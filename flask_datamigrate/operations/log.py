"""The logger of a migration's progress, and how it stays audible."""

from __future__ import annotations

import logging

LOGGER = "flask_migrate.data"
"""Under ``flask_migrate``, so that the ``alembic.ini`` of Flask-Migrate shows it."""


def unmute() -> None:
    """Let Flask-Migrate's logger and ours speak again.

    ``env.py`` configures logging from ``alembic.ini``, and that disables every
    logger the file does not name. A file of Flask-Migrate 2.6 or older does not
    name ``flask_migrate``, which would lose its errors and our progress.
    """
    ours = [name for name in logging.root.manager.loggerDict if name.startswith(LOGGER)]
    for name in ("flask_migrate", *ours):
        logging.getLogger(name).disabled = False
    parent = logging.getLogger("flask_migrate")
    if parent.level == logging.NOTSET:
        # The level that such a file gives Alembic's own messages.
        parent.setLevel(logging.INFO)
