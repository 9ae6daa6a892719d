"""Snippets that compare: whether two values differ at all."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ..frozen.families import family
from .construct import Construct
from .construct import expression

_LETTERS = ("text", "enum", "json")
"""What has a collation, or on PostgreSQL no equality at all (``json``)."""

_AS_TEXT = {
    "postgresql": "CAST({} AS TEXT) COLLATE {{binary}}",
    "mysql": "CONVERT({} USING utf8mb4) COLLATE {{binary}}",
    "sqlite": "{} COLLATE {{binary}}",
}
_DISTINCT = {
    "postgresql": "({} IS DISTINCT FROM {})",
    "mysql": "(NOT ({} <=> {}))",
    "sqlite": "({} IS NOT {})",
}


def _on(database: str) -> t.Callable[[Differs, sa.Dialect], str]:
    def template(differs: Differs, dialect: sa.Dialect) -> str:
        values = differs.arguments.values()
        letters = any(family(value.type) in _LETTERS for value in values)
        wrap = _AS_TEXT[database] if letters else "{}"
        return _DISTINCT[database].format(wrap.format("{one}"), wrap.format("{other}"))

    return template


class Differs(Construct):
    name = "differs"
    sql = {database: _on(database) for database in _DISTINCT}


def differs(one: t.Any, other: t.Any) -> Construct:
    """Return whether two values differ.

    ::

        sa.update(users).where(sn.differs(users.c.name, users.c.shown_name))

    Case, accents and trailing spaces count as a difference of texts, whatever the
    collation of a column. Two NULLs are the same, and a NULL differs from all else: the
    result is a ``sa.Boolean`` that is never NULL. JSON is compared as the text that the
    database has for it.

    :param one: an expression.
    :param other: another one of its kind, or a value of Python.
    """
    values = {"one": expression(one), "other": expression(other)}
    return Differs(values, type_=sa.Boolean())
