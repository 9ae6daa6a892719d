"""``sn.excluded``: the value that a row about to be inserted brings."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from ...dialects import family

_SPELLED = {
    "postgresql": "excluded.{}",
    "sqlite": "excluded.{}",
    # Deprecated by MySQL 8.0.20 for an alias that INSERT ... SELECT cannot have.
    "mysql": "VALUES({})",
}


class Excluded(sa.ColumnElement[t.Any]):
    """The value of a column in the row that met one with its key."""

    inherit_cache = False
    __visit_name__ = "datamigrate_excluded"

    def __init__(self, column: sa.Column[t.Any]) -> None:
        self.column = column
        self.type = column.type


def excluded(column: sa.Column[t.Any]) -> t.Any:
    """Return the value that the new row of an upsert brings for a column.

    PostgreSQL and SQLite call that row ``excluded``; for MySQL and MariaDB it is
    ``VALUES(column)``. For use in ``update=`` and ``where=`` of
    :func:`~flask_datamigrate.snippets.upsert`.

    ::

        sn.upsert(
            visits,
            rows,
            key=["page"],
            update={"hits": visits.c.hits + sn.excluded(visits.c.hits)},
        )

    :param column: a column of the table that is written.
    """
    return Excluded(column)


@compiles(Excluded)
def _compile(element: Excluded, compiler: SQLCompiler, **kw: t.Any) -> str:
    spelled = _SPELLED.get(family(compiler.dialect), "excluded.{}")
    return spelled.format(compiler.preparer.quote(element.column.name))
