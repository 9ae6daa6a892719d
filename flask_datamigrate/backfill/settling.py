"""The rows a run left out: tried once more at its end, and then left to an operator."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from . import failures
from . import faults
from .batch import RowError
from .keys import Position
from .keys import parameters
from .ranges import FIRST
from .ranges import FORWARD
from .refusals import Refusal

if t.TYPE_CHECKING:
    from .walk import Walk


def settle(walk: Walk) -> None:
    """Change the refused rows that can be changed by now.

    :raises PausedRun: when some cannot, and no operator has accepted that.
    """
    store, task = walk.session.store, walk.task
    with walk.session.transactions.reading() as connection:
        refused = store.refusals.of(connection, task.name)
    # A list, since one that is refused again must not keep the others from their try.
    if all([r.accepted or _is_changed(walk, r) for r in refused]):
        return
    # Each with the error of this last try.
    with walk.session.transactions.reading() as connection:
        refused = store.refusals.of(connection, task.name)
    left = [refusal for refusal in refused if not refusal.accepted]
    if left:
        raise failures.rows_refused(task, walk.key, left)


def _is_changed(walk: Walk, refusal: Refusal) -> bool:
    """Try a row once more; tell whether it is done, or gone."""
    store, task, position = walk.session.store, walk.task, refusal.position
    try:
        with walk.claim.transaction() as connection:
            is_there, low = _before(walk, connection, position)
            changed = skipped = 0
            if is_there:
                result = walk.writer.write(connection, low, position)
                changed, skipped = result.changed, result.skipped
            store.refusals.take(connection, task.name, position)
            store.ranges.add(
                connection,
                task.name,
                FORWARD,
                FIRST,
                changed=changed,
                skipped=skipped - 1,
            )
        return True
    except RowError as error:
        what = error.what
    except exc.DBAPIError as error:
        if faults.classify(error) not in faults.SPLIT:
            raise
        what = faults.message(error)
    with walk.claim.transaction() as connection:
        store.refusals.put(connection, task.name, position, what)
    return False


def _before(
    walk: Walk, connection: sa.Connection, position: Position
) -> tuple[bool, Position | None]:
    """Tell whether a row is still there, and return the key in front of its own."""
    key = walk.key
    query = (
        sa.select(*key.columns).where(key.until()).order_by(*key.descending()).limit(2)
    )
    found = [tuple(r) for r in connection.execute(query, parameters(None, position))]
    if not found or found[0] != position:
        return False, None
    return True, found[1] if len(found) == 2 else None
