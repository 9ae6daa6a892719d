"""How many workers a process may have."""

from __future__ import annotations

import typing as t

from ..errors import DefinitionError

MOST = 64
"""More would only stand in each other's way, and use the server's connections up."""


def check(workers: t.Any, where: str) -> None:
    """Refuse a number of workers that cannot be meant.

    :param where: how an error names what it is for.
    :raises DefinitionError: when it is not a whole number from 1 to 64.
    """
    whole = isinstance(workers, int) and not isinstance(workers, bool)
    if not whole or not 1 <= workers <= MOST:
        raise DefinitionError(
            f"workers is {workers!r}, but must be a whole number from 1 to {MOST}",
            where=where,
            next="Two to four are as many as most databases gain by",
        )
