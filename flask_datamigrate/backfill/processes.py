"""Who runs something: this process's name tag, and whether another's is dead."""

from __future__ import annotations

import os
import pathlib
import secrets
import socket


def name_tag() -> str:
    """Return a name for one runner in this process: ``host:pid:started:random``."""
    pid = os.getpid()
    return f"{socket.gethostname()[:100]}:{pid}:{_started(pid)}:{secrets.token_hex(4)}"


def describe(tag: str) -> str:
    """Write a name tag for people: ``process 4711 on web-1``."""
    host, pid, _, _ = tag.rsplit(":", 3)
    return f"process {pid} on {host}"


def is_dead(tag: str) -> bool:
    """Tell whether the process of a name tag is known to be gone.

    Only a process of this host can be known; of any other its lease decides. A
    process number that was given out again is told apart by its time of start.
    """
    host, pid, started, _ = tag.rsplit(":", 3)
    if host != socket.gethostname()[:100]:
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return _started(int(pid)) != started


def _started(pid: int) -> str:
    """Return when a process started, in clock ticks; empty where /proc is missing."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    # The second field is the command in parentheses and may hold spaces; the start
    # time is field 22 (proc(5)).
    return stat.rpartition(")")[2].split()[19]
