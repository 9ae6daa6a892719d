"""Two workers, and four, against one: the same set-based backfill in one run.

    python -m tests.benchmarks.workers \\
        --url postgresql+psycopg2://postgres@127.0.0.1/postgres
    python -m tests.benchmarks.workers --url mysql+pymysql://root@127.0.0.1/

Three of six columns are set by expressions, on a million rows, with the settings as
they are when nobody sets any. Each run gets a fresh copy of the table. SQLite has one
writer at a time, so there is nothing to compare there.
"""

from __future__ import annotations

import functools
import typing as t

from flask_datamigrate import Backfill
from tests.benchmarks import arguments
from tests.benchmarks import timing
from tests.benchmarks.people import People
from tests.benchmarks.runs import run
from tests.benchmarks.set_based import STATEMENT


def main(argv: t.Sequence[str] | None = None) -> None:
    """Print the ratios for one database."""
    parser = arguments.parser(__doc__, rows=1_000_000, runs=5)
    parser.add_argument(
        "--workers",
        type=int,
        nargs="+",
        default=[2, 4],
        help="how many, each against one; default: 2 4",
    )
    args = parser.parse_args(argv)
    with arguments.scratch(args.url) as database:
        table = People(database, args.rows)
        engine = database.engine()

        def backfill(workers: int) -> None:
            run(engine, Backfill(STATEMENT), workers)

        def all_done() -> None:
            done = "SELECT count(*) FROM people WHERE score IS NOT NULL"
            assert database.scalar(done) == args.rows

        ways: dict[str, t.Callable[[], object]] = {"1 worker": lambda: backfill(1)}
        for count in args.workers:
            ways[f"{count} workers"] = functools.partial(backfill, count)
        seconds = timing.interleaved(
            ways, args.runs, before=table.refresh, after=all_done
        )
        print(f"{engine.name} ({engine.driver}), {args.rows:,} rows, {args.runs} runs")
        print()
        print(timing.ratios(seconds, "1 worker"))


if __name__ == "__main__":
    main()
