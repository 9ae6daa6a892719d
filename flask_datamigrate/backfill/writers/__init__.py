"""How a batch is written: one statement of the database, or rows from Python."""

from __future__ import annotations

import typing as t

from ..batch import Result
from ..batch import Writer
from ..jobs import Insert
from ..jobs import Job
from ..jobs import Rows
from ..keys import Key
from ..undo import InsertedRows
from ..undo import Kept
from ..undo import RowLog
from .inserts import InsertWriter
from .rows import RowsWriter
from .statements import StatementWriter

__all__ = ["Result", "Writer", "writer"]


def writer(job: Job, key: Key, undo: Kept | None) -> Writer:
    """Return the writer of a job.

    :param key: the key its batches follow, on the dialect it runs on.
    :param undo: where old values are kept, if they are.
    """
    if isinstance(job, Insert):
        return InsertWriter(job, key, t.cast("InsertedRows | None", undo))
    log = t.cast("RowLog | None", undo)
    if isinstance(job, Rows):
        return RowsWriter(job, key, log)
    return StatementWriter(job, key, log)
