"""Rows that an undo has left alone are not worked on a second time without a word."""

from __future__ import annotations

import typing as t

import pytest

from tests.upgrading.conftest import ADD
from tests.upgrading.conftest import COUNTERS
from tests.upgrading.conftest import CREATE
from tests.upgrading.conftest import Bench

DEFERRED = ADD.format(by=1).replace("undo=True", "undo=True, deferred=True")
SAME = DEFERRED.replace("counters.c.n + 1", "counters.c.id * 2")
COPIES = (
    COUNTERS
    + """
copies = frozen.table(
    "copies",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("n", sa.Integer),
)
backfill = Backfill(
    sa.insert(copies).from_select(
        ["id", "n"], sa.select(counters.c.id, counters.c.n)
    ),
    over=counters,
    undo=True,
    deferred=True,
)

def upgrade():
    op.backfill(backfill)

def downgrade():
    op.undo_backfill(backfill)
"""
)


@pytest.fixture
def changed(bench: Bench) -> Bench:
    """A backfill that has run, and a row that somebody has changed since."""
    bench.chain(CREATE, DEFERRED)
    bench.upgrade()
    assert bench.flask("db", "data", "run").exit_code == 0
    bench.database.execute("UPDATE counters SET n = n + 100 WHERE id = 2")
    return bench


def kept(bench: Bench) -> list[tuple[t.Any, ...]]:
    (side,) = [x for x in bench.database.tables() if x.startswith("datamigrate_undo_")]
    return bench.database.rows(f"SELECT k0, old0, new0 FROM {side}")


def test_an_upgrade_does_not_lose_what_is_kept_of_them(changed: Bench) -> None:
    changed.downgrade()
    assert changed.counts == [10, 121, 50]
    before = kept(changed)

    for _ in range(2):
        ran = changed.flask("db", "upgrade")

        assert ran.exit_code == 1, ran.output
        assert "1 row could not be restored when it was undone" in ran.output
        assert "would lose that, and may change it once more" in ran.output
        assert "forget r2, and then flask db upgrade" in ran.output
        assert changed.heads == {"r1"}
    assert kept(changed) == before
    assert "Nothing to run" in changed.flask("db", "data", "run").output
    assert changed.counts == [10, 121, 50]


def test_what_is_forgotten_stands_in_no_way_and_is_said(changed: Bench) -> None:
    changed.downgrade()
    changed.flask("db", "data", "forget", "--yes", "r2")

    ran = changed.flask("db", "upgrade")

    assert ran.exit_code == 0, ran.output
    assert "r2: 1 row could not be restored when it was undone" in ran.output
    assert "beginning anew may change it once more" in ran.output
    assert changed.flask("db", "data", "run").exit_code == 0
    assert changed.counts == [11, 122, 51]


def test_a_run_where_the_revision_is_applied_asks_for_anew(changed: Bench) -> None:
    changed.database.execute("UPDATE datamigrate_backfills SET state = 'cancelled'")
    assert changed.flask("db", "data", "undo", "r2").exit_code == 0
    assert changed.counts == [10, 121, 50]

    for command in (["r2"], ["--anew", "r2"]):
        refused = changed.flask("db", "data", "run", *command)
        assert refused.exit_code == 1, refused.output
        assert "would lose that, and may change it once more" in refused.output
        assert "and then flask db data run --anew r2" in refused.output
    changed.flask("db", "data", "forget", "--yes", "r2")
    refused = changed.flask("db", "data", "run", "r2")

    assert refused.exit_code == 1, refused.output
    assert "beginning anew may change it once more" in refused.output
    assert "flask db data run --anew r2" in refused.output
    assert changed.counts == [10, 121, 50]
    assert changed.flask("db", "data", "run", "--anew", "r2").exit_code == 0
    assert changed.counts == [11, 122, 51]


def test_what_gives_the_same_again_needs_no_anew(bench: Bench) -> None:
    bench.chain(CREATE, SAME)
    bench.upgrade()
    bench.flask("db", "data", "run")
    bench.database.execute("UPDATE counters SET n = 100 WHERE id = 2")
    bench.database.execute("UPDATE datamigrate_backfills SET state = 'cancelled'")
    bench.flask("db", "data", "undo", "r2")

    refused = bench.flask("db", "data", "run", "r2")

    assert refused.exit_code == 1, refused.output
    assert "once more" not in refused.output
    assert "forget r2, and then flask db data run r2" in refused.output
    bench.flask("db", "data", "forget", "--yes", "r2")
    ran = bench.flask("db", "data", "run", "r2")
    assert ran.exit_code == 0, ran.output
    assert bench.counts == [2, 4, 10]


def test_rows_that_came_in_and_stayed_are_not_inserted_again(bench: Bench) -> None:
    create = CREATE.replace("def upgrade():\n", "def upgrade():\n" + COPIES_TABLE, 1)
    bench.chain(create, COPIES)
    bench.upgrade()
    assert bench.flask("db", "data", "run").exit_code == 0
    bench.database.execute("UPDATE copies SET n = 7 WHERE id = 2")
    bench.downgrade()

    ran = bench.flask("db", "upgrade")

    assert ran.exit_code == 1, ran.output
    assert "may insert it once more" in ran.output
    assert bench.database.rows("SELECT id, n FROM copies") == [(2, 7)]


def test_one_that_was_given_up_before_its_first_batch_keeps_nothing_back(
    bench: Bench,
) -> None:
    bench.chain(CREATE, DEFERRED)
    bench.upgrade()
    bench.flask("db", "data", "cancel", "r2")
    bench.flask("db", "data", "undo", "r2")
    ran = bench.flask("db", "data", "run", "r2")
    assert ran.exit_code == 0, ran.output
    assert bench.counts == [11, 21, 51]


M = """
def upgrade():
    op.add_column("counters", sa.Column("m", sa.Integer))

def downgrade():
    with op.batch_alter_table("counters") as batch:
        batch.drop_column("m")
"""
FILL_M = """
counters = frozen.table(
    "counters",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("n", sa.Integer),
    sa.Column("m", sa.Integer),
)
backfill = Backfill(sa.update(counters).values(m=counters.c.n + 1), undo=True)

def upgrade():
    op.backfill(backfill)

def downgrade():
    op.undo_backfill(backfill)
"""


def test_a_column_that_went_and_came_back_has_nothing_to_lose(bench: Bench) -> None:
    bench.chain(CREATE, M, FILL_M)
    bench.upgrade()
    bench.database.execute("UPDATE counters SET m = 0 WHERE id = 2")
    bench.downgrade("r1")
    assert len(kept(bench)) == 3

    ran = bench.flask("db", "upgrade")

    assert ran.exit_code == 0, ran.output
    assert "could not be restored" not in ran.output
    rows = bench.database.rows("SELECT m FROM counters ORDER BY id")
    assert rows == [(11,), (21,), (51,)]


def test_nor_has_a_table_that_went_and_came_back(bench: Bench) -> None:
    table = f"def upgrade():\n{COPIES_TABLE}\ndef downgrade():\n    {DROP_COPIES}\n"
    bench.chain(CREATE, table, COPIES.replace("    deferred=True,\n", ""))
    bench.upgrade()
    bench.database.execute("UPDATE copies SET n = 7 WHERE id = 2")
    bench.downgrade("r1")

    ran = bench.flask("db", "upgrade")

    assert ran.exit_code == 0, ran.output
    assert "could not be restored" not in ran.output
    assert bench.database.scalar("SELECT sum(n) FROM copies") == 80


DROP_COPIES = 'op.drop_table("copies")'
COPIES_TABLE = """\
    op.create_table(
        "copies",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
    )
"""
