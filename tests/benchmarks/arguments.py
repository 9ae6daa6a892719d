"""The command line that all benchmarks share."""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import tempfile
import typing as t

import sqlalchemy as sa

from tests.databases import servers
from tests.databases.database import Database


def parser(description: str | None, *, rows: int, runs: int) -> argparse.ArgumentParser:
    """Return what reads the command line.

    :param description: the script's docstring.
    :param rows: rows of the table, unless ``--rows`` says otherwise.
    :param runs: runs of each way, unless ``--runs`` says otherwise.
    """
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "--url",
        required=True,
        help="the server, by a user who may create databases, with the driver's name; "
        "sqlite:// for a file in a temporary directory",
    )
    made.add_argument("--rows", type=int, default=rows, help="default: %(default)s")
    made.add_argument("--runs", type=int, default=runs, help="default: %(default)s")
    made.add_argument(
        "--wal", action="store_true", help="SQLite: journal_mode=WAL, kept in the file"
    )
    return made


@contextlib.contextmanager
def scratch(url: str, *, wal: bool = False) -> t.Iterator[Database]:
    """Make a database for the time of a ``with`` block.

    :param url: of the server, as ``--url`` takes it.
    :param wal: whether a SQLite file gets a write-ahead log.
    """
    parsed = sa.make_url(url)
    with contextlib.ExitStack() as stack:
        server: servers.Server
        if parsed.get_backend_name() == "postgresql":
            server = servers.PostgreSQL(parsed)
        elif parsed.get_backend_name() in ("mysql", "mariadb"):
            server = servers.MySQL(parsed)
        else:
            home = stack.enter_context(tempfile.TemporaryDirectory())
            server = servers.SQLite(pathlib.Path(home))
        stack.enter_context(contextlib.closing(server))
        database = stack.enter_context(servers.database_on(server))
        if wal:
            database.execute("PRAGMA journal_mode = WAL")
        yield database
