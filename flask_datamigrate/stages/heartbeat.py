"""``DATAMIGRATE_HEARTBEAT``: a process that serves requests says that it is alive."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import typing as t

import sqlalchemy as sa
from flask import Flask
from sqlalchemy import exc

from ..backfill import processes
from . import beats

if t.TYPE_CHECKING:
    from ..settings import Settings


def install(app: Flask, settings: Settings) -> None:
    """Have each process of an app report its stages from its first request on.

    A server may fork after the app was made, so it is the process of the request that
    starts the thread. What imports the app and serves nothing does not report.
    """
    assert settings.heartbeat is not None
    every = settings.heartbeat
    lock = threading.Lock()
    hearts: dict[int, Heart] = {}

    def begin() -> None:
        pid = os.getpid()
        if pid in hearts:
            return
        with lock:
            if pid in hearts:
                return
            heart = hearts[pid] = Heart(app, every)
        heart.start()

    app.before_request(begin)


class Heart:
    """The thread that reports one process.

    :param every: seconds from one report to the next.
    """

    def __init__(self, app: Flask, every: float) -> None:
        self._app = app
        self._every = every
        self._stop = threading.Event()
        stages = app.config.get("DATAMIGRATE_STAGES", {})
        self._beat = beats.Beat(processes.name_tag(), dict(stages))
        with app.app_context():
            extension = app.extensions["migrate"]
            self._engine: sa.Engine = extension.db.engines[None]
            self._schema = extension.configure_args.get("version_table_schema")
        self._in_memory = isinstance(
            self._engine.pool, sa.StaticPool | sa.SingletonThreadPool
        )
        self._failed = False

    def start(self) -> None:
        """Report the process now, and from now on."""
        if self._in_memory:
            # It has one connection, which is the requests', and one process.
            return
        self._report()
        threading.Thread(
            target=self._run, name="datamigrate-heartbeat", daemon=True
        ).start()
        atexit.register(self._end, os.getpid())

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self._report()

    def _report(self) -> None:
        try:
            with self._engine.begin() as connection:
                beats.write(connection, self._schema, self._beat, self._every)
            self._failed = False
        except exc.SQLAlchemyError as error:
            if not self._create() and not self._failed:
                self._failed = True
                self._app.logger.warning(
                    "This process could not say that it is alive, and is not waited "
                    "for: %s",
                    str(error).splitlines()[0],
                )

    def _create(self) -> bool:
        """Make the table if it is missing, and report; tell whether that worked."""
        with contextlib.suppress(exc.SQLAlchemyError):
            with self._engine.begin() as connection:
                table = beats.table(self._schema)
                if not sa.inspect(connection).has_table(table.name, self._schema):
                    table.create(connection)
                    beats.write(connection, self._schema, self._beat, self._every)
                    return True
        return False

    def _end(self, pid: int) -> None:
        """Take the report back; a fork of this process must not."""
        if os.getpid() != pid:
            return
        self._stop.set()
        with contextlib.suppress(exc.SQLAlchemyError):
            with self._engine.begin() as connection:
                beats.remove(connection, self._schema, self._beat.process)
