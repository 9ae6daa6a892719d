"""A server's program: started on a port, stopped, and never left behind."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import subprocess
import time
import typing as t

import sqlalchemy as sa

from .accounts import Account
from .accounts import Command
from .ports import start_on_free_port

START_SECONDS = 60

# The server gets the signal that is written to the shell, and another one when nobody
# can write any more: so it ends with this process, however that does.
_KEPT = """
exec 3<&0
"$@" 3<&- </dev/null &
server=$!
(signal=; read -r signal <&3; kill -s "${signal:-$LAST}" "$server") &
reader=$!
wait "$server"
code=$?
kill "$reader" 2>/dev/null
exit "$code"
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Program:
    """How a server is started and stopped.

    :param account: whose process it is.
    :param data: the directory with its data.
    :param argv: the command that starts it on a port, and stays with it.
    :param url: where it is, by its port.
    :param orderly: the signal on which it ends every session, and then itself.
    :param crash: the signal on which it is gone at once.
    """

    account: Account
    data: pathlib.Path
    argv: t.Callable[[int], Command]
    url: t.Callable[[int], str]
    orderly: str
    crash: str


class Started:
    """A server of this process's own, which may be stopped and started again.

    :param program: the data of its directory is there.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._port = start_on_free_port(self._start)

    @property
    def url(self) -> str:
        """Where it is, before and after it was stopped."""
        return self._program.url(self._port)

    @property
    def is_up(self) -> bool:
        """Whether it was not stopped since it was started."""
        return self._process is not None

    def start(self) -> None:
        """Start it again, and return when it answers."""
        self._start(self._port)

    def stop(self, *, crash: bool = False) -> None:
        """Stop it, and return when it is gone.

        :param crash: whether it is gone at once, as in a crash.
        """
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        signal = self._program.crash if crash else self._program.orderly
        with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(f"{signal}\n".encode())
        process.wait()

    def _start(self, port: int) -> None:
        program = self._program
        shell = ["env", f"LAST={program.crash}", "sh", "-c", _KEPT, "sh"]
        argv = [*shell, *program.argv(port)]
        self._process = program.account.popen(
            argv, cwd=program.data, stdin=subprocess.PIPE
        )
        try:
            self._wait_until_ready(self._process, program.url(port))
        except BaseException:
            self.stop(crash=True)
            raise

    def _wait_until_ready(self, process: subprocess.Popen[bytes], url: str) -> None:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            try:
                with engine.connect():
                    return
            except sa.exc.OperationalError:
                time.sleep(0.02)
        raise subprocess.CalledProcessError(process.poll() or 1, "server")


@contextlib.contextmanager
def running(program: Program) -> t.Iterator[Started]:
    """Run a server for the time of a ``with`` block."""
    started = Started(program)
    try:
        yield started
    finally:
        started.stop(crash=True)
