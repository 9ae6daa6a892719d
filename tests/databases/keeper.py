"""The process that keeps one throwaway server for as long as a test run lasts.

``python -m tests.databases.keeper postgresql DIRECTORY`` starts the server, prints
as JSON its ``url`` or why it is ``unavailable``, and goes on in the background until
the run's lock is free. The kernel frees that however the run ends, so a run that
was killed leaves no server behind either.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import sys
import typing as t

from . import mariadb
from . import postgresql
from .locks import held
from .locks import wait_until_free
from .program import Program
from .program import running
from .unavailable import Unavailable

INSTALLERS: dict[str, t.Callable[[pathlib.Path], Program]] = {
    "postgresql": postgresql.installed,
    "mysql": mariadb.installed,
}


def main(name: str, directory: pathlib.Path) -> None:
    """Start a server in the background and print how it went.

    :param name: a key of :data:`INSTALLERS`.
    :param directory: where the server's files go: an existing directory in that of
        the run.
    """
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        with open(reader) as answer:
            sys.stdout.write(answer.read())
        return
    os.close(reader)
    os.setsid()
    _redirect(directory / "log")
    with open(writer, "w") as answer, held(directory):
        try:
            _keep(name, directory, answer)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
            # Still in use, and not empty, unless the run was killed.
            with contextlib.suppress(OSError):
                directory.parent.rmdir()


def _keep(name: str, directory: pathlib.Path, answer: t.TextIO) -> None:
    try:
        with running(INSTALLERS[name](directory)) as server:
            json.dump({"url": server.url}, answer)
            answer.close()
            wait_until_free(directory.parent)
        for path in directory.parent.glob(f"{directory.name}.*"):
            path.unlink(missing_ok=True)
    except Unavailable as error:
        json.dump({"unavailable": str(error)}, answer)
    except Exception as error:
        # Nobody reads this process's traceback: the skipped tests have to tell.
        log = (directory / "log").read_text(errors="replace")
        json.dump({"unavailable": f"{error!r}\n{log[-2000:]}"}, answer)


def _redirect(log: pathlib.Path) -> None:
    with open(os.devnull) as nothing, log.open("w") as file:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
