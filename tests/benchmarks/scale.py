"""Whether a row costs the same in a table of any size.

    python -m tests.benchmarks.scale \\
        --url postgresql+psycopg2://postgres@127.0.0.1/postgres
    python -m tests.benchmarks.scale --url mysql+pymysql://root@127.0.0.1/
    python -m tests.benchmarks.scale --url sqlite://

The time of a backfill by its rows, on tables of several sizes, each with a database of
its own. The sizes take turns. One UPDATE of the whole table shows what the database
itself makes of the size. ``--rows`` takes the sizes; the first is the base.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import statistics
import sys
import time
import typing as t

import sqlalchemy as sa

from flask_datamigrate import Backfill
from tests.benchmarks import arguments
from tests.benchmarks import python_rows
from tests.benchmarks import timing
from tests.benchmarks.people import People
from tests.benchmarks.runs import run
from tests.benchmarks.set_based import STATEMENT


def main(argv: t.Sequence[str] | None = None) -> None:
    """Print the time of a row for one server, by the rows of the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", required=True)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 4_000_000])
    parser.add_argument("--runs", type=int, default=3, help="the median is shown")
    args = parser.parse_args(argv)
    spent: dict[tuple[str, int], list[float]] = {}
    with contextlib.ExitStack() as stack:
        tables: dict[int, tuple[People, sa.Engine]] = {}
        for rows in args.rows:
            database = stack.enter_context(arguments.scratch(args.url))
            tables[rows] = People(database, rows), database.engine()
        for number in range(args.runs):
            for rows, (table, engine) in tables.items():
                for name, way in ways(engine).items():
                    table.refresh()
                    started = time.perf_counter()
                    way()
                    seconds = time.perf_counter() - started
                    spent.setdefault((name, rows), []).append(seconds)
                    print(
                        f"run {number + 1}, {rows:,} rows, {name}: {seconds:.2f} s",
                        file=sys.stderr,
                    )
        print(f"{engine.name} ({engine.driver}), {args.runs} runs")
    lines = []
    for name in ways(engine):
        each = [statistics.median(spent[name, rows]) / rows for rows in args.rows]
        microseconds = [f"{1e6 * seconds:.2f}" for seconds in each]
        lines.append((name, *microseconds, f"{each[-1] / each[0]:.2f}"))
    head = ("µs a row", *(f"{rows:,} rows" for rows in args.rows), "last to first")
    print()
    print(timing.table(head, lines))


def ways(engine: sa.Engine) -> dict[str, t.Callable[[], object]]:
    """Return what is timed, by name."""

    def one_update() -> None:
        with engine.begin() as connection:
            connection.execute(STATEMENT)

    return {
        "one UPDATE": one_update,
        "backfill": functools.partial(run, engine, Backfill(STATEMENT)),
        "backfill, Python rows": functools.partial(python_rows.backfill, engine),
    }


if __name__ == "__main__":
    main()
