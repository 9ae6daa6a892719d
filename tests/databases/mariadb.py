"""A MariaDB for one test run, from the programs installed on this machine."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import subprocess
import time
import typing as t

import sqlalchemy as sa

from .accounts import Account
from .ports import start_on_free_port
from .unavailable import Unavailable

INSTALL = (
    "--no-defaults",
    "--auth-root-authentication-method=normal",
    "--skip-test-db",
)

SETTINGS = (
    "--no-defaults",
    "--bind-address=127.0.0.1",
    "--character-set-server=utf8mb4",
    # The data lives for one run: nothing has to survive a crash.
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    # Containers often allow a process few asynchronous requests.
    "--innodb-use-native-aio=0",
)

START_SECONDS = 60


@contextlib.contextmanager
def running(directory: pathlib.Path) -> t.Iterator[str]:
    """Run a server for the time of a ``with`` block, and yield its URL.

    :param directory: an existing directory that any account can enter.
    :raises Unavailable: when no ``mariadbd`` is installed.
    """
    server = _program("mariadbd")
    install = _program("mariadb-install-db")
    account = Account("mysql", "nobody")
    data = directory / "data"
    account.own(data)
    account.run([install, *INSTALL, f"--datadir={data}"], cwd=data)
    with contextlib.ExitStack() as cleanup:

        def start(port: int) -> None:
            argv = [
                *(server, *SETTINGS, f"--datadir={data}", f"--port={port}"),
                *(f"--socket={data}/socket", f"--pid-file={data}/pid"),
            ]
            process = account.popen(argv, cwd=data)
            cleanup.callback(_kill, process)
            _wait_until_ready(process, port)

        port = start_on_free_port(start)
        yield _url(port)


def _program(name: str) -> str:
    # Where distributions put servers is not on every account's PATH.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
    program = shutil.which(name, path=path)
    if program is None:
        raise Unavailable(f"no {name} is installed")
    return program


def _url(port: int) -> str:
    return f"mysql+pymysql://root@127.0.0.1:{port}/mysql"


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    engine = sa.create_engine(_url(port), poolclass=sa.NullPool)
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with engine.connect():
                return
        except sa.exc.OperationalError:
            time.sleep(0.05)
    raise subprocess.CalledProcessError(process.poll() or 1, "mariadbd")
