"""A set-based backfill against one plain UPDATE of the whole table.

    python -m tests.benchmarks.set_based \\
        --url postgresql+psycopg2://postgres@127.0.0.1/postgres
    python -m tests.benchmarks.set_based --url mysql+pymysql://root@127.0.0.1/
    python -m tests.benchmarks.set_based --url sqlite://

Three of six columns are set by expressions, on a million rows, with the settings
as they are when nobody sets any. Each run gets a fresh copy of the table.
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from flask_datamigrate import Backfill
from tests.benchmarks import arguments
from tests.benchmarks import timing
from tests.benchmarks.people import People
from tests.benchmarks.people import people
from tests.benchmarks.runs import run

STATEMENT = (
    sa.update(people)
    .where(people.c.score.is_(None))
    .values(
        sort_name=sa.func.upper(people.c.full_name),
        login=sa.func.replace(people.c.email, "@example.org", ""),
        score=sa.func.length(people.c.full_name),
    )
)


def main(argv: t.Sequence[str] | None = None) -> None:
    """Print the ratios for one database."""
    parser = arguments.parser(__doc__, rows=1_000_000, runs=5)
    parser.add_argument(
        "--undo", action="store_true", help="also with the old values kept"
    )
    args = parser.parse_args(argv)
    with arguments.scratch(args.url, wal=args.wal) as database:
        table = People(database, args.rows)
        engine = database.engine()

        def one_update() -> None:
            with engine.begin() as connection:
                connection.execute(STATEMENT)

        def backfill(**options: t.Any) -> None:
            run(engine, Backfill(STATEMENT, **options))

        def all_done() -> None:
            done = "SELECT count(*) FROM people WHERE score IS NOT NULL"
            assert database.scalar(done) == args.rows

        ways: dict[str, t.Callable[[], object]] = {
            "one UPDATE": one_update,
            "backfill": backfill,
            "backfill, verify=False": lambda: backfill(verify=False),
        }
        if args.undo:
            ways["backfill, undo=True"] = lambda: backfill(undo=True)
        seconds = timing.interleaved(
            ways, args.runs, before=table.refresh, after=all_done
        )
        print(f"{engine.name} ({engine.driver}), {args.rows:,} rows, {args.runs} runs")
        print()
        print(timing.ratios(seconds, "one UPDATE"))


if __name__ == "__main__":
    main()
