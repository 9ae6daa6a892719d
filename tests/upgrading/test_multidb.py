"""Flask-Migrate's multi-database template, unchanged, with data migrations."""

from __future__ import annotations

import json
import pathlib
import typing as t

import flask_migrate
import pytest
import sqlalchemy as sa

import flask_datamigrate
from flask_datamigrate.errors import BackfillError
from flask_datamigrate.errors import DataMigrateError
from tests.apps import Project
from tests.databases.database import Database
from tests.upgrading.conftest import COUNTERS
from tests.upgrading.conftest import Bench

DISPATCH = """
def upgrade(engine_name):
    globals()["upgrade_" + engine_name]()

def downgrade(engine_name):
    globals()["downgrade_" + engine_name]()
"""

CREATE_BOTH = (
    DISPATCH
    + """
def upgrade_():
    op.create_table(
        "counters",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer, nullable=False),
    )
    op.execute("INSERT INTO counters VALUES (1, 10), (2, 20), (5, 50)")

def downgrade_():
    op.drop_table("counters")

upgrade_other = upgrade_
downgrade_other = downgrade_
"""
)

ADD_TO = (
    DISPATCH
    + COUNTERS
    + """
backfill = Backfill(sa.update(counters).values(n=counters.c.n + {by}), undo=True)

def add():
    op.backfill(backfill)

def take():
    op.undo_backfill(backfill)

def nothing():
    pass

upgrade_, downgrade_ = {first}
upgrade_other, downgrade_other = {second}
"""
)

BOTH = "(add, take)"
NEITHER = "(nothing, nothing)"


@pytest.fixture
def multi(
    tmp_path: pathlib.Path, database: Database, second_database: Database
) -> t.Iterator[Bench]:
    project = Project(tmp_path, database.url, binds={"other": second_database.url})
    bench = Bench(project, database)
    yield bench
    bench.close()


def counts(database: Database) -> list[int]:
    return [n for (n,) in database.rows("SELECT n FROM counters ORDER BY id")]


def version(database: Database) -> str:
    return str(database.scalar("SELECT version_num FROM alembic_version"))


def test_backfills_in_one_or_both_databases(
    multi: Bench, database: Database, second_database: Database
) -> None:
    multi.chain(
        CREATE_BOTH,
        ADD_TO.format(by=1, first=BOTH, second=BOTH),
        ADD_TO.format(by=100, first=NEITHER, second=BOTH),
        ADD_TO.format(by=1000, first=BOTH, second=NEITHER),
    )

    report = multi.upgrade()

    assert report.revisions == ("r1", "r2", "r3", "r4")
    assert [b.name for b in report.backfills] == ["r2", "r2", "r3", "r4"]
    assert counts(database) == [1011, 1021, 1051]
    assert counts(second_database) == [111, 121, 151]
    assert version(database) == version(second_database) == "r4"
    found = json.loads(multi.flask("db", "data", "status", "--json").stdout)
    assert sorted((e["name"], e["bind"] or "") for e in found) == [
        ("r2", ""),
        ("r2", "other"),
        ("r3", "other"),
        ("r4", ""),
    ]
    assert multi.upgrade().revisions == ()

    multi.downgrade("r1")

    assert counts(database) == counts(second_database) == [10, 20, 50]
    assert version(database) == version(second_database) == "r1"


def test_one_database_that_fails_keeps_the_other_at_its_last_commit(
    multi: Bench, database: Database, second_database: Database
) -> None:
    multi.chain(CREATE_BOTH, ADD_TO.format(by=1, first=BOTH, second=BOTH))
    multi.upgrade("r1")
    second_database.execute("ALTER TABLE counters RENAME TO away")
    with pytest.raises(flask_datamigrate.errors.DataMigrateError, match="counters"):
        multi.upgrade()
    assert counts(database) == [11, 21, 51]
    assert version(database) == version(second_database) == "r1"
    second_database.execute("ALTER TABLE away RENAME TO counters")
    multi.upgrade()
    assert counts(database) == counts(second_database) == [11, 21, 51]
    assert version(database) == version(second_database) == "r2"


def test_databases_at_different_revisions_are_brought_together(
    multi: Bench, database: Database, second_database: Database
) -> None:
    multi.chain(CREATE_BOTH, ADD_TO.format(by=1, first=BOTH, second=BOTH))
    multi.upgrade()
    second_database.execute("UPDATE alembic_version SET version_num = 'r1'")
    second_database.execute("UPDATE counters SET n = n - 1")
    second_database.execute("DROP TABLE datamigrate_backfills")
    second_database.execute("DROP TABLE datamigrate_ranges")
    second_database.execute("DROP TABLE datamigrate_orders")
    for name in second_database.tables():
        if name.startswith("datamigrate_undo"):
            second_database.execute(f"DROP TABLE {name}")
    multi.upgrade()
    assert counts(database) == counts(second_database) == [11, 21, 51]


