"""The side of the tests: asks the nursery for processes, and waits for their ends."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import typing as t

ROOT = pathlib.Path(__file__).parents[2]

NUMBER = struct.Struct("=i")
"""How the nursery writes the length of a request, a process's id and its exit code."""

# What an interpreter reads of its environment once, when it starts.
_READ_AT_START = ("PYTHON", "LC_", "LANG")

Environment = t.Mapping[str, str]


class Forked:
    """A process of the nursery, with what the tests use of ``subprocess.Popen``.

    :param args: its command.
    :param status: where its number comes from, and its exit code when it has one.
    """

    def __init__(
        self, args: t.Sequence[str], status: socket.socket, out: int, err: int
    ) -> None:
        self.args = args
        self.returncode: int | None = None
        self.stdout = open(out)
        self.stderr = open(err)
        self._status = status
        (self.pid,) = NUMBER.unpack(status.recv(NUMBER.size))
        self._texts = ["", ""]
        self._readers: list[threading.Thread] = []

    def poll(self) -> int | None:
        """Return its exit code, or ``None`` while it goes on."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and return its exit code.

        :param timeout: in seconds.
        :raises subprocess.TimeoutExpired: when it goes on.
        """
        code = self._ended(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(self.args, timeout)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end, and return what of its output nobody has read.

        :param timeout: in seconds.
        :raises subprocess.TimeoutExpired: when it goes on, or what it started does.
        """
        if not self._readers:
            streams = (self.stdout, self.stderr)
            self._readers = [
                threading.Thread(target=self._read, args=(i, stream), daemon=True)
                for i, stream in enumerate(streams)
            ]
            for reader in self._readers:
                reader.start()
        until = None if timeout is None else time.monotonic() + timeout
        for reader in self._readers:
            reader.join(None if until is None else max(until - time.monotonic(), 0))
            if reader.is_alive():
                assert timeout is not None
                raise subprocess.TimeoutExpired(self.args, timeout)
        self.wait(None if until is None else max(until - time.monotonic(), 0))
        return self._texts[0], self._texts[1]

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _read(self, index: int, stream: t.TextIO) -> None:
        with stream:
            self._texts[index] = stream.read()

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            self._status.settimeout(timeout)
            with contextlib.suppress(BlockingIOError, TimeoutError):
                (self.returncode,) = NUMBER.unpack(self._status.recv(NUMBER.size))
                self._status.close()
        return self.returncode


Process = subprocess.Popen[str] | Forked


def start(
    arguments: t.Sequence[str], *, cwd: pathlib.Path, environment: Environment
) -> Process:
    """Start ``flask …`` in the nursery, or anew where a fork would not be the same."""
    global _nursery
    if _nursery is None or not _nursery.is_mine:
        _nursery = _Nursery()
    if _nursery.would_read(environment):
        return _nursery.start(arguments, cwd, environment)
    return subprocess.Popen(
        [sys.executable, "-m", "flask", *arguments],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class _Nursery:
    """The process that is forked, which ends with the one that started it."""

    def __init__(self) -> None:
        self._read = {**_read_at_start(os.environ), "PYTHONPATH": str(ROOT)}
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._requests, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.nursery.server", str(theirs.fileno())],
                cwd=ROOT,
                env={**os.environ, **self._read},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        atexit.register(self._close)

    @property
    def is_mine(self) -> bool:
        """Whether this process started it, and not one that this is a fork of."""
        return self._pid == os.getpid()

    def would_read(self, environment: Environment) -> bool:
        """Tell whether an interpreter would start there as the nursery's did."""
        return _read_at_start(environment) == self._read

    def start(
        self, arguments: t.Sequence[str], cwd: pathlib.Path, environment: Environment
    ) -> Forked:
        request = json.dumps([list(arguments), str(cwd), dict(environment)]).encode()
        (out, out_there), (err, err_there) = os.pipe(), os.pipe()
        status, status_there = socket.socketpair()
        with status_there:
            there = [out_there, err_there, status_there.fileno()]
            with self._lock:
                socket.send_fds(self._requests, [NUMBER.pack(len(request))], there)
                self._requests.sendall(request)
        os.close(out_there)
        os.close(err_there)
        return Forked(["flask", *arguments], status, out, err)

    def _close(self) -> None:
        if self.is_mine:
            self._requests.close()
            self._process.wait()


def _read_at_start(environment: Environment) -> dict[str, str]:
    return {k: v for k, v in environment.items() if k.startswith(_READ_AT_START)}


_nursery: _Nursery | None = None
