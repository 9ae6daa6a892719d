"""Another date out of a date: cut to its month, three days later; and the clock."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from .arguments import refuse
from .construct import Construct
from .construct import expression
from .moments import Moment
from .moments import moment
from .moments import plain

_DAYS: t.Final = ("day", "week", "month", "quarter", "year")


class _Step(Moment):
    """A construct whose result is of the kind of its argument."""

    def as_given(self, dialect: sa.Dialect, sql: str) -> str:
        """Return SQL for a moment in UTC as SQL of the declared type."""
        day = isinstance(self.type, sa.Date)
        if dialect.name == "postgresql":
            if self.is_aware(dialect):
                return f"({sql} AT TIME ZONE 'UTC')"
            return f"CAST({sql} AS {'DATE' if day else 'TIMESTAMP'})"
        return f"CAST({sql} AS {'DATE' if day else 'DATETIME(6)'})"


class DateTrunc(_Step):
    name = "date_trunc"

    def _postgresql(self, dialect: sa.Dialect) -> str:
        return self.as_given(dialect, "date_trunc({unit}, {moment})")

    def _mysql(self, dialect: sa.Dialect) -> str:
        return self.as_given(dialect, _MYSQL_CUTS[self.options["unit"]])

    def _sqlite(self, dialect: sa.Dialect) -> str:
        form, steps = _SQLITE_CUTS[self.options["unit"]]
        if not self.is_date:
            # As SQLAlchemy stores them, with six digits.
            form = f"{form}.000000"
        else:
            form = form.partition(" ")[0]
        return f"strftime('{form}', {{moment}}{steps})"

    sql = {"postgresql": _postgresql, "mysql": _mysql, "sqlite": _sqlite}


# Not DATE_FORMAT: a percent sign is doubled for the driver, and stays so in a script.
_MYSQL_CUTS: t.Final[dict[t.Any, str]] = {
    "second": "{moment} - INTERVAL MICROSECOND({moment}) MICROSECOND",
    "minute": "CAST({moment} AS DATE)"
    " + INTERVAL HOUR({moment}) * 60 + MINUTE({moment}) MINUTE",
    "hour": "CAST({moment} AS DATE) + INTERVAL HOUR({moment}) HOUR",
    "day": "CAST({moment} AS DATE)",
    "week": "CAST({moment} AS DATE) - INTERVAL WEEKDAY({moment}) DAY",
    "month": "CAST({moment} AS DATE) - INTERVAL DAYOFMONTH({moment}) - 1 DAY",
    "quarter": "CAST({moment} AS DATE) - INTERVAL DAYOFMONTH({moment}) - 1 DAY"
    " - INTERVAL MOD(MONTH({moment}) - 1, 3) MONTH",
    "year": "CAST({moment} AS DATE) - INTERVAL DAYOFYEAR({moment}) - 1 DAY",
}

_SQLITE_CUTS: t.Final[dict[t.Any, tuple[str, str]]] = {
    "second": ("%Y-%m-%d %H:%M:%S", ""),
    "minute": ("%Y-%m-%d %H:%M:00", ""),
    "hour": ("%Y-%m-%d %H:00:00", ""),
    "day": ("%Y-%m-%d 00:00:00", ""),
    # To the next Monday if it is none, from six days before.
    "week": ("%Y-%m-%d 00:00:00", ", '-6 days', 'weekday 1'"),
    "month": ("%Y-%m-01 00:00:00", ""),
    "quarter": (
        "%Y-%m-01 00:00:00",
        ", 'start of month', -((strftime('%m', {moment}) - 1) % 3) || ' months'",
    ),
    "year": ("%Y-01-01 00:00:00", ""),
}


class DateAdd(_Step):
    name = "date_add"

    def _postgresql(self, dialect: sa.Dialect) -> str:
        unit, many = self._unit()
        if unit == "month":
            now = "EXTRACT(year FROM {moment}) * 12 + EXTRACT(month FROM {moment}) - 1"
        else:
            now = "floor(EXTRACT(epoch FROM {moment}))"
        return self.as_given(
            dialect,
            # With a point, for such a product is a numeric and has no limit.
            f"CASE WHEN {now} + {{amount}} * {many}.0 BETWEEN {_LIMITS[unit]} "
            f"THEN {{moment}} + {{amount}} * INTERVAL '{many} {unit}s' END",
        )

    def _mysql(self, dialect: sa.Dialect) -> str:
        unit, many = self._unit()
        if unit == "month":
            now = "YEAR({moment}) * 12 + MONTH({moment}) - 1"
        else:
            now = "TO_SECONDS({moment}) - 62167219200"
        return self.as_given(
            dialect,
            # Without the condition it is an error in strict mode, and only there.
            f"CASE WHEN {now} + {{amount}} * {many}.0 BETWEEN {_LIMITS[unit]} "
            f"THEN {{moment}} + INTERVAL {{amount}} * {many} {unit} END",
        )

    def _sqlite(self, dialect: sa.Dialect) -> str:
        unit, many = self._unit()
        steps = f"{{moment}}, ({{amount}} * {many}) || ' {unit}s'"
        day = f"strftime('%Y-%m-%d', {steps})"
        time = "strftime(' %H:%M:%S', {moment})"
        if unit == "month":
            # 31 January and a month is 3 March here: the end of the month before.
            day = (
                f"CASE WHEN strftime('%d', {steps}) = strftime('%d', {{moment}}) "
                f"THEN {day} "
                f"ELSE strftime('%Y-%m-%d', {steps}, 'start of month', '-1 day') END"
            )
        elif not isinstance(self.type, sa.Date):
            day, time = f"strftime('%Y-%m-%d %H:%M:%S', {steps})", "''"
        if not isinstance(self.type, sa.Date):
            day = f"({day}) || {time} || '.' || {{micros}}"
        # Nothing before year 1, which the other databases and Python do not know.
        return f"nullif(max({day}, '0001'), '0001')"

    def _unit(self) -> tuple[str, int]:
        return _UNITS[self.options["unit"]]

    sql = {"postgresql": _postgresql, "mysql": _mysql, "sqlite": _sqlite}


_UNITS: t.Final[dict[t.Any, tuple[str, int]]] = {
    "second": ("second", 1),
    "minute": ("second", 60),
    "hour": ("second", 3600),
    "day": ("second", 86400),
    "week": ("second", 7 * 86400),
    "month": ("month", 1),
    "quarter": ("month", 3),
    "year": ("month", 12),
}

_LIMITS: t.Final = {
    # Of years 1 to 9999, in months of year 0 and in seconds of 1970.
    "month": "12 AND 119999",
    "second": "-62135596800 AND 253402300799",
}


class Date(Moment):
    name = "date"
    sql = {
        "postgresql": "CAST({moment} AS DATE)",
        "mysql": "CAST({moment} AS DATE)",
        "sqlite": "strftime('%Y-%m-%d', {moment})",
    }


class NowUtc(Construct):
    name = "now_utc"
    sql = {
        # Not now(), which stands still for the whole transaction.
        "postgresql": lambda element, dialect: (
            "statement_timestamp()"
            if element.type.timezone
            else "(statement_timestamp() AT TIME ZONE 'UTC')"
        ),
        "mysql": "UTC_TIMESTAMP(6)",
        # SQLite's clock has milliseconds.
        "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now')",
    }


def date_trunc(value: t.Any, unit: str) -> Construct:
    """Return the start of the hour, day, month... that a moment lies in, in UTC.

    ::

        sa.select(sn.date_trunc(orders.c.placed_at, "month"), sa.func.count())

    :param value: a date or a datetime; without a time zone it is UTC, a date is its
        midnight. Its type has to be known.
    :param unit: ``second``, ``minute``, ``hour``, ``day``, ``week`` (from Monday),
        ``month``, ``quarter`` or ``year``.
    :return: a date for a date and a datetime for a datetime, equal to what SQLAlchemy
        stores for the same moment, on SQLite as text too; NULL for NULL. On
        PostgreSQL what has a time zone keeps it. A ``TIMESTAMP`` of MySQL becomes a
        ``DATETIME`` in UTC: compare it with such, since MySQL reads a ``TIMESTAMP``
        in the zone of the session. For a column of dates take :func:`date` of it.
    :raises DefinitionError: for another unit, or what is no date.
    """
    value = moment(value, DateTrunc.name)
    _check_unit(DateTrunc.name, unit)
    return DateTrunc({"value": value}, {"unit": unit}, type_=_type_of(value, True))


def date_add(value: t.Any, amount: t.Any, unit: str) -> Construct:
    """Return a moment so many days, months... later.

    A day that the month does not have becomes its last one, as PostgreSQL and MySQL
    have it: 31 January and a month is 28 or 29 February.

    ::

        sa.update(trials).values(ends_at=sn.date_add(trials.c.began_at, 30, "day"))

    :param value: a date or a datetime, as for :func:`date_trunc`.
    :param amount: a whole number, or an integer expression; may be negative.
    :param unit: ``second``, ``minute``, ``hour``, ``day``, ``week``, ``month``,
        ``quarter`` or ``year``.
    :return: of the same kind as for :func:`date_trunc`, but a datetime for a date and
        a unit shorter than a day; NULL when either is, or when the result would be
        before year 1 or after 9999.
    :raises DefinitionError: for another unit, an amount that is no whole number, or
        what is no date.
    """
    value = moment(value, DateAdd.name)
    _check_unit(DateAdd.name, unit)
    # A number is not a bound value: with one this is another expression in GROUP BY.
    is_number = isinstance(amount, int) and not isinstance(amount, bool)
    whole = (
        sa.literal_column(str(_within_reach(amount, unit)), sa.BigInteger())
        if is_number
        else expression(amount)
    )
    if isinstance(amount, bool) or not isinstance(plain(whole.type), sa.Integer):
        refuse(
            DateAdd.name,
            f"the amount has to be a whole number, and is {amount!r}",
            "Count in a smaller unit, or say that an expression is one: "
            "sa.type_coerce(..., sa.Integer)",
        )
    return DateAdd(
        {"value": value, "amount": whole},
        {"unit": unit},
        type_=_type_of(value, unit in _DAYS),
    )


_TEN_THOUSAND_YEARS = {
    "second": 316_224_000_000,
    "minute": 5_270_400_000,
    "hour": 87_840_000,
    "day": 3_660_000,
    "week": 522_858,
    "month": 120_000,
    "quarter": 40_000,
    "year": 10_000,
}


def _within_reach(amount: int, unit: str) -> int:
    """Return a number that leads as far out of the calendar, but not out of a type.

    PostgreSQL works a constant out before it asks whether the row needs it.
    """
    most = _TEN_THOUSAND_YEARS[unit]
    return max(-most, min(amount, most))


def date(value: t.Any) -> Construct:
    """Return the day of a moment, in UTC.

    A column ``sa.Date`` of SQLite would keep the time of what is stored in it, and
    SQLAlchemy could not read it.

    ::

        sa.update(orders).values(
            due_on=sn.date(sn.date_add(orders.c.placed_at, 1, "month"))
        )

    :param value: a date or a datetime, as for :func:`date_trunc`.
    :return: a date; NULL for NULL.
    :raises DefinitionError: for what is no date.
    """
    return Date({"value": moment(value, Date.name)}, type_=sa.Date())


def now_utc(*, timezone: bool = False) -> Construct:
    """Return the time in UTC at which the statement began.

    ::

        sa.update(orders).values(migrated_at=sn.now_utc())

    It has microseconds, on SQLite milliseconds.

    :param timezone: for a column ``sa.DateTime(timezone=True)``: PostgreSQL would read
        a time without a zone in that of the session. The others have no such columns.
        For a ``TIMESTAMP`` of MySQL, which does the same, the session has to be in UTC.
    :return: a datetime without a time zone, or on PostgreSQL with one if asked for.
    """
    if not isinstance(timezone, bool):
        refuse(NowUtc.name, f"timezone is {timezone!r}", "It is True or False")
    return NowUtc({}, type_=sa.DateTime(timezone=timezone))


def _type_of(value: t.Any, whole_days: bool) -> sa.types.TypeEngine[t.Any]:
    type_ = plain(value.type)
    if isinstance(type_, sa.Date) and whole_days:
        return sa.Date()
    return sa.DateTime(timezone=getattr(type_, "timezone", False))


def _check_unit(snippet: str, unit: t.Any) -> None:
    if not isinstance(unit, str) or unit not in _UNITS:
        refuse(
            snippet, f"there is no unit {unit!r}", f"The units are {', '.join(_UNITS)}"
        )
