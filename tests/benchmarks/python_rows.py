"""A backfill computed in Python, against the tutorials' loop and the fastest way.

    python -m tests.benchmarks.python_rows \\
        --url postgresql+psycopg2://postgres@127.0.0.1/postgres
    python -m tests.benchmarks.python_rows \\
        --url postgresql+psycopg://postgres@127.0.0.1/postgres
    python -m tests.benchmarks.python_rows --url mysql+pymysql://root@127.0.0.1/
    python -m tests.benchmarks.python_rows --url sqlite://

The loop reads all rows and writes each with a statement of its own, in one
transaction: with SQLAlchemy, as the tutorials have it, and with the bare driver. The
fastest way also reads all rows, sends the results in bulk and joins them in one
UPDATE; on SQLite, where nothing is sent, it is one executemany. Each run gets a fresh
copy of the table.
"""

from __future__ import annotations

import io
import tempfile
import typing as t

import sqlalchemy as sa

from flask_datamigrate import Backfill
from tests.benchmarks import arguments
from tests.benchmarks import timing
from tests.benchmarks.people import People
from tests.benchmarks.people import people
from tests.benchmarks.runs import run

READ = "SELECT id, full_name, email FROM people WHERE score IS NULL"
LOOP = "UPDATE people SET score = :score WHERE id = :id"
DRIVER_LOOP = "UPDATE people SET score = %s WHERE id = %s"


def main(argv: t.Sequence[str] | None = None) -> None:
    """Print the ratios for one database."""
    parser = arguments.parser(__doc__, rows=100_000, runs=5)
    parser.add_argument(
        "--no-loops",
        action="store_true",
        help="leave the loops out, which take minutes for a million rows",
    )
    args = parser.parse_args(argv)
    with arguments.scratch(args.url, wal=args.wal) as database:
        table = People(database, args.rows)
        local = {"local_infile": True} if database.name == "mysql" else {}
        engine = database.engine(connect_args=local)
        sums = set()

        def check() -> None:
            done = "SELECT count(score), sum(score * (id % 97)) FROM people"
            ((rows, total),) = database.rows(done)
            assert rows == args.rows
            sums.add(int(total))

        fastest_name, fastest = _FASTEST[database.name]
        ways: dict[str, t.Callable[[], object]] = {
            "loop, SQLAlchemy": lambda: loop(engine),
            "loop, bare driver": lambda: driver_loop(engine),
            "backfill": lambda: backfill(engine),
            fastest_name: lambda: fastest(engine),
        }
        if args.no_loops:
            del ways["loop, SQLAlchemy"], ways["loop, bare driver"]
        seconds = timing.interleaved(ways, args.runs, before=table.refresh, after=check)
        assert len(sums) == 1, "the ways did not come to the same scores"
        print(f"{engine.name} ({engine.driver}), {args.rows:,} rows, {args.runs} runs")
        print()
        print(timing.ratios(seconds, "backfill"))


def score(full_name: str, email: str) -> int:
    """Compute what is easier in Python than in SQL."""
    words = full_name.casefold().split()
    mailbox = email.partition("@")[0]
    return 20 * len(words) + 40 * (words[-1] in mailbox) + len(set(mailbox))


def backfill(engine: sa.Engine) -> None:
    """Run the backfill in batches, with the settings as they are by default."""
    run(engine, definition())


def definition() -> Backfill:
    """Return the backfill, as a revision would have it."""
    return Backfill.rows(
        people,
        lambda row: {"score": score(row["full_name"], row["email"])},
        reads=["full_name", "email"],
        writes=["score"],
        where=people.c.score.is_(None),
    )


def loop(engine: sa.Engine) -> None:
    """Update row by row, as the tutorials do with ``op.get_bind()``."""
    with engine.begin() as connection:
        for row in connection.execute(sa.text(READ)).all():
            connection.execute(
                sa.text(LOOP),
                {"score": score(row.full_name, row.email), "id": row.id},
            )


def driver_loop(engine: sa.Engine) -> None:
    """Update row by row with nothing but the driver in between."""
    raw = engine.raw_connection()
    cursor = raw.cursor()
    statement = DRIVER_LOOP
    if engine.name == "sqlite":
        statement = statement.replace("%s", "?")
    for values in _scores(cursor):
        cursor.execute(statement, values)
    raw.commit()
    raw.close()


def copy(engine: sa.Engine) -> None:
    """Send everything with COPY, and join it in one UPDATE."""
    raw = engine.raw_connection()
    cursor = raw.cursor()
    lines = "".join(f"{value}\t{id}\n" for value, id in _scores(cursor))
    cursor.execute("CREATE TEMP TABLE sent (score int, id int) ON COMMIT DROP")
    if engine.driver == "psycopg":
        with cursor.copy("COPY sent FROM STDIN") as pipe:
            pipe.write(lines)
    else:
        cursor.copy_expert("COPY sent FROM STDIN", io.StringIO(lines))
    cursor.execute("ANALYZE sent")
    cursor.execute(
        "UPDATE people SET score = sent.score FROM sent WHERE people.id = sent.id"
    )
    raw.commit()
    raw.close()


def load_data(engine: sa.Engine) -> None:
    """Send everything with LOAD DATA, and join it in one UPDATE."""
    raw = engine.raw_connection()
    cursor = raw.cursor()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        file.writelines(f"{value}\t{id}\n" for value, id in _scores(cursor))
        file.flush()
        cursor.execute("CREATE TEMPORARY TABLE sent (score int, id int PRIMARY KEY)")
        cursor.execute("LOAD DATA LOCAL INFILE %s INTO TABLE sent", (file.name,))
    cursor.execute("UPDATE people JOIN sent USING (id) SET people.score = sent.score")
    cursor.execute("DROP TEMPORARY TABLE sent")
    raw.commit()
    raw.close()


def executemany(engine: sa.Engine) -> None:
    """Hand everything to the driver in one call."""
    raw = engine.raw_connection()
    cursor = raw.cursor()
    cursor.executemany(DRIVER_LOOP.replace("%s", "?"), _scores(cursor))
    raw.commit()
    raw.close()


_FASTEST: dict[str, tuple[str, t.Callable[[sa.Engine], None]]] = {
    "postgresql": ("COPY, one UPDATE … FROM", copy),
    "mysql": ("LOAD DATA, one UPDATE … JOIN", load_data),
    "sqlite": ("one executemany", executemany),
}


def _scores(cursor: t.Any) -> list[tuple[int, int]]:
    """Return the score and the id of each person."""
    cursor.execute(READ)
    return [(score(name, email), id) for id, name, email in cursor.fetchall()]


if __name__ == "__main__":
    main()
