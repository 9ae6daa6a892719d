"""``--sql``: the script of an upgrade, each backfill one statement of it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.upgrading.conftest import ADD
from tests.upgrading.conftest import COLUMN
from tests.upgrading.conftest import COUNTERS
from tests.upgrading.conftest import CREATE
from tests.upgrading.conftest import Bench

ROWS = (
    COUNTERS
    + """
def double(row):
    return {"n": row["n"] * 2}

backfill = Backfill.rows(counters, double, reads=["n"], writes=["n"])

def upgrade():
    op.backfill(backfill)

def downgrade():
    pass
"""
)

PLAIN_COLUMN = """
def upgrade():
    op.add_column("counters", sa.Column("a", sa.Integer))

def downgrade():
    op.drop_column("counters", "a")
"""


def test_the_script_does_what_the_upgrade_does(bench: Bench) -> None:
    bench.chain(CREATE, ADD.format(by=1), COLUMN.format(name="a"))
    script = bench.flask("db", "upgrade", "--sql")
    assert script.exit_code == 0, script.output
    assert script.stdout.count("UPDATE counters") == 1
    assert "-- Backfill of counters: all rows in one statement" in script.stdout
    assert bench.database.tables() == []

    with bench.database.engine().begin() as connection:
        for statement in script.stdout.split(";"):
            lines = [x for x in statement.splitlines() if not x.startswith("--")]
            text = "\n".join(lines).strip()
            if text and text not in ("BEGIN", "COMMIT"):
                connection.execute(sa.text(text))

    assert (bench.heads, bench.counts) == ({"r3"}, [11, 21, 51])
    assert bench.upgrade().revisions == ()


def test_percent_signs_stay_as_they_are(bench: Bench) -> None:
    """A driver wants them doubled; a script meets none."""
    body = (
        COUNTERS
        + """
backfill = Backfill(
    sa.update(counters)
    .where(counters.c.n % 20 == 0)
    .values(n=sa.case((sa.literal("100%") == sa.literal_column("'100%'"), 7), else_=8))
)

def upgrade():
    op.backfill(backfill)
    op.execute("UPDATE counters SET n = n + 1 WHERE '%' = '%'")
"""
    )
    bench.chain(CREATE, body)
    script = bench.flask("db", "upgrade", "r1:r2", "--sql").stdout
    assert "%%" not in script
    assert "%" in script


def test_rows_that_a_script_changed_have_no_old_values(bench: Bench) -> None:
    bench.chain(CREATE, ADD.format(by=1))
    bench.upgrade("r1")
    bench.flask("db", "stamp", "r2")
    ran = bench.flask("db", "downgrade")
    assert ran.exit_code == 1
    assert "this database has never seen it run" in ran.output
    assert "Pass undo=True" not in ran.output


def test_ranges_of_revisions(bench: Bench) -> None:
    bench.chain(CREATE, ADD.format(by=1), PLAIN_COLUMN)
    up = bench.flask("db", "upgrade", "r1:r2", "--sql").stdout
    assert "UPDATE counters" in up
    assert "CREATE TABLE counters" not in up
    assert "ADD COLUMN a" not in up
    down = bench.flask("db", "downgrade", "r3:r2", "--sql")
    assert down.exit_code == 0, down.output
    assert "DROP COLUMN a" in down.stdout


def test_downgrade_without_a_revision_is_one_step_from_the_head(bench: Bench) -> None:
    bench.chain(CREATE, ADD.format(by=1), PLAIN_COLUMN)
    down = bench.flask("db", "downgrade", "--sql")
    assert down.exit_code == 0, down.output
    assert "DROP COLUMN a" in down.stdout
    assert "DROP TABLE" not in down.stdout


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "body",
    [
        "def upgrade():\n    op.get_bind().execute(1)\n",
        "def upgrade():\n    op.get_context().nosuch\n",
        "def upgrade():\n    raise ValueError(7)\n",
    ],
)
def test_an_exception_of_a_script_is_one_message(bench: Bench, body: str) -> None:
    bench.chain(CREATE, body)
    ran = bench.flask("db", "upgrade", "--sql")
    assert ran.exit_code == 1
    assert isinstance(ran.exception, SystemExit), ran.exception
    assert "Error: revision r2 (r2" in ran.stderr
    assert "line " in ran.stderr
    assert "No script was written" in ran.stderr


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("body", "command", "message"),
    [
        (ROWS, ("upgrade", "--sql"), "double(), and --sql cannot run Python"),
        (ADD.format(by=1), ("downgrade", "r2:r1", "--sql"), "op.undo_backfill"),
        *(
            (
                f"def upgrade():\n    op.has_{what}({arguments})\n",
                ("upgrade", "--sql"),
                f"op.has_{what} asks the database, and --sql has none",
            )
            for what, arguments in (
                ("table", "'counters'"),
                ("column", "'counters', 'n'"),
                ("index", "'counters', 'ix'"),
                ("constraint", "'counters', 'ck'"),
            )
        ),
    ],
)
def test_what_needs_the_database_is_refused_by_name(
    bench: Bench, body: str, command: tuple[str, ...], message: str
) -> None:
    bench.chain(CREATE, body)
    ran = bench.flask("db", *command)
    assert ran.exit_code == 1
    assert isinstance(ran.exception, SystemExit), ran.exception
    assert message in ran.output
    assert "counters" in ran.stderr
    assert "No script was written" in ran.stderr
    assert ran.stdout == ""
    assert bench.database.tables() == []
