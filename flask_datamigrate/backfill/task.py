"""A backfill, and whose it is."""

from __future__ import annotations

import dataclasses

from .definition import Backfill


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """A backfill, and whose it is.

    :param name: what it is called in the state tables.
    :param revision: the revision it belongs to; ``None`` if unknown.
    :param siblings: the names of all backfills that the revision's file defines, this
        one among them; none if unknown.
    """

    backfill: Backfill
    name: str
    revision: str | None
    siblings: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """How errors name it."""
        of = "" if self.revision is None else f"{self.owner}, "
        backfill = "" if self.name == self.revision else f"backfill {self.name}, "
        return f"{of}{backfill}table {self.backfill.table.name}"

    @property
    def owner(self) -> str:
        """How errors name what defines it."""
        return f"revision {self.revision}" if self.revision else f"backfill {self.name}"
