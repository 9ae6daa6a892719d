"""What the snippets on dates must give."""

from __future__ import annotations

import calendar
import datetime as dt
import typing as t

import sqlalchemy as sa
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql

from tests.snippets.parity import Parity

AT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
"""A time with microseconds on every database."""

ZONED = sa.DateTime(timezone=True).with_variant(
    mysql.DATETIME(fsp=6), "mysql", "mariadb"
)
"""An instant on PostgreSQL, and UTC elsewhere."""

FIRST = dt.datetime(1, 1, 1)
LAST = dt.datetime(9999, 12, 31, 23, 59, 59, 999999)
EPOCH = dt.datetime(1970, 1, 1)
SECOND = dt.timedelta(seconds=1)

MOMENTS = [
    None,
    FIRST,
    LAST,
    EPOCH,
    EPOCH - dt.timedelta(microseconds=1),
    EPOCH - SECOND / 2,
    EPOCH - SECOND,
    EPOCH + dt.timedelta(microseconds=999_999),
    dt.datetime(99, 12, 31, 1, 2, 3, 4),
    dt.datetime(1582, 10, 10, 12),
    dt.datetime(1600, 2, 29, 23, 59, 59, 999_999),
    dt.datetime(1752, 9, 5),
    dt.datetime(1900, 2, 28, 23, 59, 59, 999_500),
    dt.datetime(1900, 3, 1),
    dt.datetime(1969, 7, 20, 20, 17, 40, 123_456),
    dt.datetime(2000, 2, 29),
    dt.datetime(2023, 1, 31, 10, 20, 30, 400_000),
    dt.datetime(2023, 10, 29, 1, 30),
    dt.datetime(2024, 1, 31),
    dt.datetime(2024, 2, 29, 12, 34, 56, 789_012),
    dt.datetime(2024, 3, 31, 2, 30),
    dt.datetime(2024, 12, 31, 23, 59, 59, 999_999),
    dt.datetime(2038, 1, 19, 3, 14, 8),
    dt.datetime(2100, 2, 28, 23),
    # The days around the new year, where the ISO week is of the other year.
    *(
        dt.datetime(year, 12, 28, 0, 0, 1) + dt.timedelta(days=day)
        for year in (2004, 2008, 2009, 2015, 2019, 2020, 2021, 2024)
        for day in range(8)
    ),
    *(dt.datetime(2023, month, 28, 9) for month in range(1, 13)),
]

RANDOM = st.one_of(
    st.none(),
    st.datetimes(),
    st.datetimes(dt.datetime(1960, 1, 1), dt.datetime(1980, 1, 1)),
    st.builds(
        dt.datetime, st.integers(1, 9999), st.just(2), st.integers(1, 28), st.just(23)
    ),
)

PARTS: dict[str, t.Callable[[dt.datetime], int]] = {
    "year": lambda x: x.year,
    "iso_year": lambda x: x.isocalendar()[0],
    "quarter": lambda x: (x.month + 2) // 3,
    "month": lambda x: x.month,
    "iso_week": lambda x: x.isocalendar()[1],
    "day": lambda x: x.day,
    "day_of_week": lambda x: x.isoweekday(),
    "day_of_year": lambda x: x.timetuple().tm_yday,
    "hour": lambda x: x.hour,
    "minute": lambda x: x.minute,
    "second": lambda x: x.second,
    "microsecond": lambda x: x.microsecond,
}


def rows(moments: t.Iterable[dt.datetime | None]) -> list[t.Any]:
    """Return the same moment as a time, as an instant, and its day."""
    return [
        (x, x and x.replace(tzinfo=dt.timezone.utc), x and x.date()) for x in moments
    ]


def null(function: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
    """Return a function that gives None when it gets one."""
    return lambda *given: None if None in given else function(*given)


def midnight(day: dt.date) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day)


def _part(name: str, function: t.Callable[[dt.datetime], int]) -> Parity:
    shown = [*MOMENTS[1:3], dt.datetime(1969, 7, 20, 20, 17, 40, 123_456), None]
    return Parity(
        name=name,
        columns={"at": AT, "zoned": ZONED, "day": sa.Date()},
        calls={
            f"sn.{name}(t.c.at)": lambda x, *_: null(function)(x),
            f"sn.{name}(t.c.zoned)": lambda _, x, __: null(function)(x),
            f"sn.{name}(t.c.day)": lambda _, __, x: null(
                lambda day: function(midnight(day))
            )(x),
        },
        inputs=rows(MOMENTS),
        shown=rows(shown),
        random=RANDOM.map(lambda x: rows([x])[0]),
    )


