"""The servers of one test run: found or started once, shared by its workers."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import typing as t

import sqlalchemy as sa

from . import servers
from .locks import held
from .locks import wait_until_free
from .unavailable import Unavailable

ROOT = pathlib.Path(__file__).parents[2]
MEMORY = "/dev/shm"
ROOM_BYTES = 2**30


class Servers:
    """The servers that one process of a test run may use.

    :param directory: the directory of the run, the same in all its processes.
    """

    def __init__(self, directory: pathlib.Path) -> None:
        self._files = tempfile.TemporaryDirectory(
            prefix="datamigrate-test-", dir=_memory()
        )
        self._finders: dict[str, t.Callable[[], servers.Server]] = {
            "postgresql": lambda: _postgresql(directory),
            "mysql": lambda: _mysql(directory),
            "sqlite": lambda: servers.SQLite(pathlib.Path(self._files.name)),
        }
        self._found: dict[str, servers.Server | Unavailable] = {}

    def get(self, name: str) -> servers.Server:
        """Return the server of a kind, and start it when nobody has.

        :param name: one of :data:`~tests.databases.servers.NAMES`.
        :raises Unavailable: when there is none and none can be started.
        """
        if name not in self._found:
            try:
                self._found[name] = self._finders[name]()
            except Unavailable as error:
                self._found[name] = error
        found = self._found[name]
        if isinstance(found, Unavailable):
            raise found
        return found

    def close(self) -> None:
        """Leave nothing on the servers that this process used."""
        for found in self._found.values():
            if not isinstance(found, Unavailable):
                found.close()
        self._files.cleanup()


@contextlib.contextmanager
def running() -> t.Iterator[pathlib.Path]:
    """Keep the servers of a run for the time of a ``with`` block.

    Yields the directory of the run. At the end everything started there has stopped.
    """
    directory = pathlib.Path(tempfile.mkdtemp(prefix="datamigrate-test-"))
    # The accounts of the servers pass through to directories of their own.
    directory.chmod(0o711)
    try:
        with held(directory):
            yield directory
            started = list(directory.iterdir())
        for path in started:
            wait_until_free(path)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def given(name: str) -> str | None:
    """Return the URL of the server that the environment gives, if it does.

    :param name: a key of :data:`~tests.databases.keeper.INSTALLERS`.
    """
    return os.environ.get(_variable(name)) or None


def _variable(name: str) -> str:
    return f"DATAMIGRATE_TEST_{name.upper()}_URL"


def _postgresql(directory: pathlib.Path) -> servers.Server:
    # What is committed has to survive a client's death, not the machine's.
    return postgresql_at(_url("postgresql", directory), synchronous_commit="off")


def postgresql_at(url: str, **settings: str) -> servers.PostgreSQL:
    """Return a PostgreSQL; see :class:`~tests.databases.servers.PostgreSQL`."""
    made = _with_driver(sa.make_url(url), "postgresql+psycopg2")
    return servers.PostgreSQL(made, **settings)


def _mysql(directory: pathlib.Path) -> servers.Server:
    return mysql_at(_url("mysql", directory))


def mysql_at(url: str) -> servers.MySQL:
    """Return a MySQL or MariaDB; see :class:`~tests.databases.servers.MySQL`."""
    return servers.MySQL(_without_tls(_with_driver(sa.make_url(url), "mysql+pymysql")))


def _memory() -> str | None:
    # For the same reason. In containers it is often 64 MB, which one test may fill.
    there = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    return MEMORY if there else None


def _with_driver(url: sa.URL, drivername: str) -> sa.URL:
    # What a bare `postgresql://` means differs between releases of SQLAlchemy.
    return url if "+" in url.drivername else url.set(drivername=drivername)


def _without_tls(url: sa.URL) -> sa.URL:
    # For each connection, PyMySQL reads all certificates of the machine: 40 ms.
    if url.drivername != "mysql+pymysql" or any(k.startswith("ssl") for k in url.query):
        return url
    return url.update_query_dict({"ssl_disabled": "true"})


def _url(name: str, directory: pathlib.Path) -> str:
    if url := given(name):
        return url
    lock = directory / f"{name}.lock"
    lock.touch()
    with held(lock):
        started = directory / f"{name}.json"
        if not started.exists():
            started.write_text(_start(name, directory / name))
        answer = json.loads(started.read_text())
    if "url" not in answer:
        raise Unavailable(f"{_variable(name)} is not set, and {answer['unavailable']}")
    return str(answer["url"])


def _start(name: str, home: pathlib.Path) -> str:
    home.mkdir()
    home.chmod(0o711)
    keeper = [sys.executable, "-m", "tests.databases.keeper", name, str(home)]
    return subprocess.check_output(keeper, cwd=ROOT, text=True)
