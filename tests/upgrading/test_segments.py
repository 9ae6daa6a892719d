"""Schema and data revisions, run one segment after another."""

from __future__ import annotations

import sys

import pytest

from tests.upgrading.conftest import ADD
from tests.upgrading.conftest import ADD_FOR_GOOD
from tests.upgrading.conftest import COLUMN
from tests.upgrading.conftest import COUNTERS
from tests.upgrading.conftest import CREATE
from tests.upgrading.conftest import Bench

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

CHAIN = [
    CREATE,
    ADD.format(by=1),
    COLUMN.format(name="a"),
    ADD.format(by=100),
    ADD.format(by=1000),
    COLUMN.format(name="b"),
]


def test_schema_and_data_take_turns_up_and_down(bench: Bench) -> None:
    bench.chain(*CHAIN)

    report = bench.upgrade()

    assert report.revisions == ("r1", "r2", "r3", "r4", "r5", "r6")
    assert [b.name for b in report.backfills] == ["r2", "r4", "r5"]
    assert [b.changed for b in report.backfills] == [3, 3, 3]
    assert bench.counts == [1111, 1121, 1151]
    assert bench.heads == {"r6"}
    assert bench.upgrade().revisions == ()

    report = bench.downgrade("r1")

    assert report.revisions == ("r6", "r5", "r4", "r3", "r2")
    assert [b.name for b in report.backfills] == ["r5", "r4", "r2"]
    assert bench.counts == [10, 20, 50]
    assert bench.heads == {"r1"}
    bench.downgrade("base")
    assert "counters" not in bench.database.tables()


def test_steps_are_counted_over_schema_and_data(bench: Bench) -> None:
    bench.chain(*CHAIN)
    assert bench.upgrade("+2").revisions == ("r1", "r2")
    assert bench.upgrade("+3").revisions == ("r3", "r4", "r5")
    assert bench.counts == [1111, 1121, 1151]
    assert bench.upgrade("r2+4").revisions == ("r6",)
    assert bench.downgrade().revisions == ("r6",)
    assert bench.downgrade("-2").revisions == ("r5", "r4")
    assert bench.downgrade("r5-4").revisions == ("r3", "r2")
    assert bench.counts == [10, 20, 50]
    assert bench.heads == {"r1"}
    assert bench.upgrade("head").revisions == ("r2", "r3", "r4", "r5", "r6")
    assert bench.counts == [1111, 1121, 1151]


@on_sqlite
def test_an_abbreviated_revision_is_found(bench: Bench) -> None:
    bench.revision("abcdef123456", CREATE)
    bench.revision("fedcba654321", ADD.format(by=1), down="abcdef123456")
    assert bench.upgrade("fedc").revisions == ("abcdef123456", "fedcba654321")
    assert bench.counts == [11, 21, 51]


def test_branches_with_data_and_their_merge(bench: Bench) -> None:
    bench.revision("r1", CREATE)
    bench.revision("left", ADD.format(by=1), down="r1", labels="lefty")
    bench.revision("left2", COLUMN.format(name="a"), down="left")
    bench.revision("right", COLUMN.format(name="b"), down="r1", labels="righty")
    bench.revision("right2", ADD.format(by=100), down="right")

    bench.upgrade("lefty@head")
    assert (bench.heads, bench.counts) == ({"left2"}, [11, 21, 51])
    bench.upgrade("heads")
    assert (bench.heads, bench.counts) == ({"left2", "right2"}, [111, 121, 151])
    bench.revision(
        "both", "def upgrade(): pass\ndef downgrade(): pass", down=("left2", "right2")
    )
    bench.revision("after", ADD.format(by=1000), down="both")
    bench.upgrade()
    assert (bench.heads, bench.counts) == ({"after"}, [1111, 1121, 1151])

    bench.downgrade("righty@r1")
    assert (bench.heads, bench.counts) == ({"left2"}, [11, 21, 51])
    bench.upgrade("heads")
    assert (bench.heads, bench.counts) == ({"after"}, [1111, 1121, 1151])
    bench.downgrade("base")
    assert "counters" not in bench.database.tables()


def test_all_heads_at_once_from_nothing(bench: Bench) -> None:
    bench.revision("r1", CREATE)
    bench.revision("left", ADD.format(by=1), down="r1")
    bench.revision("right", ADD.format(by=100), down="r1")
    report = bench.upgrade("heads")
    assert sorted(report.revisions) == ["left", "r1", "right"]
    assert (bench.heads, bench.counts) == ({"left", "right"}, [111, 121, 151])


def test_a_data_migration_waits_for_what_it_depends_on(bench: Bench) -> None:
    bench.revision("r1", CREATE, labels="schema")
    bench.revision("r2", COLUMN.format(name="a"), down="r1")
    bench.revision("d1", ADD.format(by=1), labels="data", depends="r2")
    bench.revision("d2", ADD.format(by=100), down="d1")

    report = bench.upgrade("data@head")

    assert report.revisions == ("r1", "r2", "d1", "d2")
    assert (bench.heads, bench.counts) == ({"d2"}, [111, 121, 151])
    bench.downgrade("data@base")
    assert (bench.heads, bench.counts) == ({"r2"}, [10, 20, 50])
    bench.upgrade("heads")
    assert bench.counts == [111, 121, 151]


