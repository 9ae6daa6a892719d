"""How long the linter takes for a history of hundreds of revisions.

    python -m tests.benchmarks.lint
    python -m tests.benchmarks.lint --revisions 2000 --runs 5

The revisions are what a project has: tables, columns and indexes, some in batch
operations, SQL as text, and a loop over a query.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import typing as t

TEMPLATES = (
    """
def upgrade():
    op.create_table(
        "table_{n}",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=50), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_table_{n}_name", "table_{n}", ["name"])


def downgrade():
    op.drop_table("table_{n}")
""",
    """
def upgrade():
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(sa.Column("column_{n}", sa.Integer(), nullable=True))
        batch_op.create_index(batch_op.f("ix_{n}"), ["column_{n}"], unique=False)


def downgrade():
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_column("column_{n}")
""",
    """
def upgrade():
    op.execute('''
        UPDATE users SET column_{n} = (
            SELECT count(*) FROM orders
            WHERE orders.user_id = users.id AND orders.total > {n}
        )
        WHERE column_{n} IS NULL
    ''')


def downgrade():
    op.execute("UPDATE users SET column_{n} = NULL")
""",
    """
users = sa.table("users", sa.column("id"), sa.column("name"))


def upgrade():
    connection = op.get_bind()
    for row in connection.execute(sa.select(users.c.id, users.c.name)):
        connection.execute(
            users.update().where(users.c.id == row.id).values(name=row.name + "{n}")
        )


def downgrade():
    pass
""",
)

HEADER = """\"\"\"revision {n}\"\"\"
import sqlalchemy as sa
from alembic import op

revision = "{n:012x}"
down_revision = {down!r}
branch_labels = None
depends_on = None
"""

RUN = """
import pathlib, sys, time
started = time.perf_counter()
from flask_datamigrate.lint import history, linter, project
from flask_datamigrate.lint.reports import FORMATS
known = history.load([pathlib.Path(sys.argv[1])])
where = project.Project(pathlib.Path(sys.argv[1]), dialects=("postgresql",))
report = linter.lint(known, set(known.headers), where, linter.Options())
FORMATS["text"](report)
print(time.perf_counter() - started, len(report.findings))
"""


def main(argv: t.Sequence[str] | None = None) -> None:
    """Print the time of a run over all revisions, in fresh interpreters."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--revisions", type=int, default=500)
    parser.add_argument("--runs", type=int, default=7)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as directory:
        write(pathlib.Path(directory), args.revisions)
        runs = [run(directory) for _ in range(args.runs)]
    times = [seconds for seconds, _ in runs]
    print(
        f"{args.revisions} revisions, {runs[0][1]} findings, {args.runs} runs: "
        f"median {statistics.median(times):.2f} s, fastest {min(times):.2f} s"
    )


def write(directory: pathlib.Path, revisions: int) -> None:
    """Write a history of revisions, one after the other."""
    down = None
    for number in range(revisions):
        body = TEMPLATES[number % len(TEMPLATES)].replace("{n}", str(number))
        header = HEADER.format(n=number, down=down)
        down = f"{number:012x}"
        (directory / f"{down}.py").write_text(header + body)


def run(directory: str) -> tuple[float, int]:
    """Lint a directory in an interpreter of its own, its imports included."""
    root = pathlib.Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", RUN, directory],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, findings = ran.stdout.split()
    return float(seconds), int(findings)


if __name__ == "__main__":
    main()
