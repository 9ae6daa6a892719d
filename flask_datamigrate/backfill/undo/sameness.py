"""Whether two values are the same, byte by byte."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ...frozen.families import family as type_family


def identical(
    left: sa.ColumnElement[t.Any], right: sa.ColumnElement[t.Any], dialect: str
) -> sa.ColumnElement[bool]:
    """Return the condition that two values are the same, byte by byte, NULL included.

    A collation may call ``a`` and ``A`` equal, and PostgreSQL's ``json`` has no
    equality at all.
    """
    family = type_family(left.type)
    if dialect == "postgresql":
        if family == "text":
            left, right = _bytewise(left), _bytewise(right)
        elif family not in ("number", "boolean", "temporal", "uuid"):
            left, right = sa.cast(left, sa.Text), sa.cast(right, sa.Text)
    elif family not in ("number", "boolean"):
        left, right = sa.cast(left, sa.LargeBinary), sa.cast(right, sa.LargeBinary)
    return left.is_not_distinct_from(right)


def _bytewise(text: sa.ColumnElement[t.Any]) -> sa.ColumnElement[t.Any]:
    return sa.collate(sa.cast(text, sa.Text), "C")
