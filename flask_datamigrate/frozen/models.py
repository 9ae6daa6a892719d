"""Frozen models: a mapped class on a registry of its own, for ``Session`` code."""

from __future__ import annotations

import re
import typing as t

import sqlalchemy as sa
from sqlalchemy import orm

from ..errors import DefinitionError
from .tables import table

__all__ = ["model"]


def model(
    name: str, *columns: sa.Column[t.Any], schema: str | None = None
) -> type[t.Any]:
    """Map a class onto a frozen table, for code that is written with ``Session``.

    ::

        User = frozen.model(
            "users",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("full_name", sa.String(100)),
        )
        session.get(User, 1).full_name

    :param name: the table's name in the database.
    :param columns: the columns used; at least one is the primary key.
    :param schema: the table's schema, if it is not the default one.
    :raises DefinitionError: as :func:`table` does, and without a primary key.
    """
    frozen = table(name, *columns, schema=schema)
    if not frozen.primary_key.columns:
        raise DefinitionError(
            "it has no primary key, and a mapped class must have one",
            where=f"frozen model {name!r}",
            next="Mark the key's columns with `primary_key=True`",
        )
    mapped: type[t.Any] = type(
        _class_name(name), (_Frozen,), {"__module__": __name__, "__table__": frozen}
    )
    orm.registry().map_imperatively(mapped, frozen)
    return mapped


class Query:
    """What Flask-SQLAlchemy's models have, on the migration's own connection."""

    def __get__(self, _: object, model: type[t.Any]) -> orm.Query[t.Any]:
        from alembic import op

        return orm.Session(op.get_bind()).query(model)


class _Frozen:
    __table__: t.ClassVar[sa.Table]
    query = Query()

    def __init__(self, /, **values: t.Any) -> None:
        for name, value in values.items():
            if name not in self.__table__.c:
                raise TypeError(
                    f"{name!r} is not a column of frozen model {type(self).__name__}"
                )
            setattr(self, name, value)


def _class_name(table_name: str) -> str:
    words = re.findall(r"\w+", table_name.replace("_", " "))
    return "".join(word[:1].upper() + word[1:] for word in words) or "Frozen"
