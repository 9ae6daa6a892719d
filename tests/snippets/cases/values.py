"""What the snippets on values must give."""

from __future__ import annotations

import datetime
import decimal
import hashlib
import re
import typing as t
import uuid

import sqlalchemy as sa
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql

from tests.snippets.parity import TEXT
from tests.snippets.parity import Parity

from .texts import HUGE
from .texts import RANDOM
from .texts import TEXTS

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
TIME = sa.Time().with_variant(mysql.TIME(fsp=6), "mysql", "mariadb")

COLUMNS: dict[str, sa.types.TypeEngine[t.Any]] = {
    "i": sa.BigInteger(),
    "j": sa.Integer(),
    "x": sa.Double(),
    "d": sa.Numeric(12, 3),
    "a": TEXT,
    "b": TEXT,
    "day": sa.Date(),
    "other_day": sa.Date(),
    "at": MOMENT,
    "other_at": MOMENT,
    "yes": sa.Boolean(),
    "no": sa.Boolean(),
    "time": TIME,
    "bytes": sa.LargeBinary(),
    "uuid": sa.Uuid(),
}
NULLS = (None,) * len(COLUMNS)


CLOSE = decimal.Decimal("1.0051")
DAY = datetime.date(2000, 1, 1)
LATER = datetime.date(2024, 2, 29)
MORNING = datetime.datetime(2024, 2, 29, 1)
NOON = datetime.time(12)
ID = uuid.UUID("00000002-0000-1002-8000-000000000000")


def greatest(*values: t.Any) -> t.Any:
    return max((v for v in values if v is not None), default=None)


def least(*values: t.Any) -> t.Any:
    return min((v for v in values if v is not None), default=None)


def chosen(choose: t.Callable[..., t.Any]) -> dict[str, t.Callable[..., t.Any]]:
    """Return the calls, and for each its values among those of a row."""
    kinds: dict[str, t.Callable[..., t.Any]] = {
        "t.c.i, t.c.j": lambda i, j, *_: (i, j),
        "t.c.j, t.c.i, 5": lambda i, j, *_: (j, i, 5),
        "t.c.x, t.c.j": lambda i, j, x, *_: (x, j),
        "t.c.d, t.c.j": lambda i, j, x, d, *_: (d, j),
        "t.c.a, t.c.b": lambda i, j, x, d, a, b, *_: (a, b),
        't.c.a, "B", t.c.b': lambda i, j, x, d, a, b, *_: (a, "B", b),
        "t.c.day, t.c.other_day": lambda *row: row[6:8],
        "t.c.at, t.c.other_at": lambda *row: row[8:10],
        "t.c.yes, t.c.no": lambda *row: row[10:12],
        # Literals in Python have a type, which the database has to be told.
        "t.c.x, 1": lambda *row: (row[2], 1),
        "t.c.d, 1.5": lambda *row: (row[3], 1.5),
        f"t.c.d, {CLOSE!r}": lambda *row: (row[3], CLOSE),
        f"t.c.day, {DAY!r}": lambda *row: (row[6], DAY),
        f"{DAY!r}, {LATER!r}": lambda *_: (DAY, LATER),
        f"sa.func.coalesce(t.c.day, {LATER!r}), t.c.other_day": lambda *row: (
            LATER if row[6] is None else row[6],
            row[7],
        ),
        f"sn.branch(default=sa.literal({DAY!r})), t.c.day": lambda *row: (DAY, row[6]),
        f"{MORNING!r}, t.c.at": lambda *row: (MORNING, row[8]),
        f"t.c.time, {NOON!r}": lambda *row: (row[12], NOON),
        "t.c.yes, False": lambda *row: (row[10], False),
        "t.c.bytes, b'\\xfe'": lambda *row: (row[13], b"\xfe"),
        f"t.c.uuid, {ID!r}": lambda *row: (row[14], ID),
    }
    types = {
        "t.c.x, t.c.j": float,
        "t.c.x, 1": float,
        "t.c.d, 1.5": float,
        "t.c.d, t.c.j": decimal.Decimal,
    }

    def call(kind: str) -> t.Callable[..., t.Any]:
        def function(*row: t.Any) -> t.Any:
            found = choose(*kinds[kind](*row))
            return types[kind](found) if kind in types and found is not None else found

        return function

    return {f"sn.{choose.__name__}({kind})": call(kind) for kind in kinds}


def row(**values: t.Any) -> tuple[t.Any, ...]:
    return tuple(values.get(name) for name in COLUMNS)