def test_plain_alembic_is_refused_with_the_command_that_works(
    multi: Bench,
    database: Database,
    second_database: Database,
    capfd: pytest.CaptureFixture[str],
) -> None:
    multi.chain(CREATE_BOTH, ADD_TO.format(by=1, first=BOTH, second=NEITHER))
    multi.upgrade("r1")
    with multi.app.app_context(), pytest.raises(SystemExit) as caught:
        flask_migrate.upgrade()
    assert caught.value.code == 1
    assert "Run it with: flask db upgrade" in capfd.readouterr().err
    multi.upgrade()
    assert counts(database) == [11, 21, 51]


def test_the_workflow_of_flask_migrate(
    multi: Bench, database: Database, second_database: Database
) -> None:
    db = multi.app.extensions["sqlalchemy"]
    db.Table("ours", db.Column("id", db.Integer, primary_key=True))
    db.Table("theirs", db.Column("id", db.Integer, primary_key=True), bind_key="other")
    for command in (["migrate", "-m", "all"], ["upgrade"], ["check"], ["current"]):
        ran = multi.flask("db", *command)
        assert ran.exit_code == 0, ran.output
    assert "ours" in database.tables()
    assert "theirs" in second_database.tables()
    before = len(list((multi.project.migrations / "versions").glob("*.py")))
    assert multi.flask("db", "migrate").exit_code == 0
    after = len(list((multi.project.migrations / "versions").glob("*.py")))
    assert (before, after) == (1, 1)
    assert multi.flask("db", "downgrade").exit_code == 0
    assert "ours" not in database.tables()
    assert "theirs" not in second_database.tables()


def test_a_failing_row_names_its_database_and_goes_on(
    multi: Bench, database: Database, second_database: Database
) -> None:
    rows = (
        DISPATCH
        + COUNTERS
        + """
def plus(row):
    if row["n"] == 51:
        raise ValueError("no")
    return {"n": row["n"] + 1}

backfill = Backfill.rows(counters, plus, reads=["n"], writes=["n"])

def upgrade_():
    op.backfill(backfill)

upgrade_other = upgrade_
"""
    )
    multi.chain(CREATE_BOTH, rows)
    multi.upgrade("r1")
    second_database.execute("UPDATE counters SET n = 51 WHERE id = 5")
    with pytest.raises(BackfillError, match="id=5"):
        multi.upgrade()
    second_database.execute("UPDATE counters SET n = 50 WHERE id = 5")
    multi.upgrade()
    assert counts(database) == counts(second_database) == [11, 21, 51]


def test_a_preview_names_the_database(multi: Bench, second_database: Database) -> None:
    multi.chain(CREATE_BOTH, ADD_TO.format(by=1, first=NEITHER, second=BOTH))
    multi.upgrade("r1")
    second_database.execute("DELETE FROM counters WHERE id > 1")

    ran = multi.flask("db", "data", "preview", "r2", "--json")

    assert ran.exit_code == 0, ran.output
    found = {one["bind"]: one["rows"] for one in json.loads(ran.stdout)}
    assert found == {None: 3, "other": 1}
    shown = multi.flask("db", "data", "preview", "r2").stdout
    assert "r2 (counters, other): update, 1 row" in shown


FAILS = (
    DISPATCH
    + """
def upgrade_():
    pass

def upgrade_other():
    op.execute("SELECT no_such_column FROM counters")

downgrade_ = downgrade_other = upgrade_
"""
)


def test_an_error_says_what_each_database_keeps(
    multi: Bench, database: Database, second_database: Database
) -> None:
    multi.chain(CREATE_BOTH, ADD_TO.format(by=1, first=BOTH, second=BOTH), FAILS)
    with pytest.raises(DataMigrateError) as caught:
        multi.upgrade()
    kept = {"r2": "r1, r2", "r3": "r1, r2, r3"}
    first, second = (
        f"{kept[version(one)]} on {sa.make_url(one.url).database}"
        for one in (database, second_database)
    )
    said = str(caught.value)
    assert f"Applied before it, and kept: {first}; {second}." in said
    assert version(second_database) == "r2"
