"""Who runs something: this process's name tag, and whether another's is dead."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pathlib
import secrets
import socket

_ENDED = frozenset("ZXx")
"""The states of proc(5) in which a process has a number, and does nothing any more."""


def name_tag() -> str:
    """Return a name for one runner in this process: ``place:pid:started:random``."""
    pid = os.getpid()
    return f"{_place()}:{pid}:{_started(pid)}:{secrets.token_hex(4)}"


def describe(tag: str) -> str:
    """Write a name tag for people: ``process 4711 on web-1``."""
    host, pid = parts(tag)
    return f"process {pid} on {host}"


def parts(tag: str) -> tuple[str, int]:
    """Return the host and the number of the process of a name tag."""
    place, pid, _, _ = tag.rsplit(":", 3)
    return place.partition("/")[0], int(pid)


def is_own(tag: str) -> bool:
    """Tell whether a name tag is one of this process."""
    return tag.rpartition(":")[0] == name_tag().rpartition(":")[0]


def is_dead(tag: str) -> bool:
    """Tell whether the process of a name tag is known to be gone.

    Only a process of the same place can be known; of any other its lease decides. A
    process number that was given out again is told apart by its time of start.
    """
    place, pid, started, _ = tag.rsplit(":", 3)
    if place != _place():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return _started(int(pid)) != started


@functools.cache
def _place() -> str:
    """Return where process numbers mean the same: ``host/`` and eight digits.

    Containers may share a host's name, and each count its processes from one. The
    digits stand for the running kernel and the namespace of the numbers
    (pid_namespaces(7)); where there is no /proc, the host's name has to do.
    """
    host = socket.gethostname()[:100]
    with contextlib.suppress(OSError):
        boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text()
        numbers = os.readlink("/proc/self/ns/pid")
        digest = hashlib.sha256(f"{boot}{numbers}".encode()).hexdigest()
        return f"{host}/{digest[:8]}"
    return host


def _started(pid: int) -> str:
    """Return when a process started, in clock ticks; empty where /proc is missing.

    Of one that has ended and that nobody has waited for yet it is ``ended``.
    """
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    # The second field is the command in parentheses and may hold spaces; the third is
    # the state, and the start time is field 22 (proc(5)).
    fields = stat.rpartition(")")[2].split()
    return "ended" if fields[0] in _ENDED else fields[19]