@pytest.fixture
def helpers(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give migrations a module beside the project, that makes and runs a backfill."""
    (bench.project.path / "helpers.py").write_text(
        "import sqlalchemy as sa\n"
        "from alembic import op\n"
        "from flask_datamigrate import Backfill, frozen\n"
        f"{COUNTERS}\n"
        "def add():\n"
        "    statement = sa.update(counters).values(n=counters.c.n + 1)\n"
        "    op.backfill(Backfill(statement, name='helped'))\n"
    )
    monkeypatch.syspath_prepend(str(bench.project.path))
    monkeypatch.delitem(sys.modules, "helpers", raising=False)


HIDDEN = """
from helpers import add

def upgrade():
    add()

def downgrade():
    pass
"""


def test_a_backfill_found_only_when_it_is_called(bench: Bench, helpers: None) -> None:
    bench.chain(CREATE, COLUMN.format(name="a"), HIDDEN, COLUMN.format(name="b"))
    report = bench.upgrade()
    assert report.revisions == ("r1", "r2", "r3", "r4")
    assert bench.counts == [11, 21, 51]
    assert bench.upgrade().backfills == ()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_the_same_with_a_transaction_for_each_migration(
    bench: Bench, helpers: None
) -> None:
    bench.chain(CREATE, COLUMN.format(name="a"), HIDDEN, COLUMN.format(name="b"))
    env = bench.project.migrations / "env.py"
    env.write_text(
        env.read_text().replace(
            "connection=connection,",
            "connection=connection, transaction_per_migration=True,",
        )
    )
    assert bench.upgrade().revisions == ("r1", "r2", "r3", "r4")
    assert bench.counts == [11, 21, 51]


INLINE = (
    COUNTERS
    + """
def upgrade():
    op.backfill(Backfill(
        sa.update(counters).values(n=counters.c.n + 1), {name}
    ))

def downgrade():
    pass
"""
)


def test_a_backfill_made_inside_upgrade_needs_a_name(bench: Bench) -> None:
    bench.chain(CREATE, INLINE.format(name="name='inline'"))
    assert [b.name for b in bench.upgrade().backfills] == ["inline"]
    assert bench.counts == [11, 21, 51]


@on_sqlite
def test_without_a_name_it_is_refused(bench: Bench) -> None:
    bench.chain(CREATE, INLINE.format(name=""))
    ran = bench.flask("db", "upgrade")
    assert ran.exit_code == 1
    assert "revision r2" in ran.output
    assert "give it name=" in ran.output
    assert (bench.heads, bench.counts) == ({"r1"}, [10, 20, 50])


TWO = (
    COUNTERS
    + """
ones = Backfill(sa.update(counters).values(n=counters.c.n + 1), undo=True)
tens = Backfill(sa.update(counters).values(n=counters.c.n * 10), undo=True)

def upgrade():
    op.backfill(ones)
    op.backfill(tens)

def downgrade():
    op.undo_backfill(tens)
    op.undo_backfill(ones)
"""
)


def test_a_revision_may_hold_several_backfills(bench: Bench) -> None:
    bench.chain(CREATE, TWO)
    assert [b.name for b in bench.upgrade().backfills] == ["r2", "r2.tens"]
    assert bench.counts == [110, 210, 510]
    bench.downgrade()
    assert bench.counts == [10, 20, 50]


CONDITIONAL = (
    COUNTERS
    + """
backfill = Backfill(sa.update(counters).values(n=counters.c.n + 1))

def upgrade():
    if op.has_column("counters", "{column}"):
        op.backfill(backfill)

def downgrade():
    pass
"""
)


def test_a_backfill_under_a_condition(bench: Bench) -> None:
    bench.chain(CREATE, CONDITIONAL.format(column="n"), CONDITIONAL.format(column="m"))
    report = bench.upgrade()
    assert [b.name for b in report.backfills] == ["r2"]
    assert (bench.heads, bench.counts) == ({"r3"}, [11, 21, 51])


def test_applied_again_after_a_downgrade_it_runs_again(bench: Bench) -> None:
    bench.chain(CREATE, ADD_FOR_GOOD.format(by=1, options=""))
    bench.upgrade()
    bench.downgrade()
    assert bench.counts == [11, 21, 51]
    bench.upgrade()
    assert bench.counts == [12, 22, 52]
    bench.downgrade("base")
    bench.upgrade()
    assert bench.counts == [11, 21, 51]


def test_undone_and_applied_again(bench: Bench) -> None:
    bench.chain(CREATE, ADD.format(by=1))
    for _ in range(2):
        bench.upgrade()
        assert bench.counts == [11, 21, 51]
        bench.downgrade()
        assert bench.counts == [10, 20, 50]


def test_a_statement_below_the_backfill_runs_after_it(bench: Bench) -> None:
    body = ADD_FOR_GOOD.format(by=1, options="").replace(
        "op.backfill(backfill)",
        "op.backfill(backfill)\n    op.execute('UPDATE counters SET n = n * 2')",
    )
    bench.chain(CREATE, body)
    bench.upgrade()
    assert bench.counts == [22, 42, 102]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_database_in_memory(bench: Bench) -> None:
    from flask_datamigrate import downgrade
    from flask_datamigrate import upgrade

    bench.chain(*CHAIN)
    app = bench.make_app(SQLALCHEMY_DATABASE_URI="sqlite://")
    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine
        assert upgrade().revisions == ("r1", "r2", "r3", "r4", "r5", "r6")
        with engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT n FROM counters ORDER BY id")
            assert [n for (n,) in rows] == [1111, 1121, 1151]
        downgrade(revision="r1")
        with engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT n FROM counters ORDER BY id")
            assert [n for (n,) in rows] == [10, 20, 50]
