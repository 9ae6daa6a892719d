"""Lists in pages, newest first, each as fast as the first one."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa

from .database import db

PAGE = 25
LONGEST_PAGE = 200


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """One page of rows.

    :param before: the key the next page begins below, None on the last page.
    """

    rows: t.Sequence[t.Any]
    before: int | None


def newest(
    model: t.Any,
    conditions: t.Iterable[sa.ColumnElement[bool]],
    options: t.Iterable[t.Any],
    *,
    before: int | None,
    limit: int,
) -> Page:
    """Read one page by key.

    A page starts from the last key of the one before it. An OFFSET would read
    and throw away all rows in front of the page.

    :param options: what brings the columns that the model does not map.
    :param before: only rows with a smaller key.
    :param limit: the rows of a page, at most :data:`LONGEST_PAGE`.
    """
    limit = max(1, min(limit, LONGEST_PAGE))
    query = sa.select(model).where(*conditions).options(*options)
    if before is not None:
        query = query.where(model.id < before)
    query = query.order_by(model.id.desc()).limit(limit + 1)
    rows = db.session.scalars(query).all()
    more = len(rows) > limit
    return Page(rows[:limit], rows[limit - 1].id if more else None)
