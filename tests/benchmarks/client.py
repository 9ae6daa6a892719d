"""A client of its own process, which does statements at a steady rate."""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
import typing as t

import sqlalchemy as sa

PER_SECOND = 100
"""Of each statement."""

_PATIENCE = 60
"""Seconds for the process to begin, and to end."""


class Done(t.NamedTuple):
    """A statement that was done, in seconds of :func:`time.monotonic`.

    :param due: when it should have begun. It begins later while the one before it
        waits, as a request does for which a server has no worker left.
    """

    name: str
    due: float
    begun: float
    ended: float


class Client:
    """Does some statements a hundred times a second each, for a ``with`` block.

    The block begins when each was done once. At its end, :attr:`done` has them all.

    :param url: the database.
    :param statements: by name; each with ``:id``, a random one of the keys.
    :param keys: how many keys there are, from 1 on.
    """

    def __init__(self, url: str, statements: t.Mapping[str, str], keys: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._count = len(statements)
        self._begun, self._stop = context.Semaphore(0), context.Event()
        self._results = context.Queue()
        self._process = context.Process(
            target=_work,
            args=(
                *(url, dict(statements), keys),
                *(self._begun, self._stop, self._results),
            ),
        )
        self.done: list[Done] = []

    def __enter__(self) -> Client:
        self._process.start()
        for _ in range(self._count):
            if not self._begun.acquire(timeout=_PATIENCE):
                raise TimeoutError("the client did not begin")
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self.done = self._results.get(timeout=_PATIENCE)
        self._process.join()


def _work(
    url: str,
    statements: dict[str, str],
    keys: int,
    begun: t.Any,
    stop: t.Any,
    results: t.Any,
) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    done: list[Done] = []

    def repeat(name: str, statement: str) -> None:
        text = sa.text(statement)
        with engine.connect() as connection:
            due = time.monotonic()
            first = True
            while not stop.is_set():
                started = time.monotonic()
                connection.execute(text, {"id": random.randint(1, keys)})
                done.append(Done(name, due, started, time.monotonic()))
                if first:
                    begun.release()
                    first = False
                due += 1 / PER_SECOND
                time.sleep(max(0.0, due - time.monotonic()))

    threads = [
        threading.Thread(target=repeat, args=pair) for pair in statements.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put(done)
