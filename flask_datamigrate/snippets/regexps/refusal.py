"""How a pattern or a replacement is refused."""

from __future__ import annotations

import typing as t

from ..arguments import refuse

NEXT = (
    "What every database reads alike is listed at sn.regexp_replace; for the rest, use "
    "Backfill.rows with Python's re"
)


def refuse_piece(what: str, next: str = NEXT) -> t.NoReturn:
    """Refuse a piece of a pattern.

    :raises DefinitionError: always.
    """
    refuse("regexp_replace", what, next)
