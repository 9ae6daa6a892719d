"""Changes that the config does not name, though the code asks for them or they go on.

The code asks for a change by ``migrate.change(name)``, whose attributes are an error
where the config has no stage for it.
"""

from __future__ import annotations

import typing as t

from ..frozen.names import nearest
from ..settings import STAGES
from ..settings import Stage
from . import compatibility
from .apart import Conflict
from .changes import KEY


def conflict(
    change: str,
    database: Stage | None,
    verified: bool,
    named: t.Iterable[str],
    *,
    known: bool = True,
) -> Conflict:
    """Return why code that asks for a change cannot do without it in the config.

    :param database: the last stage that is applied there.
    :param verified: whether the new columns are filled and checked.
    :param named: the changes that the config names; the code may mean one of them.
    :param known: whether revisions belong to the change, as far as can be told here.
    """
    meant = nearest(change, named)
    mends = (
        [f'mend the name in migrate.change() if "{meant}" is meant'] if meant else []
    )
    if known:
        mends.append(f"set {naming(change, database, verified)}")
    else:
        mends.append(f"write its first revision: flask db data change {change}")
    mends.append(f'take migrate.change("{change}"), and what asks it, out of the code')
    mend = "; or ".join(mends)
    where = _where(database, verified) if known else "No revision belongs to it"
    return Conflict(
        f'change {change}: the code asks for it, by migrate.change("{change}"), and '
        "the config does not name it: each request that reads its stage ends in an "
        f"error. {where}",
        mend[0].upper() + mend[1:],
    )


def said(change: str, database: Stage, verified: bool) -> str:
    """Say what becomes of a change that has begun, and that nobody asks for."""
    return (
        f"{change}: not named in the config, the database at {database}"
        f"{', verified' if verified else ''}: flask db upgrade applies all of it but "
        "its contract. If code uses its columns, set "
        f"{naming(change, database, verified)}"
    )


def naming(change: str, database: Stage | None, verified: bool) -> str:
    """Return how the config names a change, with the stages that code may be at."""
    legal = [
        f'"{stage}"'
        for stage in STAGES
        if compatibility.conflict(change, stage, database, verified) is None
    ]
    last = legal.pop()
    which = f"{', '.join(legal)} or {last}" if legal else last
    return f'{KEY}["{change}"] to what this code can live with, {which}'


def _where(database: Stage | None, verified: bool) -> str:
    return (
        f"The database is at {database or 'none of its stages'}"
        f"{', verified' if verified else ''}"
    )
