"""One statement for each range of a table's key, each of them committed."""

from __future__ import annotations

import contextlib
import time
import typing as t

import sqlalchemy as sa

from ...backfill.keys import Key
from ...backfill.keys import Position
from ...backfill.keys import parameters
from ...backfill.pace import Pace
from .. import configured
from .site import Site

Statement = t.Callable[[sa.ColumnElement[bool]], sa.Executable]
"""Makes a statement for the rows that match a condition."""

Batch = t.Callable[[Site], contextlib.AbstractContextManager[None]]
"""What the statements of one range are run in."""


@contextlib.contextmanager
def as_it_is(site: Site) -> t.Iterator[None]:
    """Commit the range on MySQL, as each of its schema changes does.

    On PostgreSQL the statement is committed where it is outside of a transaction.
    """
    without_gap_locks(site)
    yield
    if site.family == "mysql":
        site.connection.exec_driver_sql("COMMIT")


def execute(
    site: Site,
    key: t.Sequence[sa.ColumnElement[t.Any]],
    *statements: Statement,
    batch: Batch = as_it_is,
) -> None:
    """Run statements over all rows, some at a time, in the order of the key.

    They have to be such that running them again does no harm: after a crash it
    begins at the first row.

    :param key: the columns of the primary key.
    :param batch: what the statements of a range are run in.
    """
    settings = configured.settings()
    of = Key(tuple(key), site.family)
    pace = Pace(settings.batch_size, settings.target_seconds, settings.max_batch_size)
    low: Position | None = None
    while True:
        high = _bound(site, of, low, pace.size)
        if high is None:
            return
        begun = time.perf_counter()
        with batch(site):
            for statement in statements:
                condition = of.between(low)
                site.connection.execute(statement(condition), parameters(low, high))
        pace.record(pace.size, time.perf_counter() - begun)
        low = high


def without_gap_locks(site: Site) -> None:
    """Make the next transaction of MySQL one that locks no gaps between keys."""
    if site.family == "mysql":
        site.connection.exec_driver_sql("COMMIT")
        site.connection.exec_driver_sql(
            "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
        )


def _bound(site: Site, key: Key, low: Position | None, size: int) -> Position | None:
    """Return the last key of the next range; ``None`` when no row is left."""
    query = sa.select(*key.columns)
    values: dict[str, t.Any] = {}
    if low is not None:
        query = query.where(key.after())
        values = parameters(low, ())
    full = query.order_by(*key.order()).offset(size - 1).limit(1)
    rest = query.order_by(*key.descending()).limit(1)
    for statement in (full, rest):
        row = site.connection.execute(statement, values).first()
        if row is not None:
            return tuple(row)
    return None
