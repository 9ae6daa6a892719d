"""The settings of the app that a migration runs in."""

from __future__ import annotations

from .. import settings as keys


def settings() -> keys.Settings:
    """Return the app's settings, or the defaults where there is no app."""
    try:
        from flask import current_app

        return keys.read(current_app.config)
    except (ImportError, RuntimeError):
        return keys.read({})
