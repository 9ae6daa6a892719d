"""``flask_migrate.upgrade()``, which is ``alembic upgrade``: in place, or refused."""

from __future__ import annotations

import flask_migrate
import pytest

from tests.upgrading.conftest import ADD
from tests.upgrading.conftest import ADD_FOR_GOOD
from tests.upgrading.conftest import COLUMN
from tests.upgrading.conftest import COUNTERS
from tests.upgrading.conftest import CREATE
from tests.upgrading.conftest import Bench

FAILS = """
counters = frozen.table(
    "counters",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("n", sa.Integer),
)

def plus_one(row):
    {fault}
    return {{"n": row["n"] + 1}}

backfill = Backfill.rows(
    counters, plus_one, reads=["n"], writes=["n"], batch_size=1, name="plus"
)

def upgrade():
    op.backfill(backfill)

def downgrade():
    pass
"""


def plain_upgrade(bench: Bench, revision: str = "head") -> None:
    with bench.app.app_context():
        flask_migrate.upgrade(revision=revision)


def plain_downgrade(bench: Bench, revision: str = "-1") -> None:
    with bench.app.app_context():
        flask_migrate.downgrade(revision=revision)


def test_it_runs_in_place_and_back(bench: Bench) -> None:
    bench.chain(CREATE, ADD.format(by=1), COLUMN.format(name="a"), ADD.format(by=100))
    plain_upgrade(bench)
    assert (bench.heads, bench.counts) == ({"r4"}, [111, 121, 151])
    plain_downgrade(bench, "r1")
    assert (bench.heads, bench.counts) == ({"r1"}, [10, 20, 50])
    plain_upgrade(bench)
    assert bench.counts == [111, 121, 151]


def test_it_goes_on_from_the_last_batch(bench: Bench) -> None:
    bench.chain(CREATE, FAILS.format(fault="assert row['id'] != 5, 'five'"))
    bench.app = bench.make_app(DATAMIGRATE_MAX_BATCH_SIZE=1)
    with pytest.raises(SystemExit) as caught:
        plain_upgrade(bench)
    assert caught.value.code == 1
    assert (bench.heads, bench.counts) == ({"r1"}, [11, 21, 50])
    bench.revision("r2", FAILS.format(fault="pass"), down="r1")
    ran = bench.flask("db", "data", "accept", "plus")
    assert ran.exit_code == 0, ran.output
    assert "plus: accepted as" in ran.output
    again = bench.flask("db", "data", "accept", "plus")
    assert again.exit_code == 0
    assert "not edited, nothing to accept" in again.output
    plain_upgrade(bench)
    assert (bench.heads, bench.counts) == ({"r2"}, [11, 21, 51])


def test_what_one_begins_the_other_finishes(bench: Bench) -> None:
    failing = "op.backfill(backfill)\n    op.execute('SELECT missing FROM counters')"
    body = ADD_FOR_GOOD.format(by=1, options="")
    bench.chain(CREATE, body.replace("op.backfill(backfill)", failing))
    with pytest.raises(Exception, match="missing"):
        plain_upgrade(bench)
    assert bench.counts == [11, 21, 51]
    bench.revision("r2", body, down="r1")
    bench.upgrade()
    assert (bench.heads, bench.counts) == ({"r2"}, [11, 21, 51])


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_deferred_one_is_registered(bench: Bench) -> None:
    bench.chain(CREATE, ADD_FOR_GOOD.format(by=1, options=", deferred=True"))
    plain_upgrade(bench)
    assert (bench.heads, bench.counts) == ({"r2"}, [10, 20, 50])
    bench.flask("db", "data", "run")
    assert bench.counts == [11, 21, 51]


def test_applied_again_it_runs_again(bench: Bench) -> None:
    bench.chain(CREATE, ADD_FOR_GOOD.format(by=1, options=""))
    for expected in ([11, 21, 51], [12, 22, 52]):
        plain_upgrade(bench)
        assert bench.counts == expected
        plain_downgrade(bench)


STILL_MATCHES = (
    COUNTERS
    + """
backfill = Backfill(
    sa.update(counters).where(counters.c.n < 60).values(n=counters.c.n + 1)
)

def upgrade():
    op.backfill(backfill)
"""
)

CUT_OFF = """
class Refusing(sa.TypeDecorator):
    impl = sa.Integer
    cache_ok = True

    def process_bind_param(self, value, dialect):
        raise {trouble}

counters = frozen.table(
    "counters",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("n", sa.Integer),
    sa.Column("a", Refusing),
)

def add(row):
    # The rows that change one column are sent first, by themselves.
    more = {{}} if row["id"] < 5 else {{"a": 1}}
    return {{"n": row["n"] + 1, **more}}

backfill = Backfill.rows(counters, add, reads=["n"], writes=["n", "a"])

def upgrade():
    op.backfill(backfill)
"""


