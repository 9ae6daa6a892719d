"""What a backfill with ``undo=True`` keeps, and how it is put back."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ..batch import Writer
from ..definition import Backfill
from ..jobs import Delete
from ..jobs import Insert
from ..keys import Key
from . import side_tables
from .changed import UndoLog
from .deleted import DeletedRows
from .inserted import InsertedRows

__all__ = ["DeletedRows", "InsertedRows", "Kept", "RowLog", "UndoLog", "kept"]

RowLog: t.TypeAlias = UndoLog | DeletedRows
"""What is kept of rows that are there before a batch."""


class Kept(t.Protocol):
    """A side table, and what goes in and out of it.

    :ivar side: the side table.
    :ivar side_key: its key, which an undo follows.
    :ivar key: the same columns of the table that rows are kept of.
    """

    side: sa.Table
    key: Key
    side_key: Key

    def check(self, connection: sa.Connection, where: str) -> None:
        """Refuse, before the first batch, what could not be undone."""

    def check_back(self, connection: sa.Connection, where: str) -> None:
        """Refuse, before an undo, what cannot be put back any more."""

    def create(self, connection: sa.Connection) -> None:
        """Create the side table, empty, unless it is there."""

    def restorer(self) -> Writer:
        """Return what an undo does to each range of the side table."""

    def is_anything_left(self, connection: sa.Connection) -> bool:
        """Tell whether a row that an undo has left alone is there, and not as it was.

        What it was in may be gone: a column that came back has no such value.
        """


def kept(
    name: str, backfill: Backfill, dialect: str
) -> UndoLog | DeletedRows | InsertedRows:
    """Describe what a backfill keeps.

    :param name: the backfill's.
    :param dialect: ``postgresql``, ``mysql`` or ``sqlite``.
    """
    job = backfill.job
    key = Key(backfill.kept_key, dialect)
    if isinstance(job, Insert):
        side = side_tables.name(name, key, ["inserted rows"])
        return InsertedRows(side, job.target, key)
    if isinstance(job, Delete):
        side = side_tables.name(name, key, ["deleted rows"])
        return DeletedRows(side, job.table, key, job.where)
    side = side_tables.name(name, key, backfill.changes)
    return UndoLog(side, job.table, key, backfill.changes, job.where)
