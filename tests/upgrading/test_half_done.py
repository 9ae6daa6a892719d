"""A backfill that stopped half-way, and a downgrade to below it."""

from __future__ import annotations

import pytest

from flask_datamigrate.errors import BackfillError
from flask_datamigrate.errors import DataMigrateError
from tests.upgrading.conftest import COLUMN
from tests.upgrading.conftest import COUNTERS
from tests.upgrading.conftest import CREATE
from tests.upgrading.conftest import Bench

FILL = (
    COUNTERS.replace(
        'sa.Column("n", sa.Integer)',
        'sa.Column("n", sa.Integer), sa.Column("twice", sa.Integer)',
    )
    + """
def double(row):
    {trouble}
    return {{"twice": row["n"] * 2}}

backfill = Backfill.rows(
    counters, double, reads=["n"], writes=["twice"], batch_size=1, undo={undo}
)

def upgrade():
    op.backfill(backfill)

def downgrade():
    op.undo_backfill(backfill)
"""
)
WHOLE = FILL.format(trouble="", undo=True)
HALF = FILL.format(trouble="1 / (row['id'] - 5)", undo=True)
SINGLY = {"FLASK_DATAMIGRATE_MAX_BATCH_SIZE": "1"}


def half_done(bench: Bench, body: str = HALF) -> None:
    bench.chain(CREATE, COLUMN.format(name="twice"), body)
    bench.app.config["DATAMIGRATE_MAX_BATCH_SIZE"] = 1
    with pytest.raises(BackfillError, match="row id=5"):
        bench.upgrade()
    assert values(bench) == [20, 40, None]


def values(bench: Bench) -> list[int | None]:
    rows = bench.database.rows("SELECT twice FROM counters ORDER BY id")
    return [twice for (twice,) in rows]


def test_what_it_stands_on_is_not_taken_back(bench: Bench) -> None:
    half_done(bench)
    with pytest.raises(DataMigrateError) as caught:
        bench.downgrade("r1")
    for part in (
        "revision r3",
        "r2",
        "db upgrade r3",
        "data undo r3",
        "data cancel r3",
    ):
        assert part in str(caught.value)
    assert (bench.heads, values(bench)) == ({"r2"}, [20, 40, None])


def test_one_whose_runner_was_killed_is_paused_to_a_downgrade_too(
    bench: Bench,
) -> None:
    killed = "import os; row['id'] == 5 and os.kill(os.getpid(), 9)"
    body = FILL.format(trouble=killed, undo=True)
    bench.chain(CREATE, COLUMN.format(name="twice"), body)
    assert bench.project.run("db", "upgrade", **SINGLY).code == -9
    assert "paused" in bench.project.flask("db", "data", "status").out
    with pytest.raises(DataMigrateError, match=r"it is paused \(its runner died\)"):
        bench.downgrade("r1")
    assert (bench.heads, values(bench)) == ({"r2"}, [20, 40, None])


def test_restored_by_hand_it_begins_anew(bench: Bench) -> None:
    half_done(bench)
    bench.project.flask("db", "data", "undo", "r3")
    assert values(bench) == [None, None, None]
    bench.downgrade("r1")
    bench.revision("r3", WHOLE, down="r2")
    bench.upgrade()
    assert values(bench) == [20, 40, 100]


def test_given_up_it_begins_anew(bench: Bench) -> None:
    half_done(bench)
    bench.project.flask("db", "data", "cancel", "r3")
    assert values(bench) == [20, 40, None]
    bench.downgrade("r1")
    bench.revision("r3", WHOLE, down="r2")
    report = bench.upgrade()
    assert values(bench) == [20, 40, 100]
    assert report.backfills[0].changed == 3


def test_without_kept_values_the_way_out_is_cancel(bench: Bench) -> None:
    half_done(bench, HALF.replace("undo=True", "undo=False"))
    with pytest.raises(DataMigrateError) as caught:
        bench.downgrade("r1")
    assert "data undo" not in str(caught.value)
    assert "data cancel r3" in str(caught.value)


def test_an_applied_backfill_is_undone_by_the_downgrade_alone(bench: Bench) -> None:
    bench.chain(CREATE, COLUMN.format(name="twice"), WHOLE)
    bench.upgrade()
    for command in ("undo", "cancel"):
        ran = bench.project.run("db", "data", command, "r3")
        assert (ran.code, "flask db downgrade" in ran.err) == (1, True)
    assert values(bench) == [20, 40, 100]


def test_deferred_work_that_was_taken_back_half_done_begins_anew(bench: Bench) -> None:
    body = HALF.replace("undo=True", "deferred=True")
    body = body.replace("op.undo_backfill(backfill)", "pass")
    bench.chain(CREATE, COLUMN.format(name="twice"), body)
    bench.upgrade()
    ran = bench.project.run("db", "data", "run", **SINGLY)
    assert (ran.code, values(bench)) == (1, [20, 40, None])
    bench.downgrade("r1")
    bench.revision("r3", body.replace("1 / (row['id'] - 5)", ""), down="r2")
    bench.upgrade()
    bench.project.flask("db", "data", "run")
    assert values(bench) == [20, 40, 100]


