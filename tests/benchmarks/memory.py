"""The most memory ``flask db upgrade`` takes, by the size of the table.

    python -m tests.benchmarks.memory \\
        --url postgresql+psycopg2://postgres@127.0.0.1/postgres
    python -m tests.benchmarks.memory --url mysql+pymysql://root@127.0.0.1/
    python -m tests.benchmarks.memory --url sqlite://

The command runs as a process of its own, and the operating system tells its peak
resident set. ``--rows`` takes several sizes, as in ``--rows 100000 1000000``.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import tempfile
import typing as t

from tests.apps import Project
from tests.benchmarks import arguments
from tests.benchmarks import timing
from tests.benchmarks.people import People

REVISION = """
people = frozen.table(
    "people",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("full_name", sa.String(100)),
    sa.Column("email", sa.String(100)),
    sa.Column("login", sa.String(100)),
    sa.Column("score", sa.Integer),
)
backfill = {backfill}

def upgrade():
    op.backfill(backfill)

def downgrade():
    pass
"""

NOTHING = """
def upgrade():
    pass

def downgrade():
    pass
"""

SET_BASED = """Backfill(
    sa.update(people)
    .where(people.c.score.is_(None))
    .values(login=sa.func.upper(people.c.email), score=1)
)"""

PYTHON_ROWS = """Backfill.rows(
    people,
    lambda row: {"score": len(set(row["full_name"])), "login": row["email"].upper()},
    reads=["full_name", "email"],
    writes=["score", "login"],
    where=people.c.score.is_(None),
)"""

REVISIONS = {
    "no data migration": NOTHING,
    "set-based": REVISION.format(backfill=SET_BASED),
    "Python rows": REVISION.format(backfill=PYTHON_ROWS),
}

_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in a unit of ``ru_maxrss``, see getrusage(2)."""


def main(argv: t.Sequence[str] | None = None) -> None:
    """Print the peak memory of each kind of data migration, by rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", required=True)
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[100_000, 1_000_000, 4_000_000]
    )
    parser.add_argument("--runs", type=int, default=1, help="the highest is shown")
    args = parser.parse_args(argv)
    peaks: dict[str, list[str]] = {name: [] for name in REVISIONS}
    for rows in args.rows:
        with arguments.scratch(args.url) as database:
            people = People(database, rows)
            for name, revision in REVISIONS.items():
                runs = []
                for _ in range(args.runs):
                    people.refresh()
                    database.execute("DROP TABLE IF EXISTS alembic_version")
                    runs.append(peak(database.url, revision))
                    print(f"{rows:,} {name}: {runs[-1]:.1f} MiB", file=sys.stderr)
                peaks[name].append(f"{max(runs):.0f}")
    head = ("MiB at most", *(f"{rows:,} rows" for rows in args.rows))
    print(timing.table(head, ((name, *values) for name, values in peaks.items())))


def peak(url: str, revision: str) -> float:
    """Run ``flask db upgrade`` over one revision; return its peak memory in MiB."""
    with tempfile.TemporaryDirectory() as home:
        project = Project(pathlib.Path(home), url).init()
        # State tables know a backfill by its revision, which runs again here.
        project.revision(f"r{pathlib.Path(home).name}", revision)
        process = project.start("db", "upgrade")
        assert process.stdout is not None and process.stderr is not None
        with process.stdout, process.stderr:
            messages = process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, messages
        return usage.ru_maxrss * _UNIT / 2**20


if __name__ == "__main__":
    main()
