"""Ctrl-C and SIGTERM: finish the batch, save, and say how to go on."""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
import types
import typing as t

import click

_AFTER_THE_BATCH = "Stopping after the batch at hand; once more to abort it."


@contextlib.contextmanager
def stopping(said: str = _AFTER_THE_BATCH) -> t.Iterator[threading.Event]:
    """Yield an event that the first Ctrl-C or SIGTERM sets; a second one aborts.

    :param said: what is said then; nothing if it is empty.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    # A handler runs between two steps of the main thread, which may hold the event's
    # own lock, or be printing: it must do neither. Of all ways to tell another thread,
    # this queue is the one made for that.
    asked: queue.SimpleQueue[bool] = queue.SimpleQueue()
    once = False

    def handle(number: int, frame: types.FrameType | None) -> None:
        nonlocal once
        if once:
            raise KeyboardInterrupt
        once = True
        asked.put(True)

    def wait() -> None:
        if asked.get():
            stop.set()
            if said:
                click.echo(f"\n{said}", err=True)

    thread = threading.Thread(target=wait, name="datamigrate-stop", daemon=True)
    thread.start()
    before = {
        number: signal.signal(number, handle)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        asked.put(False)
        thread.join()


@contextlib.contextmanager
def terminable() -> t.Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, unless the app has its own answer."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return

    def handle(number: int, frame: types.FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