@pytest.mark.parametrize(
    "body",
    [
        STILL_MATCHES,
        CUT_OFF.format(trouble="ValueError"),
        CUT_OFF.format(trouble="KeyboardInterrupt"),
    ],
    ids=["check", "row", "ctrl-c"],
)
def test_a_batch_that_fails_is_rolled_back(bench: Bench, body: str) -> None:
    """Though what went wrong is written down and committed after it."""
    bench.chain(CREATE, COLUMN.format(name="a"), body)
    for _ in range(2):
        with pytest.raises((SystemExit, KeyboardInterrupt)):
            plain_upgrade(bench)
        assert (bench.heads, bench.counts) == ({"r2"}, [10, 20, 50])


TWO = (
    COUNTERS
    + """
import os

def triple(row):
    if row["id"] == 5 and "MENDED" not in os.environ:
        raise ValueError("five")
    return {"n": row["n"] * 3}

first = Backfill(sa.update(counters).values(n=counters.c.n + 1), undo=True)
second = Backfill.rows(counters, triple, reads=["n"], writes=["n"])

def upgrade():
    op.backfill(first)
    op.backfill(second)

def downgrade():
    pass
"""
)


@pytest.mark.parametrize("how", ["plain", "ours"])
def test_the_second_backfill_of_a_revision_fails(
    bench: Bench, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.chain(CREATE, TWO)
    for _ in range(2):
        with pytest.raises(SystemExit):
            plain_upgrade(bench)
        assert (bench.heads, bench.counts) == ({"r1"}, [11, 21, 51])
    monkeypatch.setenv("MENDED", "1")
    plain_upgrade(bench) if how == "plain" else bench.upgrade()
    assert (bench.heads, bench.counts) == ({"r2"}, [33, 63, 153])


def test_a_commit_of_the_revision_itself_below_the_backfill(bench: Bench) -> None:
    block = "with op.get_context().autocommit_block(): pass"
    failing = f"op.backfill(backfill)\n    {block}\n    1 / 0"
    body = ADD_FOR_GOOD.format(by=1, options="")
    bench.chain(CREATE, body.replace("op.backfill(backfill)", failing))
    for upgrade in (plain_upgrade, Bench.upgrade):
        with pytest.raises(Exception, match="division by zero"):
            upgrade(bench)
        assert (bench.heads, bench.counts) == ({"r1"}, [11, 21, 51])
    bench.revision("r2", body, down="r1")
    bench.upgrade()
    assert (bench.heads, bench.counts) == ({"r2"}, [11, 21, 51])


MOVE = (
    COUNTERS
    + """
gone = frozen.table("gone", sa.Column("id", sa.Integer, primary_key=True))
copied = Backfill(
    sa.insert(gone).from_select(["id"], sa.select(counters.c.id)),
    over=counters, undo=True, name="copied",
)
deleted = Backfill(sa.delete(counters), undo=True, name="deleted")

def upgrade():
    op.backfill(copied)
    op.backfill(deleted)

def downgrade():
    op.undo_backfill(deleted)
    op.undo_backfill(copied)
"""
)
TABLE_GONE = """
def upgrade():
    op.create_table("gone", sa.Column("id", sa.Integer, primary_key=True))

def downgrade():
    op.drop_table("gone")
"""


def test_deletes_and_inserts_go_back_too(bench: Bench) -> None:
    bench.chain(CREATE, TABLE_GONE, MOVE)
    for _ in range(2):
        plain_upgrade(bench)
        assert (bench.heads, bench.counts) == ({"r3"}, [])
        assert bench.database.scalar("SELECT count(*) FROM gone") == 3
        plain_downgrade(bench)
        assert (bench.heads, bench.counts) == ({"r2"}, [10, 20, 50])
        assert bench.database.scalar("SELECT count(*) FROM gone") == 0


def test_indexes_are_not_set_aside_inside_a_transaction(bench: Bench) -> None:
    aside = ADD.format(by=1).replace("undo=True", 'set_aside=["ix"]')
    index = """
def upgrade():
    op.create_index("ix", "counters", ["n"])

def downgrade():
    op.drop_index("ix", "counters")
"""
    bench.chain(CREATE, index, aside)
    with pytest.raises(SystemExit):
        plain_upgrade(bench)
    assert (bench.heads, bench.counts) == ({"r2"}, [10, 20, 50])
    status = bench.flask("db", "data", "status").output
    assert "this upgrade is inside one" in status
    bench.upgrade()
    assert (bench.heads, bench.counts) == ({"r3"}, [11, 21, 51])
