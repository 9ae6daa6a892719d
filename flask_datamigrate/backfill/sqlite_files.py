"""How the engine's own connection to an SQLite file writes: as durably, and sooner.

A batch commits once in a while for as long as a run takes, and two of SQLite's
defaults cost at each: a journal that is deleted and made anew, and a small cache from
which a batch spills into the file before it ends. That spilling also locks readers
out until the commit. Both settings end with the connection.
"""

from __future__ import annotations

import contextlib
import sqlite3
import typing as t

import sqlalchemy as sa


def is_file(connection: sa.Connection) -> bool:
    """Tell whether a database is a file, and not in memory."""
    with contextlib.closing(connection.connection.cursor()) as cursor:
        _, _, file = next(row for row in _all(cursor, "database_list") if row[0] == 0)
        return bool(file)


def prepare(connection: sa.Connection) -> None:
    """Set a connection up for batches; not in a transaction.

    The journal is cut to nothing at a commit and not deleted, which is as safe:
    https://sqlite.org/pragma.html#pragma_journal_mode. One of another mode, as a
    write-ahead log, is left alone. What is changed stays in the cache until the
    commit: https://sqlite.org/pragma.html#pragma_cache_spill.
    """
    with contextlib.closing(connection.connection.cursor()) as cursor:
        cursor.execute("PRAGMA cache_spill = OFF")
        if _all(cursor, "journal_mode")[0][0] == "delete":
            _all(cursor, "journal_mode = TRUNCATE")


def settle(connection: sa.Connection) -> None:
    """Take the empty journal away, if there is one and nobody is at the file."""
    if connection.invalidated:
        return
    with contextlib.closing(connection.connection.cursor()) as cursor:
        if _all(cursor, "journal_mode")[0][0] == "truncate":
            with contextlib.suppress(sqlite3.OperationalError):
                _all(cursor, "journal_mode = DELETE")


def _all(cursor: t.Any, pragma: str) -> list[t.Any]:
    cursor.execute(f"PRAGMA {pragma}")
    return t.cast("list[t.Any]", cursor.fetchall())