def cut(unit: str, x: dt.datetime) -> dt.datetime:
    days = {
        "second": 0,
        "minute": 0,
        "hour": 0,
        "day": 0,
        "week": x.weekday(),
        "month": x.day - 1,
        "quarter": 0,
        "year": x.timetuple().tm_yday - 1,
    }[unit]
    x -= dt.timedelta(days=days)
    if unit == "quarter":
        x = x.replace(day=1, month=x.month - (x.month - 1) % 3)
    names = ("hour", "minute", "second")
    kept = names.index(unit) + 1 if unit in names else 0
    return x.replace(**dict.fromkeys(names[kept:], 0), microsecond=0)


def add(n: int, unit: str, x: dt.datetime) -> dt.datetime | None:
    months = {"month": 1, "quarter": 3, "year": 12}.get(unit)
    if months is None:
        try:
            return x + dt.timedelta(**{f"{unit}s": n})
        except OverflowError:
            return None
    year, month = divmod(x.year * 12 + x.month - 1 + n * months, 12)
    if not 1 <= year <= 9999:
        return None
    last = calendar.monthrange(year, month + 1)[1]
    return x.replace(year=year, month=month + 1, day=min(x.day, last))


def day_or_none(x: dt.datetime | None) -> dt.date | None:
    return x and x.date()


UNITS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")


def _cuts() -> t.Iterator[Parity]:
    columns = {"at": AT, "zoned": ZONED, "day": sa.Date()}
    calls: dict[str, t.Callable[..., t.Any]] = {}
    for unit in ("month", *(unit for unit in UNITS if unit != "month")):

        def of(x: dt.datetime, unit: str = unit) -> dt.datetime:
            return cut(unit, x)

        calls[f'sn.date_trunc(t.c.at, "{unit}")'] = lambda x, *_, f=of: null(f)(x)
        calls[f'sn.date_trunc(t.c.day, "{unit}")'] = lambda *x, f=of: null(
            lambda day: f(midnight(day)).date()
        )(x[-1])
        # What is stored is found by it: the form of the text is the same too.
        calls[f't.c.at == sn.date_trunc(t.c.at, "{unit}")'] = lambda x, *_, f=of: null(
            lambda at: at == f(at)
        )(x)
        calls[f't.c.zoned == sn.date_trunc(t.c.zoned, "{unit}")'] = lambda *x, f=of: (
            null(lambda at: at == f(at))(x[0])
        )
        calls[f'sn.epoch(sn.date_trunc(t.c.zoned, "{unit}"))'] = lambda *x, f=of: null(
            lambda at: seconds(f(at))
        )(x[0])
        calls[f't.c.day == sn.date_trunc(t.c.day, "{unit}")'] = lambda *x, f=of: null(
            lambda day: midnight(day) == f(midnight(day))
        )(x[-1])
    yield Parity(
        name="date_trunc",
        columns=columns,
        calls=calls,
        inputs=rows(x for m in MOMENTS for x in ([m] if m is None else _with_cuts(m))),
        shown=rows([dt.datetime(2024, 2, 29, 12, 34, 56, 789_012), None]),
        random=RANDOM.map(lambda x: rows([x])[0]),
    )


def _with_cuts(moment: dt.datetime) -> list[dt.datetime]:
    return [moment, *{cut(unit, moment) for unit in ("day", "month", "year")}]


def _adds() -> t.Iterator[Parity]:
    calls: dict[str, t.Callable[..., t.Any]] = {}
    for unit in ("month", *(unit for unit in UNITS if unit != "month")):

        def by(x: dt.datetime, n: int, unit: str = unit) -> dt.datetime | None:
            return add(n, unit, x)

        def days(x: dt.date, n: int, unit: str = unit) -> dt.date | None:
            found = add(n, unit, midnight(x))
            return found if unit in UNITS[:3] else day_or_none(found)

        calls[f'sn.date_add(t.c.at, t.c.n_, "{unit}")'] = lambda *x, f=by: null(f)(
            x[0], x[-1]
        )
        calls[f'sn.date_add(t.c.day, t.c.n_, "{unit}")'] = lambda *x, f=days: null(f)(
            x[2], x[-1]
        )
        zoned = f'sn.date_add(t.c.zoned, t.c.n_, "{unit}")'
        calls[f"sn.epoch({zoned})"] = lambda *x, f=by: null(seconds)(
            null(f)(x[0], x[-1])
        )
        calls[f'sn.date_add(t.c.day, 1, "{unit}")'] = lambda *x, f=days: null(f)(
            x[2], 1
        )
    moves = (None, 0, 1, -1, 12, -13, 100_000, -(2**31), 2**31 - 1, 2**63 - 1)
    yield Parity(
        name="date_add",
        columns={"at": AT, "zoned": ZONED, "day": sa.Date(), "n_": sa.BigInteger()},
        calls=calls,
        inputs=[
            *((*row, n) for row in rows(MOMENTS) for n in moves),
            *((*row, n) for row in rows([FIRST]) for n in (315_537_897_599, 3_652_058)),
            *(
                (*row, n)
                for row in rows([LAST])
                for n in (-315_537_897_600, -315_537_897_599, -119_987, -119_988)
            ),
        ],
        shown=[
            (*row, n)
            for row, n in zip(
                rows([dt.datetime(2024, 1, 31), dt.datetime(2024, 3, 31), LAST]),
                (1, -1, 1),
                strict=True,
            )
        ],
        random=st.tuples(
            RANDOM.map(lambda x: rows([x])[0]),
            st.one_of(st.integers(-500, 500), st.integers(-(2**63), 2**63 - 1)),
        ).map(lambda pair: (*pair[0], pair[1])),
    )


