"""TCP ports for throwaway servers."""

from __future__ import annotations

import socket
import subprocess
import typing as t

ATTEMPTS = 3


def start_on_free_port(start: t.Callable[[int], None]) -> int:
    """Start a server on a port of 127.0.0.1 that nobody else has, and return it.

    :param start: starts the server on a port, and raises ``CalledProcessError``
        when it does not come up: somebody may have been faster to take the port.
    """
    failures = 0
    while True:
        port = _free_port()
        try:
            start(port)
        except subprocess.CalledProcessError:
            failures += 1
            if failures == ATTEMPTS:
                raise
        else:
            return port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