INPUTS = [
    NULLS,
    row(i=1, j=2),
    row(i=2, j=1),
    row(i=2),
    row(j=2),
    row(i=-(2**63), j=-(2**31)),
    row(i=2**63 - 1, j=2**31 - 1),
    row(i=2**53 + 1, j=0),
    row(x=1.5, j=1),
    row(x=-0.25, j=0),
    row(x=1e300, j=7),
    row(d=decimal.Decimal("1.005"), j=1),
    row(d=decimal.Decimal("-7.125"), j=-7),
    *(
        row(a=a, b=b)
        for a, b in [
            ("a", "B"),
            ("a", "A"),
            ("a", "á"),
            ("a", "a "),
            ("a ", "a"),
            ("z", "é"),
            ("e\u0301", "é"),
            ("", None),
            (None, ""),
            ("", " "),
            ("10", "9"),
            ("\uffee", "\U0001f600"),
            ("ß", "ss"),
        ]
    ),
    *(row(a=a, b=b) for a, b in zip(TEXTS, reversed(TEXTS), strict=True)),
    *(row(a=a, b="y") for a in HUGE),
    row(day=datetime.date(1969, 12, 31), other_day=datetime.date(1970, 1, 1)),
    row(day=datetime.date(2024, 2, 29)),
    row(
        at=datetime.datetime(2024, 2, 29, 1),
        other_at=datetime.datetime(2024, 2, 29, 1, 0, 0, 1),
    ),
    row(yes=True, no=False),
    row(yes=False),
    *(row(time=datetime.time(*time)) for time in [(11, 59, 59, 999999), (12, 0, 0, 1)]),
    *(row(bytes=data) for data in [b"", b"\xfe", b"\xfe\x00", b"\xff"]),
    *(
        row(uuid=uuid.UUID(digits))
        for digits in [
            "00000000-0000-0000-0000-000000000000",
            # Of a later and of an earlier time.
            "00000001-0000-1003-8000-000000000000",
            "00000003-0000-1001-8000-000000000000",
            "f0000000-0000-4000-8000-00000000000a",
        ]
    ),
    row(d=decimal.Decimal("99999999.125")),
]

_DATES = st.none() | st.dates(datetime.date(1000, 1, 1))
_TIMES = st.none() | st.datetimes(datetime.datetime(1000, 1, 1))
_ROWS = st.tuples(
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.integers(-(2**31), 2**31 - 1),
    st.none() | st.floats(-1e15, 1e15, allow_subnormal=False),
    st.none() | st.decimals(-(10**8), 10**8, places=3),
    RANDOM,
    RANDOM,
    _DATES,
    _DATES,
    _TIMES,
    _TIMES,
    st.none() | st.booleans(),
    st.none() | st.booleans(),
    st.none() | st.times(),
    st.none() | st.binary(max_size=3),
    # MariaDB takes none of another kind.
    st.none() | st.uuids(version=1) | st.uuids(version=4),
)
_SHOWN = [row(i=1, j=2), row(i=1), NULLS]

GREATEST = Parity("greatest", COLUMNS, chosen(greatest), INPUTS, _SHOWN, _ROWS)
LEAST = Parity("least", COLUMNS, chosen(least), INPUTS, _SHOWN, _ROWS)


def md5(text: str | None) -> str | None:
    return None if text is None else hashlib.md5(text.encode()).hexdigest()


MD5 = Parity(
    name="md5",
    columns={"text": TEXT},
    calls={
        "sn.md5(t.c.text)": md5,
        "sn.md5(sn.md5(t.c.text))": lambda text: md5(md5(text)),
    },
    inputs=[(text,) for text in [*TEXTS, *HUGE]],
    shown=[("Ada",), ("é",), ("",), (None,)],
    random=st.tuples(RANDOM),
)

HEX = "[0-9a-f]"
DASHED = f"^{HEX}{{8}}-{HEX}{{4}}-4{HEX}{{3}}-[89ab]{HEX}{{3}}-{HEX}{{12}}$"

RANDOM_UUID = Parity(
    name="random_uuid",
    columns={"text": TEXT},
    calls={
        # No result can be foretold: what is compared is its form.
        f'sn.regexp_replace(sn.random_uuid(sa.Text()), "{DASHED}", "a UUID")': (
            lambda _: "a UUID"
        ),
        "sn.random_uuid(sa.Text()) == sn.random_uuid(sa.Text())": lambda _: False,
    },
    inputs=[(None,)] * 1000,
    example="sn.random_uuid()",
)


def cast_int(text: str | None) -> int | None:
    found = re.fullmatch(r" *([+-]?[0-9]+) *", text or "")
    if found is None:
        return None
    # int() itself takes underscores, other digits and other spaces.
    sign = "-" if found[1].startswith("-") else ""
    digits = found[1].lstrip("+-").lstrip("0")[:30]
    number = int(f"{sign}{digits or 0}")
    return number if -(2**63) <= number < 2**63 else None


