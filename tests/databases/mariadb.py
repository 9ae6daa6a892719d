"""A MariaDB of one's own, from the programs installed on this machine."""

from __future__ import annotations

import os
import pathlib
import shutil

from .accounts import Account
from .accounts import Command
from .program import Program
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
    # Containers often allow a process few asynchronous requests.
    "--innodb-use-native-aio=0",
)

# The data lives for one run: nothing has to survive a crash.
FAST = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
)


def installed(directory: pathlib.Path, *, durable: bool = False) -> Program:
    """Make the data of a server.

    :param directory: an existing directory that any account can enter.
    :param durable: whether what is committed survives a crash.
    :raises Unavailable: when no ``mariadbd`` is installed.
    """
    server = _program("mariadbd")
    install = _program("mariadb-install-db")
    account = Account("mysql", "nobody")
    data, temporary = directory / "data", directory / "tmp"
    account.own(data)
    account.own(temporary)
    # A server that starts removes what looks like its own temporary tables, and in a
    # directory of all servers another one at work has crashed by that.
    places = [f"--datadir={data}", f"--tmpdir={temporary}"]
    account.run([install, *INSTALL, *places], cwd=data)
    settings = SETTINGS if durable else (*SETTINGS, *FAST)

    def argv(port: int) -> Command:
        return [
            *(server, *settings, *places, f"--port={port}"),
            *(f"--socket={data}/socket", f"--pid-file={data}/pid"),
        ]

    return Program(account, data, argv, _url, orderly="TERM", crash="KILL")


def _program(name: str) -> str:
    # Where distributions put servers is not on every account's PATH.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
    program = shutil.which(name, path=path)
    if program is None:
        raise Unavailable(f"no {name} is installed")
    return program


def _url(port: int) -> str:
    return f"mysql+pymysql://root@127.0.0.1:{port}/mysql"
