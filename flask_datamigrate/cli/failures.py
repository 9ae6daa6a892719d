"""How a failure leaves a command: one message, one exit code, no traceback."""

from __future__ import annotations

import contextlib
import typing as t

import click


@contextlib.contextmanager
def reported() -> t.Iterator[None]:
    """Turn what a user can cause into one message and the exit code of DESIGN 7."""
    from alembic.util import CommandError
    from sqlalchemy import exc

    from ..backfill.faults import explain

    try:
        yield
    except CommandError as error:
        _leave(str(error), getattr(error, "exit_code", 1))
    except exc.DBAPIError as error:
        _leave(str(explain(error)), 1)


def _leave(message: str, code: int) -> t.NoReturn:
    click.secho(f"Error: {message}", err=True, fg="red")
    click.get_current_context().exit(code)
