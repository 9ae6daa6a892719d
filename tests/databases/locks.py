"""Locks on files and directories, which the kernel releases when a process dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import typing as t


@contextlib.contextmanager
def held(path: pathlib.Path) -> t.Iterator[None]:
    """Hold the lock on a path for the time of a ``with`` block.

    :param path: an existing file or directory.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        # Unlocked by word: a forked child may have the descriptor open too.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def wait_until_free(path: pathlib.Path) -> None:
    """Return when nobody holds the lock on a path, or there is no such path."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)
