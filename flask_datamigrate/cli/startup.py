"""A wrong configuration, found while ``flask`` is loading the app."""

from __future__ import annotations

import click

from ..errors import ConfigError


class StartupError(ConfigError, click.ClickException):
    """A :class:`ConfigError` that the ``flask`` command prints without a traceback.

    The app is loaded before any command of ours runs, so nothing of ours could
    catch it there; click itself prints its own exceptions.
    """


def as_usage(error: ConfigError) -> StartupError:
    """Return an error in the form that ``flask`` prints as one message."""
    return StartupError(
        error.what, where=error.where, state=error.state, next=error.next
    )