NUMBERS = [
    *("0", "5", "+5", "-5", "007", "-0", "+0", "-007", " 5", "5 ", "  -5  ", "00"),
    *("1.5", "1.", ".5", "1e3", "1_000", "1,000", "0x1F", "5a", "a5", "five", "٣"),
    *("١٢", "５", "5\n", "\t5", "\u00a05", "5\u00a0", "5 5", "+ 5", "- 5", "5+", "5-"),
    *("+", "-", "++5", "--5", "+-5", "-+5", "0-5", "0-0", "00-", "-0-", "0+", "+0-0"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808"),
    *("-9223372036854775809", "+9223372036854775807", "18446744073709551616"),
    *("0009223372036854775807", "-0009223372036854775808", "9" * 19, "9" * 20),
    *("9" * 400, "0" * 100_000, "0" * 100_000 + "5", "9" * 100_000, " " * 100_000),
    *("NaN", "Infinity", "inf", "null", "true", "1e400", "½", "²", "Ⅷ", "5;", "'5'"),
]

CAST_INT = Parity(
    name="cast_int",
    columns={"text": TEXT},
    calls={"sn.cast_int(t.c.text)": cast_int},
    inputs=[(text,) for text in [*TEXTS, *NUMBERS, *HUGE]],
    shown=[
        ("42",),
        (" -007 ",),
        ("+5",),
        ("1.5",),
        ("9223372036854775808",),
        ("",),
        (None,),
    ],
    random=st.tuples(
        RANDOM
        | st.from_regex(r"\A *[+-]{0,2}[0-9]{1,22} *\Z")
        | st.text("0123456789+- ", max_size=6)
        | st.integers(-(2**64), 2**64).map(str)
    ),
)


def cast_date(text: str | None) -> datetime.date | None:
    found = re.fullmatch(r" *([0-9]{4}-[0-9]{2}-[0-9]{2}) *", text or "")
    try:
        return datetime.date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


DATES = [
    *("2024-02-29", "2023-02-29", "2000-02-29", "1900-02-29", "2024-02-30"),
    *("2024-04-30", "2024-04-31", "2024-12-31", "2024-12-32", "2024-13-01"),
    *("2024-00-10", "2024-01-00", "0000-01-01", "0001-01-01", "0999-12-31"),
    *("9999-12-31", " 2024-02-09", "2024-02-09 ", "  2024-02-09  ", "2024-02- 9"),
    *("2024-2-9", "20240209", "2024/02/09", "2024.02.09", "09.02.2024", "+2024-02-09"),
    *("2024-02-09 12:00", "2024-02-09T12:00:00", "2024-02-09Z", "2024-02-09\n"),
    *("\t2024-02-09", "2024-02-09\u00a0", "２０２４-02-09", "2024-02-0٩", "now"),
    *("infinity", "-infinity", "epoch", "12024-02-09", "-2024-02-09", "2024-02-09 BC"),
    *("2024-02-09" * 1000, "2024-W06-5", "2024-040", "2451545", "2024-02", "2024"),
]

CAST_DATE = Parity(
    name="cast_date",
    columns={"text": TEXT},
    calls={"sn.cast_date(t.c.text)": cast_date},
    inputs=[(text,) for text in [*TEXTS, *DATES, *HUGE]],
    shown=[
        ("2024-02-29",),
        (" 2024-02-09 ",),
        ("2023-02-29",),
        ("2024-2-9",),
        ("20240209",),
        ("",),
        (None,),
    ],
    random=st.tuples(
        RANDOM
        | st.from_regex(r"\A ?[0-9]{4}-[0-9]{2}-[0-9]{2} ?\Z")
        | st.dates().map(str)
    ),
)


DIFFERS = Parity(
    name="differs",
    columns=COLUMNS,
    calls={
        "sn.differs(t.c.a, t.c.b)": lambda *row: row[4] != row[5],
        'sn.differs(t.c.a, "a")': lambda *row: row[4] != "a",
        "sn.differs(t.c.a, None)": lambda *row: row[4] is not None,
        "sn.differs(sa.func.coalesce(t.c.a, t.c.b), t.c.b)": lambda *row: (
            row[4] is not None and row[4] != row[5]
        ),
        "~sn.differs(t.c.a, t.c.b)": lambda *row: row[4] == row[5],
        "sa.or_(sn.differs(t.c.a, t.c.b), sn.differs(t.c.i, t.c.j))": lambda *row: (
            row[4] != row[5] or row[0] != row[1]
        ),
        "sn.differs(t.c.i, t.c.j)": lambda i, j, *_: i != j,
        "sn.differs(t.c.day, t.c.other_day)": lambda *row: row[6] != row[7],
        "sn.differs(t.c.at, t.c.other_at)": lambda *row: row[8] != row[9],
        "sn.differs(t.c.yes, t.c.no)": lambda *row: row[10] != row[11],
        "sn.differs(t.c.bytes, b'\\xfe')": lambda *row: row[13] != b"\xfe",
        f"sn.differs(t.c.uuid, {ID!r})": lambda *row: row[14] != ID,
    },
    inputs=INPUTS,
    shown=[row(a="a", b=b) for b in ("a", "A", "á", "a ", None)] + [NULLS],
    random=st.tuples(RANDOM, RANDOM).map(lambda texts: row(a=texts[0], b=texts[1])),
)


ALL = [GREATEST, LEAST, DIFFERS, MD5, RANDOM_UUID, CAST_INT, CAST_DATE]
