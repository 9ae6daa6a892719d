"""The nursery: ``python -m tests.nursery.server SOCKET``.

It forks a process for each request, and ends when nobody can ask any more.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import time

from .client import NUMBER

# What a project imports until its first data migration is done.
LIBRARIES = (
    "flask.cli",
    "flask_datamigrate.cli.upgrade",
    "flask_datamigrate.frozen",
    "flask_datamigrate.operations.plugin",
    "flask_datamigrate.snippets",
    "flask_datamigrate.upgrading",
    "flask_migrate.cli",
    "logging.config",
    "psycopg2.extras",
    "pymysql",
    "sqlalchemy.dialects.mysql",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
    "tests.apps",
)

REQUEST_FILES = 3


class Server:
    """Forks processes, and tells of their ends.

    :param requests: where the requests come from.
    """

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._statuses: dict[int, int] = {}
        self._ends, ended = os.pipe()
        for end in (self._ends, ended):
            os.set_blocking(end, False)
        # A signal that is handled is one that is written there.
        signal.set_wakeup_fd(ended)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> list[str] | None:
        """Return, in a new process, the arguments it has; ``None`` at the end."""
        while True:
            readable, _, _ = select.select([self._requests, self._ends], [], [])
            if self._ends in readable:
                self._tell()
            if self._requests in readable:
                header, files, _, _ = socket.recv_fds(
                    self._requests, NUMBER.size, REQUEST_FILES
                )
                if not header:
                    return None
                arguments = self._fork(header, files)
                if arguments is not None:
                    return arguments

    def _fork(self, header: bytes, files: list[int]) -> list[str] | None:
        (size,) = NUMBER.unpack(header)
        request = b""
        while len(request) < size:
            request += self._requests.recv(size - len(request))
        arguments, cwd, environment = json.loads(request)
        out, err, status = files
        pid = os.fork()
        if pid == 0:
            self._become(out, err, [status, *self._statuses.values()])
            os.chdir(cwd)
            sys.path[0] = cwd
            os.environ.clear()
            os.environ.update(environment)
            time.tzset()
            return [str(argument) for argument in arguments]
        os.close(out)
        os.close(err)
        os.write(status, NUMBER.pack(pid))
        self._statuses[pid] = status
        return None

    def _become(self, out: int, err: int, others: list[int]) -> None:
        ended = signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(out, sys.stdout.fileno())
        os.dup2(err, sys.stderr.fileno())
        self._requests.close()
        for descriptor in (out, err, self._ends, ended, *others):
            os.close(descriptor)

    def _tell(self) -> None:
        os.read(self._ends, 4096)
        while self._statuses:
            pid, how = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            status = self._statuses.pop(pid)
            try:
                os.write(status, NUMBER.pack(os.waitstatus_to_exitcode(how)))
            except BrokenPipeError:
                # Nobody waits for it.
                pass
            os.close(status)


def main() -> None:
    """Be a nursery, and then what it has forked."""
    # Typed at the terminal of a test run, it ends the processes and then the run.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in LIBRARIES:
        importlib.import_module(name)
    # Their garbage collections need not copy what none of them will free.
    gc.freeze()
    arguments = Server(socket.socket(fileno=int(sys.argv[1]))).serve()
    if arguments is not None:
        sys.argv[1:] = arguments
        runpy.run_module("flask", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
