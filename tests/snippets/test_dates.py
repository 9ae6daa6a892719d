"""Dates beside what the parity tables hold: time zones, the clock, what is refused."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn
from tests.backfill.engine import Engine
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database
from tests.snippets.parity import BACKENDS

UTC = dt.timezone.utc

INSTANTS = [
    dt.datetime(1970, 1, 1, 0, 0, 1),
    dt.datetime(2023, 12, 31, 23, 30, 0, 123_456),
    dt.datetime(2024, 1, 1, 3, 15),
    # In autumn these two are the same time on a clock in New York.
    dt.datetime(2024, 11, 3, 5, 30),
    dt.datetime(2024, 11, 3, 6, 30),
]

SESSIONS = {
    "postgresql": ("SET TIME ZONE '{}'", ["Asia/Kolkata", "America/New_York", "UTC"]),
    "mysql": ("SET time_zone = '{}'", ["+05:30", "-08:00", "+00:00"]),
    "sqlite": ("SELECT '{}'", ["SQLite has no zones"]),
}


def events(**columns: t.Any) -> sa.Table:
    key = sa.Column("id", sa.Integer, primary_key=True)
    return frozen.table(
        "events", key, *(sa.Column(name, type_) for name, type_ in columns.items())
    )


ZONED = (
    sa.DateTime(timezone=True)
    .with_variant(mysql.TIMESTAMP(fsp=6), "mysql", "mariadb")
    .with_variant(sa.DateTime(), "sqlite")
)
"""The type of each database that keeps an instant."""

NAIVE = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def zone_of(connection: sa.Connection, name: str) -> None:
    statement, _ = SESSIONS["mysql" if name == "mysql" else name]
    connection.exec_driver_sql(statement.format("+00:00" if name == "mysql" else "UTC"))


@pytest.fixture
def instants(database: Database) -> sa.Table:
    """The table ``events`` with :data:`INSTANTS` in a column that knows zones."""
    table = events(at=ZONED)
    create(database, table)
    with database.engine().begin() as connection:
        zone_of(connection, database.name)
        connection.execute(
            sa.insert(table),
            [
                {"id": n, "at": at.replace(tzinfo=UTC)}
                for n, at in enumerate(INSTANTS, 1)
            ],
        )
    return table


def in_each_zone(
    database: Database, statement: sa.Select[t.Any]
) -> t.Iterator[list[t.Any]]:
    set_zone, zones = SESSIONS[database.name]
    with database.engine().connect() as connection:
        for zone in zones:
            connection.exec_driver_sql(set_zone.format(zone))
            yield [row[0] for row in connection.execute(statement)]


@pytest.mark.parametrize(
    ("part", "function"),
    [
        ("year", lambda x: x.year),
        ("month", lambda x: x.month),
        ("day", lambda x: x.day),
        ("hour", lambda x: x.hour),
        ("minute", lambda x: x.minute),
        ("microsecond", lambda x: x.microsecond),
        ("iso_week", lambda x: x.isocalendar()[1]),
        ("day_of_year", lambda x: x.timetuple().tm_yday),
    ],
)
def test_a_part_is_in_utc_whatever_the_zone_of_the_session(
    database: Database,
    instants: sa.Table,
    part: str,
    function: t.Callable[[dt.datetime], int],
) -> None:
    statement = sa.select(sn.date_part(instants.c.at, part)).order_by(instants.c.id)

    for found in in_each_zone(database, statement):
        assert found == [function(at) for at in INSTANTS]


def test_the_epoch_is_that_of_the_instant(
    database: Database, instants: sa.Table
) -> None:
    epoch = sn.epoch(instants.c.at, "microsecond")
    statement = sa.select(epoch).order_by(instants.c.id)

    for found in in_each_zone(database, statement):
        assert found == [
            (at - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1)
            for at in INSTANTS
        ]


def test_steps_from_an_instant_are_in_utc(
    database: Database, instants: sa.Table
) -> None:
    stepped = sn.date_add(sn.date_trunc(instants.c.at, "day"), 1, "day")
    # The difference to the clock of the session is not in it.
    statement = sa.select(sn.epoch(stepped)).order_by(instants.c.id)

    for found in in_each_zone(database, statement):
        assert found == [
            (dt.datetime(at.year, at.month, at.day) - dt.datetime(1970, 1, 1)).days
            * 86400
            + 86400
            for at in INSTANTS
        ]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_an_instant_steps_to_an_instant(database: Database, instants: sa.Table) -> None:
    month = sn.date_trunc(instants.c.at, "month")
    statement = sa.select(month).where(instants.c.id == 2)

    for found in in_each_zone(database, statement):
        assert found == [dt.datetime(2023, 12, 1, tzinfo=UTC)]


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_a_timestamp_of_mysql_steps_to_a_datetime_in_utc(
    database: Database, instants: sa.Table
) -> None:
    month = sn.date_trunc(instants.c.at, "month")
    statement = sa.select(month).where(instants.c.id == 2)

    for found in in_each_zone(database, statement):
        assert found == [dt.datetime(2023, 12, 1)]


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_now_goes_into_a_column_with_a_zone(database: Database, driver: str) -> None:
    table = events(at=sa.DateTime(timezone=True), naive=sa.DateTime())
    create(database, table)
    before = dt.datetime.now(UTC)
    with database.engine(driver=driver).begin() as connection:
        connection.exec_driver_sql("SET TIME ZONE 'Asia/Kolkata'")
        connection.execute(
            sa.insert(table).values(
                id=1, at=sn.now_utc(timezone=True), naive=sn.now_utc()
            )
        )
    ((_, at, naive),) = database.rows(sa.select(table))

    assert before <= at <= dt.datetime.now(UTC)
    assert naive == at.astimezone(UTC).replace(tzinfo=None)


def test_now_is_the_time_in_utc(database: Database) -> None:
    early = dt.datetime.now(UTC).replace(tzinfo=None) - dt.timedelta(milliseconds=1)

    for (found,) in in_each_zone(database, sa.select(sn.now_utc())):
        assert early <= found <= early + dt.timedelta(minutes=1)


def test_what_a_step_stores_is_found_again(database: Database) -> None:
    table = events(at=NAIVE, day=sa.Date())
    create(database, table)
    moment = dt.datetime(2024, 1, 31, 12, 34, 56, 789_012)
    fill(database, table, [{"id": 1, "at": moment, "day": moment.date()}])

    database.execute(
        sa.update(table).values(
            at=sn.date_add(table.c.at, 1, "month"),
            day=sn.date_trunc(table.c.day, "quarter"),
        )
    )

    found = database.rows(
        sa.select(table.c.at, table.c.day)
        .where(table.c.at == dt.datetime(2024, 2, 29, 12, 34, 56, 789_012))
        .where(table.c.day == dt.date(2024, 1, 1))
    )
    assert found == [
        (dt.datetime(2024, 2, 29, 12, 34, 56, 789_012), dt.date(2024, 1, 1))
    ]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_times_that_sqlite_wrote_itself_are_read(database: Database) -> None:
    table = events(at=sa.DateTime())
    create(database, table)
    for n, written in enumerate(
        ["2024-02-29 12:34:56", "2024-02-29T12:34:56.7", "2024-02-29", "x", ""], 1
    ):
        database.execute("INSERT INTO events VALUES (:n, :at)", {"n": n, "at": written})

    found = database.rows(
        sa.select(
            sn.hour(table.c.at),
            sn.microsecond(sn.date_add(table.c.at, 1, "day")),
            sn.date_trunc(table.c.at, "month"),
        ).order_by(table.c.id)
    )

    month = dt.datetime(2024, 2, 1)
    assert found == [
        (12, 0, month),
        (12, 700_000, month),
        (0, 0, month),
        (None, None, None),
        (None, None, None),
    ]


def test_values_of_python_are_taken(database: Database) -> None:
    kolkata = dt.timezone(dt.timedelta(hours=5, minutes=30))

    found = database.rows(
        sa.select(
            sn.hour(dt.datetime(2024, 1, 1, 2, tzinfo=kolkata)),
            sn.year(dt.datetime(2024, 1, 1, 2, tzinfo=kolkata)),
            sn.day(dt.date(2024, 2, 29)),
            sn.date_add(dt.date(2024, 2, 29), -1, "year"),
            sn.date_trunc(dt.datetime(2024, 2, 29, 5), "week"),
            sn.epoch(dt.datetime(1969, 12, 31, 23, 59, 59, 500_000)),
        )
    )

    assert found == [
        (20, 2023, 29, dt.date(2023, 2, 28), dt.datetime(2024, 2, 26), -1),
    ]


def test_the_age_is_that_of_today_by_default(database: Database) -> None:
    today = dt.datetime.now(UTC).date()
    born = today.replace(year=today.year - 30, day=1)

    assert database.scalar(sa.select(sn.age_in_years(born))) == 30


def test_they_fill_a_column_in_batches(database: Database) -> None:
    table = events(at=NAIVE, year=sa.Integer(), due=sa.Date(), age=sa.Integer())
    create(database, table)
    moments = [dt.datetime(2020 + n, 12, 31, 23, 59, 59, 999_999) for n in range(5)]
    fill(database, table, [{"id": n, "at": at} for n, at in enumerate(moments, 1)])
    backfill = Backfill(
        sa.update(table)
        .where(table.c.year.is_(None))
        .values(
            year=sn.year(table.c.at),
            due=sn.date(sn.date_add(table.c.at, 2, "month")),
            age=sn.age_in_years(table.c.at, dt.date(2030, 12, 30)),
        ),
        batch_size=2,
        undo=True,
    )
    before = contents(database, table)
    engine = Engine(database)

    engine.run(backfill)
    assert contents(database, table, "year", "due", "age") == [
        (2020, dt.date(2021, 2, 28), 9),
        (2021, dt.date(2022, 2, 28), 8),
        (2022, dt.date(2023, 2, 28), 7),
        (2023, dt.date(2024, 2, 29), 6),
        (2024, dt.date(2025, 2, 28), 5),
    ]
    engine.undo(backfill)
    assert contents(database, table) == before


@pytest.mark.parametrize(
    ("database", "driver"), BACKENDS, ids=str, indirect=["database"]
)
def test_they_group_what_they_select(database: Database, driver: str) -> None:
    table = events(at=NAIVE)
    create(database, table)
    moments = [dt.datetime(2024, 2, day) for day in (1, 2, 29)]
    fill(database, table, [{"id": n, "at": at} for n, at in enumerate(moments, 1)])
    columns = (
        sn.date_add(sn.date_trunc(table.c.at, "month"), -1, "month"),
        sn.age_in_years(table.c.at, sn.date_add(table.c.at, 2, "year")),
    )
    statement = sa.select(*columns, sa.func.count()).group_by(*columns)

    with database.engine(driver=driver).connect() as connection:
        found = connection.execute(statement).all()

    # From 29 February the second birthday is that of the next day.
    assert sorted(map(tuple, found)) == [
        (dt.datetime(2024, 1, 1), 1, 1),
        (dt.datetime(2024, 1, 1), 2, 2),
    ]


def test_a_script_does_the_same(database: Database) -> None:
    table = events(at=NAIVE, day=sa.Date())
    create(database, table)
    moment = dt.datetime(2024, 1, 31, 12, 34, 56, 789_012)
    fill(database, table, [{"id": 1, "at": moment, "day": moment.date()}])
    statement = sa.select(
        sn.epoch(table.c.at, "microsecond"),
        sn.date_trunc(table.c.at, "week"),
        sn.date_add(table.c.day, 1, "month"),
        sn.date_add(dt.datetime(2024, 2, 29, 1, 2, 3, 4), -1, "year"),
        sn.age_in_years(dt.date(2000, 2, 29), table.c.day),
    )
    script = str(
        statement.compile(database.engine(), compile_kwargs={"literal_binds": True})
    )

    # A script knows no types, and SQLite gives it text.
    untyped = sa.select(
        *(sa.type_coerce(x, sa.types.NullType()) for x in statement.selected_columns)
    )
    assert database.rows(script) == database.rows(untyped)


X = frozen.table(
    "x",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.DateTime),
    sa.Column("text", sa.String(30)),
    sa.Column("price", sa.Numeric),
    sa.Column("time", sa.Time),
)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sn.date_part(X.c.at, "fortnight"), "no part 'fortnight'.*The parts"),
        (lambda: sn.date_part(X.c.at, ["year"]), "no part"),
        (lambda: sn.date_trunc(X.c.at, "century"), "no unit 'century'.*The units are"),
        (lambda: sn.date_trunc(X.c.at, "MONTH"), "no unit 'MONTH'"),
        (lambda: sn.date_trunc("month", X.c.at), "is given String"),
        (lambda: sn.date_trunc(X.c.at, ["month"]), "no unit"),
        (lambda: sn.date_add(X.c.at, 1, "days"), "no unit 'days'"),
        (lambda: sn.date_add(X.c.at, 1.5, "day"), "a whole number, and is 1.5"),
        (lambda: sn.date_add(X.c.at, True, "day"), "a whole number, and is True"),
        (lambda: sn.date_add(X.c.at, X.c.price, "day"), "has to be a whole number"),
        (lambda: sn.date_add(X.c.at, None, "day"), "has to be a whole number"),
        (lambda: sn.epoch(X.c.at, "hour"), "does not count in 'hour'"),
        (lambda: sn.year(X.c.text), "is given String.*sa.type_coerce"),
        (lambda: sn.year(X.c.id), "is given Integer"),
        (lambda: sn.hour(X.c.time), "is given Time"),
        (lambda: sn.year(sa.literal_column("at")), "is given NullType"),
        (lambda: sn.year(None), "is given NullType"),
        (lambda: sn.age_in_years(X.c.id), "is given Integer"),
        (lambda: sn.age_in_years(X.c.at, "today"), "is given String"),
        (lambda: sn.year(sa.func.now()), "time zone of the session.*now_utc"),
        (lambda: sn.date_add(sa.func.current_timestamp(), 1, "day"), "now_utc"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    call: t.Callable[[], t.Any], message: str
) -> None:
    with pytest.raises(errors.DefinitionError, match=message) as caught:
        call()

    assert caught.value.where.startswith("snippets.")
    assert caught.value.next


@pytest.mark.parametrize("unit", ["second", "day", "month", "year"])
@pytest.mark.parametrize("amount", [10**18, -(10**30)])
def test_a_step_out_of_the_calendar_is_null_however_long(
    database: Database, unit: str, amount: int
) -> None:
    day = sa.literal(dt.datetime(2024, 2, 29, 1, 2, 3))
    assert database.scalar(sa.select(sn.date_add(day, amount, unit))) is None


def test_datetimes_with_zones_are_compared_by_their_instants(
    database: Database,
) -> None:
    early = dt.datetime(2024, 2, 29, 1, tzinfo=dt.timezone.utc)
    behind = dt.timezone(dt.timedelta(hours=-1))
    late = dt.datetime(2024, 2, 29, 0, 30, tzinfo=behind)

    found = database.scalar(sa.select(sn.greatest(early, late)))

    # Only PostgreSQL keeps a zone; what has none is UTC.
    assert (found if found.tzinfo else found.replace(tzinfo=dt.timezone.utc)) == late