def seconds(x: dt.datetime) -> int:
    return (x - EPOCH) // SECOND


def micros(x: dt.datetime) -> int:
    return (x - EPOCH) // dt.timedelta(microseconds=1)


EPOCHS = Parity(
    name="epoch",
    columns={"at": AT, "zoned": ZONED, "day": sa.Date()},
    calls={
        "sn.epoch(t.c.at)": lambda x, *_: null(seconds)(x),
        "sn.epoch(t.c.zoned)": lambda x, *_: null(seconds)(x),
        "sn.epoch(t.c.day)": lambda *x: null(lambda d: seconds(midnight(d)))(x[-1]),
        'sn.epoch(t.c.at, "microsecond")': lambda x, *_: null(micros)(x),
        'sn.epoch(t.c.zoned, "microsecond")': lambda x, *_: null(micros)(x),
    },
    inputs=rows(MOMENTS),
    shown=rows([EPOCH, EPOCH - SECOND / 2, dt.datetime(2038, 1, 19, 3, 14, 8), None]),
    random=RANDOM.map(lambda x: rows([x])[0]),
)


def age(born: dt.date, on: dt.date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


_BIRTHS = [None, dt.date(2000, 2, 29), dt.date(1999, 12, 31), dt.date(1935, 6, 15)]
_DAYS = [
    None,
    *(dt.date(y, m, d) for y in (2023, 2024) for m, d in ((2, 28), (3, 1), (6, 14))),
    *(dt.date(2024, 2, 29), dt.date(1999, 12, 30), dt.date(1999, 12, 31)),
    *(dt.date(1998, 12, 31), dt.date(1998, 12, 30), dt.date(2024, 6, 15)),
]

AGES = Parity(
    name="age_in_years",
    columns={"born": sa.Date(), "day": sa.Date(), "at": AT},
    calls={
        "sn.age_in_years(t.c.born, t.c.day)": lambda b, d, _: null(age)(b, d),
        "sn.age_in_years(t.c.born, t.c.at)": lambda b, d, _: null(age)(b, d),
        "sn.age_in_years(t.c.at, t.c.born)": lambda b, d, _: null(age)(d, b),
    },
    inputs=[(b, d, d and midnight(d)) for b in _BIRTHS for d in _DAYS],
    shown=[
        (dt.date(2000, 2, 29), day, midnight(day))
        for day in (dt.date(2023, 2, 28), dt.date(2023, 3, 1), dt.date(1999, 6, 1))
    ],
    random=st.tuples(st.dates(), st.dates()).map(lambda x: (*x, midnight(x[1]))),
)


DATE = Parity(
    name="date",
    columns={"at": AT, "zoned": ZONED, "day": sa.Date()},
    calls={
        "sn.date(t.c.at)": lambda x, *_: null(dt.datetime.date)(x),
        "sn.date(t.c.zoned)": lambda x, *_: null(dt.datetime.date)(x),
        "sn.date(t.c.day)": lambda *x: x[2],
        "t.c.day == sn.date(t.c.at)": lambda x, *_: None if x is None else True,
    },
    inputs=rows(MOMENTS),
    shown=rows([LAST, dt.datetime(1969, 7, 20, 20, 17, 40), None]),
    random=RANDOM.map(lambda x: rows([x])[0]),
)


DATE_PART = Parity(
    name="date_part",
    columns={"at": AT},
    calls={
        f'sn.date_part(t.c.at, "{name}")': null(function)
        for name, function in PARTS.items()
    },
    inputs=[(x,) for x in MOMENTS],
    shown=[(dt.datetime(1969, 7, 20, 20, 17, 40, 123_456),), (None,)],
)

# What the clock says is no table's matter: see test_dates.
NOW = Parity(
    name="now_utc",
    columns={"at": AT},
    calls={
        "sn.now_utc() > t.c.at": null(lambda at: at < dt.datetime(2020, 1, 1)),
        "sn.date_add(sn.now_utc(), 1, 'day') > sn.now_utc()": lambda _: True,
    },
    inputs=[(x,) for x in (None, FIRST, LAST)],
    example="sn.now_utc()",
)


ALL = [
    DATE_PART,
    *(_part(name, function) for name, function in PARTS.items()),
    *_cuts(),
    *_adds(),
    DATE,
    EPOCHS,
    AGES,
    NOW,
]
