"""Ctrl-C and SIGTERM: finish the batch, save, and say how to go on."""

from __future__ import annotations

import contextlib
import signal
import threading
import types
import typing as t

import click


@contextlib.contextmanager
def stopping() -> t.Iterator[threading.Event]:
    """Yield an event that the first Ctrl-C or SIGTERM sets; a second one aborts."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(number: int, frame: types.FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        click.echo(
            "\nStopping after the batch at hand; once more to abort it.",
            err=True,
        )

    before = {
        number: signal.signal(number, handle)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
