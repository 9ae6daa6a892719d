"""Schema beside data: refused before anything ran, or atomic."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from flask_datamigrate.errors import DefinitionError
from flask_datamigrate.errors import MixedRevisionError
from tests.upgrading.conftest import ADD
from tests.upgrading.conftest import COLUMN
from tests.upgrading.conftest import COUNTERS
from tests.upgrading.conftest import CREATE
from tests.upgrading.conftest import Bench

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

MIXED = (
    COUNTERS
    + """
backfill = Backfill(sa.update(counters).values(n=counters.c.n + 1))

def upgrade():
    {above}
    op.backfill(backfill)
    {below}

def downgrade():
    pass
"""
)


@on_sqlite
@pytest.mark.parametrize(
    ("above", "below", "named"),
    [
        ("op.add_column('counters', sa.Column('a', sa.Integer))", "", "op.add_column"),
        ("", "op.drop_table('counters')", "op.drop_table"),
        ("op.execute('  alter table counters ADD a INT')", "", "op.execute"),
        ("op.execute(sa.text('CREATE INDEX i ON counters (n)'))", "", "op.execute"),
        (
            "with op.batch_alter_table('counters') as batch: batch.drop_column('n')",
            "",
            "op.batch_alter_table",
        ),
        ("op.execute('UPDATE counters SET n = 0')", "", "would run after it"),
        ("op.bulk_insert(counters, [{'n': 1}])", "", "would run after it"),
    ],
)
def test_it_is_refused_before_any_revision_ran(
    bench: Bench, above: str, below: str, named: str
) -> None:
    bench.chain(CREATE, MIXED.format(above=above or "pass", below=below or "pass"))
    with pytest.raises(MixedRevisionError) as caught:
        bench.upgrade()
    text = str(caught.value)
    assert named in text
    assert "revision r2 (r2.py)" in text
    assert "Nothing of this revision was run" in text
    assert "counters" not in bench.database.tables()


@on_sqlite
def test_a_statement_in_front_in_the_same_line_is_seen(bench: Bench) -> None:
    body = MIXED.replace("{above}\n    ", "op.execute('DELETE FROM counters'); ")
    bench.chain(CREATE, body.format(below="pass"))
    with pytest.raises(MixedRevisionError, match="would run after it"):
        bench.upgrade()
    behind = MIXED.replace("(backfill)\n    ", "(backfill); ")
    bench.chain(CREATE, behind.format(above="pass", below="op.execute('SELECT 1')"))
    bench.upgrade()
    assert bench.counts == [11, 21, 51]


@on_sqlite
def test_schema_in_a_helper_of_the_file_is_seen(bench: Bench) -> None:
    body = MIXED.format(above="prepare()", below="pass") + (
        "\ndef prepare():\n    op.drop_column('counters', 'n')\n"
    )
    bench.chain(CREATE, body)
    with pytest.raises(MixedRevisionError, match="op.drop_column in line"):
        bench.upgrade()


@on_sqlite
def test_a_downgrade_is_held_to_the_same(bench: Bench) -> None:
    body = ADD.format(by=1).replace(
        "op.undo_backfill(backfill)",
        "op.undo_backfill(backfill)\n    op.drop_table('counters')",
    )
    bench.chain(CREATE, body)
    bench.upgrade()
    with pytest.raises(MixedRevisionError, match="op.drop_table"):
        bench.downgrade()
    assert (bench.heads, bench.counts) == ({"r2"}, [11, 21, 51])


ATOMIC = """
counters = frozen.table(
    "counters",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("n", sa.Integer),
    sa.Column("double", sa.Integer),
)
backfill = Backfill(
    sa.update(counters).where(counters.c.double.is_(None))
    .values(double=counters.c.n * 2),
    atomic=True,
)

def upgrade():
    op.add_column("counters", sa.Column("double", sa.Integer))
    op.backfill(backfill)
    with op.batch_alter_table("counters") as batch:
        batch.alter_column("double", existing_type=sa.Integer, nullable=False)

def downgrade():
    with op.batch_alter_table("counters") as batch:
        batch.drop_column("double")
"""


def doubles(bench: Bench) -> list[int]:
    column = sa.column("double")
    query = sa.select(column).select_from(sa.table("counters")).order_by(column)
    return [n for (n,) in bench.database.rows(query)]


def test_atomic_goes_with_schema_in_one_revision(bench: Bench) -> None:
    bench.chain(CREATE, ATOMIC)
    assert bench.upgrade().revisions == ("r1", "r2")
    assert doubles(bench) == [20, 40, 100]
    bench.downgrade()
    bench.upgrade()
    assert doubles(bench) == [20, 40, 100]


def test_atomic_says_what_it_did(bench: Bench) -> None:
    bench.chain(CREATE, ATOMIC)
    ran = bench.project.flask("db", "upgrade")
    assert "3 rows changed in the revision's own transaction" in ran.err
    stays = "does not roll DDL back" in ran.err
    assert stays is (bench.database.name != "postgresql")


def test_atomic_refuses_a_table_above_the_limit(bench: Bench) -> None:
    bench.chain(CREATE, ATOMIC)
    bench.upgrade("r1")
    bench.app = bench.make_app(DATAMIGRATE_ATOMIC_ROWS=2)
    with pytest.raises(DefinitionError, match="more than 2 .*Leave atomic=True out"):
        bench.upgrade()
    assert (bench.heads, bench.counts) == ({"r1"}, [10, 20, 50])


def test_the_directives_that_ask_the_database(bench: Bench) -> None:
    bench.chain(
        """
def upgrade():
    op.create_table(
        "parents",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
        sa.UniqueConstraint("n", name="uq_n"),
        sa.CheckConstraint("n > 0", name="ck_n"),
    )
    op.create_index("ix_n", "parents", ["n"])
    said = [
        op.has_table("parents"), op.has_table("children"),
        op.has_column("parents", "n"), op.has_column("parents", "m"),
        op.has_column("children", "n"),
        op.has_index("parents", "ix_n"), op.has_index("parents", "ix_m"),
        op.has_constraint("parents", "uq_n"), op.has_constraint("parents", "ck_n"),
        op.has_constraint("parents", "fk_n"), op.has_constraint("children", "ck_n"),
    ]
    for name, value in enumerate(said):
        if value:
            op.execute(f"INSERT INTO parents (n) VALUES ({name + 1})")
"""
    )
    bench.upgrade()
    rows = bench.database.rows("SELECT n FROM parents ORDER BY n")
    assert [n - 1 for (n,) in rows] == [0, 2, 5, 7, 8]


@on_sqlite
@pytest.mark.parametrize("given", ["'UPDATE counters SET n = 1'", "None"])
def test_op_backfill_takes_a_backfill(bench: Bench, given: str) -> None:
    bench.chain(CREATE, f"def upgrade():\n    op.backfill({given})\n")
    ran = bench.flask("db", "upgrade")
    assert ran.exit_code == 1
    assert isinstance(ran.exception, SystemExit), ran.exception
    assert "Give it a Backfill(...)" in ran.output


def test_schema_and_data_in_two_revisions_are_fine(bench: Bench) -> None:
    bench.chain(CREATE, COLUMN.format(name="a"), ADD.format(by=1))
    bench.upgrade()
    assert bench.counts == [11, 21, 51]
