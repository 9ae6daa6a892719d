"""One batch: what it does to the rows of a range, and what it says of them."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa

from .keys import Position

COUNTING = {"preserve_rowcount": True}
"""Without it, SQLAlchemy asks psycopg's cursor for the rows when that is closed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What a batch did: rows changed, and rows that were left as they were."""

    changed: int
    skipped: int = 0


class RowError(Exception):
    """A row that Python cannot change: the transform failed, or a value of it.

    :param what: what is wrong.
    :param position: the row's key; ``None`` when it is one of the batch.
    """

    def __init__(self, what: str, position: Position | None) -> None:
        self.what = what
        self.position = position
        super().__init__(what)


class Writer(t.Protocol):
    """Changes the rows of one range, in the caller's transaction."""

    def write(
        self, connection: sa.Connection, low: Position | None, high: Position
    ) -> Result:
        """Change the rows behind ``low`` up to ``high``."""
