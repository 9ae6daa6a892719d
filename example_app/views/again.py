"""A request whose transaction the database broke off is begun again.

A deadlock is nobody's mistake, and a schema change brings some: a request that has read
a table and is about to write to it meets the change that waits for the readers to end.
The database undoes one of the two, and this is the one that costs less.
"""

from __future__ import annotations

import typing as t

from flask import current_app
from flask import request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError

from ..database import db

TRIES = 5
"""How often a request is begun, the first time included."""

BROKEN_OFF = frozenset(
    {
        *("40P01", "40001"),  # PostgreSQL: deadlock, serialization failure
        # MySQL and MariaDB: deadlock, row or table changed since the transaction began,
        # view of a table that is getting its name back
        *(1213, 1020, 1412, 1356),
        "database is locked",  # SQLite
    }
)
"""The errors after which the same transaction may well succeed."""


def begin_again(error: DBAPIError) -> ResponseReturnValue:
    """Answer a request that a database's error has ended, by calling its view again.

    The whole of the view, since what it read before may not be true any more. So a view
    commits last: it would do again what it did before, a mail that it sent or a commit
    behind which it read.

    :param error: what the first call ended with.
    :raises DBAPIError: what the last call ended with.
    :raises HTTPException: what a call found out about the request.
    """
    view = t.cast(
        "t.Callable[..., ResponseReturnValue]",
        current_app.view_functions[request.endpoint or ""],
    )
    for _ in range(TRIES - 1):
        db.session.rollback()
        if not was_broken_off(error):
            break
        try:
            return view(**request.view_args or {})
        except DBAPIError as next_error:
            error = next_error
    raise error


def was_broken_off(error: DBAPIError) -> bool:
    """Tell whether the transaction may succeed when it is begun again."""
    cause = error.orig
    # psycopg has the code in sqlstate, psycopg2 in pgcode, the others in front.
    said = {getattr(cause, "sqlstate", None), getattr(cause, "pgcode", None)}
    return bool(BROKEN_OFF & said.union(getattr(cause, "args", ())[:1]))
