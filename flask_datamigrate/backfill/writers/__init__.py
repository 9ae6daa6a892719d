"""How a batch is written: one statement of the database, or rows from Python."""

from __future__ import annotations

from ..batch import Result
from ..batch import Writer
from ..definition import Job
from ..definition import Rows
from ..keys import Key
from ..undo import UndoLog
from .rows import RowsWriter
from .statements import StatementWriter

__all__ = ["Result", "Writer", "writer"]


def writer(job: Job, key: Key, undo: UndoLog | None) -> Writer:
    """Return the writer of a job.

    :param key: the key its batches follow, on the dialect it runs on.
    :param undo: where old values are kept, if they are.
    """
    if isinstance(job, Rows):
        return RowsWriter(job, key, undo)
    return StatementWriter(job, key, undo)
