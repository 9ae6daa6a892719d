"""Servers of a test process's own, which its tests may stop, start and set up."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import tempfile
import typing as t

from . import mariadb
from . import postgresql
from . import run
from . import servers
from .database import Database
from .program import Started
from .servers import database_on
from .unavailable import Unavailable


@dataclasses.dataclass(frozen=True, slots=True)
class OwnServer:
    """A server, and an empty database on it.

    What is committed there survives a crash, as on a server with its defaults.
    """

    database: Database
    _started: Started

    @property
    def is_up(self) -> bool:
        """Whether it was not stopped since it was started."""
        return self._started.is_up

    def start(self) -> None:
        """Start it again, and return when it answers."""
        self._started.start()

    def stop(self, *, crash: bool = False) -> None:
        """Stop it, and return when it is gone.

        :param crash: whether it is gone at once, as in a crash.
        """
        self._started.stop(crash=crash)


@dataclasses.dataclass(slots=True)
class _Own:
    started: Started
    server: servers.Server

    @contextlib.contextmanager
    def database(self) -> t.Iterator[OwnServer]:
        with database_on(self.server) as database:
            try:
                yield OwnServer(database, self.started)
            finally:
                if not self.started.is_up:
                    self.started.start()


class OwnServers:
    """The servers that the tests of a process have made, one of a kind.

    :param directory: the directory of the run.
    """

    def __init__(self, directory: pathlib.Path) -> None:
        self._run = directory
        self._found: dict[str, _Own | Unavailable] = {}

    def get(self, name: str) -> _Own:
        """Return the server of a kind, and start it when nobody has.

        :param name: ``"postgresql"`` or ``"mysql"``.
        :raises Unavailable: when none can be started.
        """
        if name not in self._found:
            try:
                self._found[name] = self._start(name)
            except Unavailable as error:
                self._found[name] = error
        found = self._found[name]
        if isinstance(found, Unavailable):
            raise found
        return found

    def close(self) -> None:
        """Stop the servers."""
        for found in self._found.values():
            if not isinstance(found, Unavailable):
                found.server.close()
                found.started.stop(crash=True)

    def _start(self, name: str) -> _Own:
        home = pathlib.Path(tempfile.mkdtemp(prefix=f"own-{name}-", dir=self._run))
        # The account of the server passes through to a directory of its own.
        home.chmod(0o711)
        if name == "postgresql":
            started = Started(postgresql.installed(home, durable=True))
            return _Own(started, run.postgresql_at(started.url))
        started = Started(mariadb.installed(home, durable=True))
        return _Own(started, run.mysql_at(started.url))
