"""What Alembic says while it is run several times for one command."""

from __future__ import annotations

import contextlib
import logging
import typing as t


@contextlib.contextmanager
def once(said: set[str]) -> t.Iterator[None]:
    """Let Alembic say a thing once for each upgrade, not for each segment.

    :param said: what it has said so far.
    """

    def wanted(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        new = text not in said
        said.add(text)
        return new

    with _filtered(wanted):
        yield


@contextlib.contextmanager
def less() -> t.Iterator[None]:
    """Let Alembic say only what is wrong: it is asked, and migrates nothing."""
    with _filtered(lambda record: record.levelno > logging.INFO):
        yield


@contextlib.contextmanager
def _filtered(wanted: t.Callable[[logging.LogRecord], bool]) -> t.Iterator[None]:
    # The second is that of the multi-database env.py.
    loggers = [
        logging.getLogger(name) for name in ("alembic.runtime.migration", "alembic.env")
    ]
    for logger in loggers:
        logger.addFilter(wanted)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(wanted)
