"""Kills work in the middle of a batch: a real process, and a real SIGKILL."""

from __future__ import annotations

import dataclasses
import os
import signal
import typing as t
import warnings

import sqlalchemy as sa

from ..backfill import signals

FAILED = 70
"""The exit code of a child whose work raised."""


def killed(
    work: t.Callable[[], object], engines: t.Mapping[t.Any, sa.Engine], after: int
) -> None:
    """Do work in a child of this process, which is killed before a batch's commit.

    :param work: what runs batches.
    :param engines: the databases; each process has connections of its own.
    :param after: the batches that are committed before.
    :raises AssertionError: when the work ended before.
    :raises ValueError: without a batch before, and for a database in memory.
    """
    if after < 1:
        raise ValueError("after: at least one batch is committed before the kill")
    for engine in engines.values():
        in_memory = engine.url.database in (None, "", ":memory:")
        if engine.dialect.name == "sqlite" and in_memory:
            raise ValueError(
                "a database in memory ends with its process: give the app a file"
            )
        engine.dispose()
    code, said = Child.start(lambda: _do(work, after)).end()
    if code == FAILED:
        raise AssertionError(f"the upgrade failed before it could be killed: {said}")
    if code != -signal.SIGKILL:
        raise AssertionError(
            f"the upgrade was done before it could be killed: it has fewer than "
            f"{after + 1} batches; insert more rows, or set DATAMIGRATE_BATCH_SIZE "
            "and DATAMIGRATE_MAX_BATCH_SIZE to less"
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Child:
    """A child of this process at some work; see :meth:`start`."""

    pid: int
    _said: int

    @classmethod
    def start(cls, work: t.Callable[[], object]) -> Child:
        """Begin work in a new child."""
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            # The child uses no thread of its parent's, and ends without its clean-up.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid:
            os.close(writing)
            return cls(pid, reading)
        os.close(reading)
        code = 0
        try:
            work()
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode())
            code = FAILED
        # Nothing of the parent's is flushed, closed or cleaned up twice.
        os._exit(code)

    def end(self) -> tuple[int, str]:
        """Wait for its end.

        :returns: the exit code, negative for the signal that killed it, and what was
            raised, if that is why it ended.
        """
        with open(self._said, "rb") as pipe:
            said = pipe.read().decode()
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status), said


def _do(work: t.Callable[[], object], after: int) -> None:
    """Work until the batch that is not to be committed."""
    left = after

    def count(_: str, **__: object) -> None:
        nonlocal left
        left -= 1

    def die(_: sa.Connection) -> None:
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    signals.batch_committed.connect(count)
    sa.event.listen(sa.Engine, "commit", die)
    work()