STAMPED = """
backfill = Backfill(sa.update(counters).values(n=-counters.c.n - 1), undo=True)

def upgrade():
    op.backfill(backfill)

def downgrade():
    op.undo_backfill(backfill)
"""


def stamped_back(bench: Bench) -> None:
    bench.chain(CREATE, COUNTERS + STAMPED)
    bench.upgrade()
    bench.project.flask("db", "stamp", "r1")


def test_kept_values_are_not_lost_to_a_stamp(bench: Bench) -> None:
    stamped_back(bench)
    with pytest.raises(BackfillError) as caught:
        bench.upgrade()
    for part in ("flask db stamp", "data undo r2", "data cancel r2", "stamp r2"):
        assert part in str(caught.value)
    assert (bench.heads, bench.counts) == ({"r1"}, [-11, -21, -51])


def test_after_a_stamp_the_rows_can_be_restored(bench: Bench) -> None:
    stamped_back(bench)
    bench.project.flask("db", "data", "undo", "r2")
    assert bench.counts == [10, 20, 50]
    bench.upgrade()
    assert (bench.heads, bench.counts) == ({"r2"}, [-11, -21, -51])


def test_after_a_stamp_the_rows_can_be_changed_once_more(bench: Bench) -> None:
    stamped_back(bench)
    bench.project.flask("db", "data", "cancel", "r2")
    bench.upgrade()
    assert (bench.heads, bench.counts) == ({"r2"}, [10, 20, 50])
    bench.downgrade()
    assert bench.counts == [-11, -21, -51]


def test_after_a_stamp_the_work_can_count_as_done(bench: Bench) -> None:
    stamped_back(bench)
    bench.project.flask("db", "stamp", "r2")
    assert bench.upgrade().backfills == ()
    bench.downgrade()
    assert (bench.heads, bench.counts) == ({"r1"}, [10, 20, 50])


UNDONE_BY_ONE = (
    COUNTERS
    + """
backfill = Backfill(
    sa.update(counters).values(n=counters.c.n + 1), undo=True, batch_size=1
)

def upgrade():
    op.backfill(backfill)

def downgrade():
    op.undo_backfill(backfill)
"""
)


def half_undone(bench: Bench) -> None:
    """Leave an undo in front of a row whose old value somebody else has now."""
    bench.app.config["DATAMIGRATE_MAX_BATCH_SIZE"] = 1
    bench.chain(CREATE, UNDONE_BY_ONE)
    bench.upgrade()
    bench.database.execute("CREATE UNIQUE INDEX one ON counters (n)")
    bench.database.execute("INSERT INTO counters VALUES (9, 50)")
    with pytest.raises(DataMigrateError, match="[ (]id=5"):
        bench.downgrade()
    assert (bench.heads, bench.counts) == ({"r2"}, [10, 20, 51, 50])


def test_an_upgrade_does_not_pass_over_a_half_done_undo(bench: Bench) -> None:
    half_undone(bench)
    for _ in range(2):
        ran = bench.flask("db", "upgrade")
        assert ran.exit_code == 1
        for part in ("backfill r2", "flask db downgrade", "flask db data cancel r2"):
            assert part in ran.output
    bench.database.execute("DELETE FROM counters WHERE id = 9")
    bench.downgrade()
    assert (bench.heads, bench.counts) == ({"r1"}, [10, 20, 50])


def test_an_undo_that_cannot_go_on_is_given_up(bench: Bench) -> None:
    half_undone(bench)
    ran = bench.flask("db", "data", "cancel", "r2")
    assert ran.exit_code == 0, ran.output
    assert bench.flask("db", "upgrade").exit_code == 0
    assert bench.counts == [10, 20, 51, 50]
    bench.database.execute("DELETE FROM counters WHERE id = 9")
    bench.downgrade()
    assert (bench.heads, bench.counts) == ({"r1"}, [10, 20, 50])


def test_an_undo_that_the_revision_no_longer_asks_for(bench: Bench) -> None:
    half_undone(bench)
    without = UNDONE_BY_ONE.replace("op.undo_backfill(backfill)", "pass")
    bench.revision("r2", without, down="r1")
    bench.downgrade()
    assert (bench.heads, bench.counts) == ({"r1"}, [10, 20, 51, 50])
    ran = bench.flask("db", "upgrade")
    assert ran.exit_code == 1
    for part in ("flask db data undo r2", "flask db data cancel r2"):
        assert part in ran.output
    assert bench.flask("db", "data", "cancel", "r2").exit_code == 0
    bench.database.execute("DELETE FROM counters WHERE id = 9")
    bench.upgrade()
    assert (bench.heads, bench.counts) == ({"r2"}, [11, 21, 52])
