"""What the users of a table feel while a backfill changes all of its rows.

    python -m tests.benchmarks.latency \\
        --url postgresql+psycopg2://postgres@127.0.0.1/postgres
    python -m tests.benchmarks.latency --url mysql+pymysql://root@127.0.0.1/

A client of its own process does a hundred updates and a hundred selects a second by
key, and waits: at rest, while one UPDATE changes the whole table, and while backfills
do, set-based, computed in Python, and with the old values kept. A statement's time
counts from when it was due, so one that waits behind another one counts in full. On
PostgreSQL the size of the table is taken before and after. Each run gets a fresh copy.
"""

from __future__ import annotations

import functools
import statistics
import sys
import time
import typing as t

from flask_datamigrate import Backfill
from tests.benchmarks import arguments
from tests.benchmarks import python_rows
from tests.benchmarks import timing
from tests.benchmarks.client import Client
from tests.benchmarks.client import Done
from tests.benchmarks.people import People
from tests.benchmarks.runs import run
from tests.benchmarks.set_based import STATEMENT
from tests.databases.database import Database

CLIENT = {
    # Of a column that no backfill here reads to decide, nor changes.
    "updates": "UPDATE people SET full_name = full_name WHERE id = :id",
    "selects": "SELECT full_name FROM people WHERE id = :id",
}

_LEAD = 0.5
"""Seconds the client runs before the work begins, and after it ended."""

_REST = 5.0
"""Seconds of a run at rest."""


def main(argv: t.Sequence[str] | None = None) -> None:
    """Print the client's times and the table's sizes for one server."""
    parser = arguments.parser(__doc__, rows=1_000_000, runs=3)
    args = parser.parse_args(argv)
    with arguments.scratch(args.url) as database:
        table = People(database, args.rows)
        engine = database.engine()

        def one_update() -> None:
            with engine.begin() as connection:
                connection.execute(STATEMENT)

        kept = Backfill(STATEMENT, undo=True)
        rows = python_rows.definition()
        ways: dict[str, t.Callable[[], object]] = {
            "at rest": lambda: time.sleep(_REST),
            "one UPDATE": one_update,
            "backfill": lambda: run(engine, Backfill(STATEMENT)),
            "backfill, undo=True": functools.partial(run, engine, kept),
            "backfill, Python rows": functools.partial(run, engine, rows),
        }
        found: dict[str, list[Run]] = {name: [] for name in ways}
        for number in range(args.runs):
            for name, way in ways.items():
                table.refresh()
                found[name].append(measure(database, args.rows, way))
                took = found[name][-1].seconds
                print(f"run {number + 1}, {name}: {took:.1f} s", file=sys.stderr)
        print(f"{engine.name} ({engine.driver}), {args.rows:,} rows, {args.runs} runs")
        for statement in CLIENT:
            print()
            print(waits(statement, found))
        if database.name == "postgresql":
            print()
            print(sizes(found))


class Run(t.NamedTuple):
    """One run, and what the client did meanwhile.

    :param sizes: of the table in bytes, before and after.
    """

    seconds: float
    done: list[Done]
    sizes: tuple[int, int]


def measure(database: Database, rows: int, way: t.Callable[[], object]) -> Run:
    """Do the work while a client works too."""
    before = size(database)
    with Client(database.url, CLIENT, rows) as client:
        time.sleep(_LEAD)
        begun = time.monotonic()
        way()
        ended = time.monotonic()
        time.sleep(_LEAD)
    done = [one for one in client.done if one.ended >= begun and one.due <= ended]
    return Run(ended - begun, done, (before, size(database)))


def size(database: Database) -> int:
    """Return the bytes of the table with its indexes; 0 where that is not asked."""
    if database.name != "postgresql":
        return 0
    return int(database.scalar("SELECT pg_total_relation_size('people')"))


def waits(statement: str, found: t.Mapping[str, list[Run]]) -> str:
    """Return a table of how long the client's statements of one kind took."""
    lines = []
    for name, runs in found.items():
        took = sorted(
            1000 * (one.ended - one.due)
            for run in runs
            for one in run.done
            if one.name == statement
        )
        p99 = statistics.quantiles(took, n=100, method="inclusive")[98]
        seconds = statistics.median(run.seconds for run in runs)
        lines.append(
            (
                name,
                *(f"{ms:.1f}" for ms in (statistics.median(took), p99, took[-1])),
                f"{seconds:.1f}",
            )
        )
    head = (f"{statement}, ms", "p50", "p99", "longest", "run, s")
    return timing.table(head, lines)


def sizes(found: t.Mapping[str, list[Run]]) -> str:
    """Return a table of the table's sizes."""
    lines = [
        (name, *(f"{statistics.median(s) / 2**20:.0f}" for s in pairs))
        for name, runs in found.items()
        for pairs in [zip(*(run.sizes for run in runs), strict=True)]
    ]
    return timing.table(("size of the table, MiB", "before", "after"), lines)


if __name__ == "__main__":
    main()
