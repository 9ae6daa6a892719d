"""Full-text search over bugs, alike on each database.

The database keeps the words of each bug itself: see revisions 0019 to 0021. This
module makes a question of what somebody typed.
"""

from __future__ import annotations

import typing as t
import unicodedata

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from .database import db
from .models import Bug

LONGEST = 200
"""The characters of a question; some tens of words."""


def words(question: str) -> list[str]:
    """Return the words of a question, in small letters and without accents.

    Nothing but letters and digits is left, so there is no quote, no operator and no
    wildcard that a database could take for a part of its own language.

    >>> words('The login crashes, "it\\'s" NULL -- 100%')
    ['the', 'login', 'crashes', 'it', 's', 'null', '100']
    >>> words("naïve AND (façade*")
    ['naive', 'and', 'facade']
    >>> words('%"*')
    []
    """
    parts = unicodedata.normalize("NFKD", question.lower())
    letters = (c for c in parts if not unicodedata.combining(c))
    return "".join(c if c.isalnum() else " " for c in letters).split()


def finds(wanted: t.Sequence[str]) -> sa.ColumnElement[bool]:
    """Return the condition that a bug has all of some words, whole ones.

    :param wanted: what :func:`words` returned, at least one.
    """
    return _CONDITIONS[db.engine.dialect.name](wanted)


def _postgresql(wanted: t.Sequence[str]) -> sa.ColumnElement[bool]:
    query = sa.func.plainto_tsquery(sa.literal_column("'simple'"), " ".join(wanted))
    return sa.literal_column("bugs.search").bool_op("@@")(query)


def _mysql(wanted: t.Sequence[str]) -> sa.ColumnElement[bool]:
    # In revision 0019 each word got these two letters, and a plus sign requires it.
    query = " ".join(f"+q_{word}" for word in wanted)
    return mysql.match(
        sa.literal_column("bugs.search"), against=query
    ).in_boolean_mode()


def _sqlite(wanted: t.Sequence[str]) -> sa.ColumnElement[bool]:
    query = " ".join(f'"{word}"' for word in wanted)
    index = sa.table("bugs_search", sa.column("rowid"))
    matches = sa.literal_column("bugs_search").bool_op("MATCH")(query)
    return Bug.id.in_(sa.select(index.c.rowid).where(matches))


_CONDITIONS: t.Mapping[str, t.Callable[..., sa.ColumnElement[bool]]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "mariadb": _mysql,
    "sqlite": _sqlite,
}
