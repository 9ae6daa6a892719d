"""What the snippets on dates take: a date or a time, and it is UTC.

A value without a time zone is UTC. One with a zone is brought to UTC by the database,
whatever the ``TimeZone`` or ``time_zone`` of the session is.
"""

from __future__ import annotations

import datetime
import typing as t

import sqlalchemy as sa
from sqlalchemy.sql import functions

from .. import dialects
from .arguments import refuse
from .construct import Construct
from .construct import Template
from .construct import expression

_LOCAL = (
    functions.now,
    functions.current_date,
    functions.current_timestamp,
    functions.localtime,
    functions.localtimestamp,
    functions.sysdate,
)
"""The clock in the zone of the session on some databases, and in UTC on others."""


class Moment(Construct):
    """A construct over a moment: the argument ``value``.

    In its templates ``{moment}`` is that in UTC: a TIMESTAMP on PostgreSQL, a
    DATETIME(6) on MySQL, and on SQLite a text up to the second, with the six digits
    that follow as ``{micros}``.
    """

    def template(self, dialect: sa.Dialect) -> Template:
        template = super().template(dialect)
        for name in dialects.names(dialect):
            if name in _UTC and isinstance(template, str):
                moment = _UTC[name](self, dialect)
                return template.replace("{moment}", moment).replace("{micros}", _MICROS)
        return template

    @property
    def is_date(self) -> bool:
        """Whether the moment is a day, and so counts as its midnight."""
        return isinstance(plain(self.arguments["value"].type), sa.Date)

    def is_aware(self, dialect: sa.Dialect) -> bool:
        """Whether this database keeps the zone, or rather the instant, of the value."""
        type_ = plain(self.arguments["value"].type, dialect)
        return isinstance(type_, sa.DateTime) and type_.timezone


def moment(value: t.Any, snippet: str) -> t.Any:
    """Return a value as an expression that is a date or a time with a date.

    :raises DefinitionError: for one of another or of an unknown type, and for the
        clock of the session.
    """
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    found = expression(value)
    if isinstance(found, _LOCAL):
        refuse(
            snippet,
            "the clock of the database is in the time zone of the session on some, "
            "and in UTC on others",
            "Use snippets.now_utc()",
        )
    type_ = plain(found.type)
    if not isinstance(type_, (sa.Date, sa.DateTime)):
        refuse(
            snippet,
            f"it works on a date or a datetime, and is given {found.type!r}",
            "Say what it is: sa.type_coerce(..., sa.DateTime) where the column is "
            "one, or turn text into one with snippets.branch",
        )
    return found


def plain(type_: t.Any, dialect: sa.Dialect | None = None) -> t.Any:
    """Return a type without what decorates it, as it is on a dialect."""
    if dialect is not None:
        type_ = type_.dialect_impl(dialect)
    while isinstance(type_, sa.types.TypeDecorator):
        type_ = type_.impl_instance
    return type_


def _postgresql(element: Moment, dialect: sa.Dialect) -> str:
    if element.is_aware(dialect):
        return "(CAST({value} AS TIMESTAMP WITH TIME ZONE) AT TIME ZONE 'UTC')"
    return "CAST({value} AS TIMESTAMP)"


def _mysql(element: Moment, dialect: sa.Dialect) -> str:
    value = element.arguments["value"]
    stamp = isinstance(plain(value.type, dialect), sa.TIMESTAMP)
    if stamp and not isinstance(value, sa.BindParameter):
        # The one way to what is stored, without the session's zone between:
        # https://mariadb.com/kb/en/unix_timestamp/
        epoch = "TIMESTAMP '1970-01-01 00:00:00.000000'"
        return f"({epoch} + INTERVAL UNIX_TIMESTAMP({{value}}) SECOND)"
    return "CAST({value} AS DATETIME(6))"


def _sqlite(element: Moment, dialect: sa.Dialect) -> str:
    # SQLite itself computes in milliseconds, and rounds.
    return "substr({value}, 1, 19)"


_UTC: t.Final[dict[str, t.Callable[[Moment, sa.Dialect], str]]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "sqlite": _sqlite,
}

_MICROS = "substr(substr({value}, 21, 6) || '000000', 1, 6)"
