"""``flask_migrate.upgrade()``, which is ``alembic upgrade``: in place, or refused."""

from __future__ import annotations

import flask_migrate
import pytest

from tests.upgrading.conftest import ADD
from tests.upgrading.conftest import ADD_FOR_GOOD
from tests.upgrading.conftest import COLUMN
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
