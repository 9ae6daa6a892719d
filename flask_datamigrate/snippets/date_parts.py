"""Whole numbers out of a date: year, hour, ISO week, seconds since 1970, age.

They do what ``sa.extract`` is for. That one gives the same on all databases for
``year``, ``month``, ``day``, ``hour`` and ``minute`` of a column without a time zone
(except on SQLite for the last half millisecond of the year 9999), and for nothing else:
``second`` has a fraction on PostgreSQL alone, ``week`` is another week on each, ``dow``
and ``doy`` are unknown to MySQL and ``quarter`` to SQLite, and a column with a time
zone is read in that of the session.
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from .arguments import refuse
from .construct import Cell
from .construct import Construct
from .date_steps import now_utc
from .moments import Moment
from .moments import moment


class Year(Moment):
    name = "year"
    sql = {
        "postgresql": "CAST(EXTRACT(year FROM {moment}) AS INTEGER)",
        "mysql": "YEAR({moment})",
        "sqlite": "CAST(strftime('%Y', {moment}) AS INTEGER)",
    }


class Quarter(Moment):
    name = "quarter"
    sql = {
        "postgresql": "CAST(EXTRACT(quarter FROM {moment}) AS INTEGER)",
        "mysql": "QUARTER({moment})",
        "sqlite": "((strftime('%m', {moment}) + 2) / 3)",
    }


class Month(Moment):
    name = "month"
    sql = {
        "postgresql": "CAST(EXTRACT(month FROM {moment}) AS INTEGER)",
        "mysql": "MONTH({moment})",
        "sqlite": "CAST(strftime('%m', {moment}) AS INTEGER)",
    }


class Day(Moment):
    name = "day"
    sql = {
        "postgresql": "CAST(EXTRACT(day FROM {moment}) AS INTEGER)",
        "mysql": "DAYOFMONTH({moment})",
        "sqlite": "CAST(strftime('%d', {moment}) AS INTEGER)",
    }


class Hour(Moment):
    name = "hour"
    sql = {
        "postgresql": "CAST(EXTRACT(hour FROM {moment}) AS INTEGER)",
        "mysql": "HOUR({moment})",
        "sqlite": "CAST(strftime('%H', {moment}) AS INTEGER)",
    }


class Minute(Moment):
    name = "minute"
    sql = {
        "postgresql": "CAST(EXTRACT(minute FROM {moment}) AS INTEGER)",
        "mysql": "MINUTE({moment})",
        "sqlite": "CAST(strftime('%M', {moment}) AS INTEGER)",
    }


class Second(Moment):
    name = "second"
    sql = {
        # A cast alone would round 59.9 to 60.
        "postgresql": "CAST(floor(EXTRACT(second FROM {moment})) AS INTEGER)",
        "mysql": "SECOND({moment})",
        "sqlite": "CAST(strftime('%S', {moment}) AS INTEGER)",
    }


class Microsecond(Moment):
    name = "microsecond"
    sql = {
        # PostgreSQL counts the whole seconds of the minute in.
        "postgresql": "MOD(CAST(EXTRACT(microseconds FROM {moment}) AS INTEGER),"
        " 1000000)",
        "mysql": "MICROSECOND({moment})",
        "sqlite": "CAST({micros} AS INTEGER)",
    }


# SQLite has ISO weeks since 3.46. A week is of the year its Thursday is in: ISO 8601.
_THURSDAY = "{moment}, '-3 days', 'weekday 4'"


class IsoYear(Moment):
    name = "iso_year"
    sql = {
        "postgresql": "CAST(EXTRACT(isoyear FROM {moment}) AS INTEGER)",
        "mysql": "(YEARWEEK({moment}, 3) DIV 100)",
        "sqlite": f"CAST(strftime('%Y', {_THURSDAY}) AS INTEGER)",
    }


class IsoWeek(Moment):
    name = "iso_week"
    sql = {
        "postgresql": "CAST(EXTRACT(week FROM {moment}) AS INTEGER)",
        "mysql": "WEEK({moment}, 3)",
        "sqlite": f"((strftime('%j', {_THURSDAY}) + 6) / 7)",
    }


class DayOfWeek(Moment):
    name = "day_of_week"
    sql = {
        "postgresql": "CAST(EXTRACT(isodow FROM {moment}) AS INTEGER)",
        "mysql": "(WEEKDAY({moment}) + 1)",
        "sqlite": "((strftime('%w', {moment}) + 6) % 7 + 1)",
    }


class DayOfYear(Moment):
    name = "day_of_year"
    sql = {
        "postgresql": "CAST(EXTRACT(doy FROM {moment}) AS INTEGER)",
        "mysql": "DAYOFYEAR({moment})",
        "sqlite": "CAST(strftime('%j', {moment}) AS INTEGER)",
    }


_SECONDS: t.Final[dict[str, str]] = {
    "postgresql": "CAST(EXTRACT(epoch FROM date_trunc('second', {moment})) AS BIGINT)",
    # From year 0 to 1970. TIMESTAMPDIFF would cut a fraction off towards 1970.
    "mysql": "(TO_SECONDS({moment}) - 62167219200)",
    "sqlite": "CAST(strftime('%s', {moment}) AS INTEGER)",
}
_MICROSECONDS: t.Final[dict[str, str]] = {
    name: f"({seconds} * 1000000 + {Microsecond.sql[name]})"
    for name, seconds in _SECONDS.items()
}


def _since_1970(name: str) -> Cell:
    units = {
        "second": _SECONDS[name],
        "microsecond": _MICROSECONDS[name],
    }
    return lambda element, dialect: units[element.options["unit"]]


class Epoch(Moment):
    name = "epoch"
    sql = {
        "postgresql": _since_1970("postgresql"),
        "mysql": _since_1970("mysql"),
        "sqlite": _since_1970("sqlite"),
    }


_PARTS: t.Final[dict[str, type[Moment]]] = {
    part.name: part
    for part in (
        *(Year, IsoYear, Quarter, Month, IsoWeek, Day, DayOfWeek, DayOfYear),
        *(Hour, Minute, Second, Microsecond),
    )
}


def date_part(value: t.Any, part: str) -> Construct:
    """Return a part of a date or datetime, in UTC.

    Each part has a function of its name too: ``sn.year(x)`` is
    ``sn.date_part(x, "year")``. For ``year``, ``month``, ``day``, ``hour`` and
    ``minute`` of a column without a time zone ``sa.extract`` does as well; for all else
    it gives another number, or an error, on one database or another.

    :param value: a date or a datetime; without a time zone it is UTC, a date is its
        midnight. Its type has to be known.
    :param part: ``year``, ``quarter`` (1–4), ``month`` (1–12), ``day`` (1–31),
        ``hour`` (0–23), ``minute``, ``second`` (whole, 0–59), ``microsecond``
        (0–999999), ``day_of_week`` (1 is Monday, 7 Sunday), ``day_of_year`` (1–366), or
        ``iso_week`` (1–53) with ``iso_year``, the year that this week belongs to.
    :return: an integer; NULL for NULL.
    :raises DefinitionError: for a part that does not exist, or what is no date.
    """
    found = _PARTS.get(part) if isinstance(part, str) else None
    if found is None:
        refuse(
            "date_part",
            f"there is no part {part!r} of a date",
            f"The parts are {', '.join(_PARTS)}",
        )
    return found({"value": moment(value, part)}, type_=sa.Integer())


def year(value: t.Any) -> Construct:
    """Return the year, in UTC. See :func:`date_part`, also for ``value``.

    ::

        sa.update(users).values(created_year=sn.year(users.c.created_at))
    """
    return date_part(value, "year")


def iso_year(value: t.Any) -> Construct:
    """Return the year that the ISO week belongs to, in UTC. See :func:`date_part`."""
    return date_part(value, "iso_year")


def quarter(value: t.Any) -> Construct:
    """Return the quarter, 1 to 4, in UTC. See :func:`date_part`."""
    return date_part(value, "quarter")


def month(value: t.Any) -> Construct:
    """Return the month, 1 to 12, in UTC. See :func:`date_part`."""
    return date_part(value, "month")


def iso_week(value: t.Any) -> Construct:
    """Return the ISO 8601 week, 1 to 53, in UTC. See :func:`date_part`."""
    return date_part(value, "iso_week")


def day(value: t.Any) -> Construct:
    """Return the day of the month, 1 to 31, in UTC. See :func:`date_part`."""
    return date_part(value, "day")


def day_of_week(value: t.Any) -> Construct:
    """Return the ISO day: 1 is Monday, 7 Sunday, in UTC. See :func:`date_part`."""
    return date_part(value, "day_of_week")


def day_of_year(value: t.Any) -> Construct:
    """Return the day of the year, 1 to 366, in UTC. See :func:`date_part`."""
    return date_part(value, "day_of_year")


def hour(value: t.Any) -> Construct:
    """Return the hour, 0 to 23, in UTC. See :func:`date_part`."""
    return date_part(value, "hour")


def minute(value: t.Any) -> Construct:
    """Return the minute, 0 to 59. See :func:`date_part`."""
    return date_part(value, "minute")


def second(value: t.Any) -> Construct:
    """Return the whole second, 0 to 59. See :func:`date_part`."""
    return date_part(value, "second")


def microsecond(value: t.Any) -> Construct:
    """Return what is beyond the second, 0 to 999999. See :func:`date_part`.

    A MySQL column has a fraction only when it is declared with one:
    ``mysql.DATETIME(fsp=6)``.
    """
    return date_part(value, "microsecond")


def epoch(value: t.Any, unit: str = "second") -> Construct:
    """Return the time since 1970-01-01 00:00 UTC as a whole number.

    Before 1970 it is negative. What is beyond a whole unit is cut off towards the
    past: half a second before 1970 is -1. No floating point is involved, so nothing
    is lost: ``epoch(x, "microsecond")`` is exact from year 1 to 9999.

    ::

        sa.select(sn.epoch(events.c.at))

    :param value: a date or a datetime, as for :func:`date_part`.
    :param unit: ``second`` or ``microsecond``.
    :return: a big integer; NULL for NULL.
    :raises DefinitionError: for another unit, or what is no date.
    """
    if unit not in ("second", "microsecond"):
        refuse(
            Epoch.name,
            f"it does not count in {unit!r}",
            "The units are second, microsecond",
        )
    return Epoch(
        {"value": moment(value, Epoch.name)}, {"unit": unit}, type_=sa.BigInteger()
    )


def age_in_years(born: t.Any, on: t.Any = None) -> sa.ColumnElement[t.Any]:
    """Return how many birthdays there were: the age in whole years.

    The birthday of who was born on 29 February is 1 March in other years. Before the
    birth it is negative: -1 in the year before.

    ::

        sa.update(users).values(age=sn.age_in_years(users.c.born))

    :param born: a date or a datetime, as for :func:`date_part`.
    :param on: the day to tell the age for; by default today, in UTC.
    :return: an integer; NULL when either is.
    :raises DefinitionError: for what is no date.
    """
    born = moment(born, "age_in_years")
    on = now_utc() if on is None else moment(on, "age_in_years")
    # Not as bound values: with those an expression is another one in GROUP BY.
    hundred, one, zero = (sa.literal_column(n, sa.Integer()) for n in ("100", "1", "0"))
    before = month(on) * hundred + day(on) < month(born) * hundred + day(born)
    return year(on) - year(born) - sa.case((before, one), else_=zero)
