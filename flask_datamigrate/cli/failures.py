"""How a failure leaves a command: one message, one exit code, no traceback."""

from __future__ import annotations

import contextlib
import typing as t

import click
from flask.helpers import get_debug_flag


class NotBegunInterrupt(KeyboardInterrupt):
    """Ctrl-C or SIGTERM while what a command needs is still being imported."""


@contextlib.contextmanager
def not_begun() -> t.Iterator[None]:
    """Tell a Ctrl-C or SIGTERM in the block from one at work."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise NotBegunInterrupt from error


@contextlib.contextmanager
def reported() -> t.Iterator[None]:
    """Turn what a user can cause into one message and the exit code of DESIGN 7."""
    try:
        yield
    except NotBegunInterrupt:
        _leave("interrupted before it began. Nothing was changed.", 130)
    except KeyboardInterrupt:
        _leave(
            "aborted: the transaction at hand was rolled back, all before it is saved. "
            "Run the same command again to go on from there.",
            130,
        )
    except Exception as error:
        _explain(error)
        raise


def _explain(error: Exception) -> None:
    """Leave with the message of an error that a user can cause."""
    # Not sooner: a Ctrl-C while they are imported would be out of anyone's hands.
    from alembic.util import CommandError
    from sqlalchemy import exc

    from ..backfill import faults
    from ..errors import RevisionError

    if isinstance(error, CommandError):
        if not isinstance(error, RevisionError) or not get_debug_flag():
            _leave(str(error), getattr(error, "exit_code", 1))
    elif isinstance(error, exc.DBAPIError):
        _leave(str(faults.explain(error, next=faults.classify(error).again)), 1)


def _leave(message: str, code: int) -> t.NoReturn:
    click.secho(f"Error: {message}", err=True, fg="red")
    click.get_current_context().exit(code)
