"""Several workers with all that a backfill can be told besides."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import sqlalchemy as sa

import flask_datamigrate
from flask_datamigrate import Backfill
from flask_datamigrate import errors
from tests.apps import Project
from tests.backfill.engine import Engine
from tests.backfill.engine import contents
from tests.backfill.test_workers import ROWS
from tests.backfill.test_workers import SERVERS
from tests.backfill.test_workers import counters
from tests.backfill.test_workers import gate
from tests.databases.database import Database

DRIVERS = pytest.mark.parametrize(
    ("database", "driver"),
    [("postgresql", "psycopg2"), ("postgresql", "psycopg"), ("mysql", "pymysql")],
    indirect=["database"],
)


def in_python(table: sa.Table, **options: t.Any) -> Backfill:
    """Return a backfill that a second visit of a row would tell on."""

    def transform(row: t.Any) -> dict[str, t.Any]:
        if row.id % 100 == 33 and row.n != 7:
            raise ValueError("no number for this one")
        return {"n": row.n + 1}

    options = {"batch_size": 20, "on_row_error": "skip", **options}
    return Backfill.rows(table, transform, reads=["n"], writes=["n"], **options)


@DRIVERS
def test_workers_leave_out_refused_rows_and_change_the_others_once(
    database: Database, driver: str
) -> None:
    table = counters(database)
    database.execute("CREATE INDEX ix_n ON counters (n)")
    engine = Engine(database, driver=driver, config={"max_batch_size": 20})
    gated = gate(engine, 3)
    backfill = in_python(table, set_aside=["ix_n"], undo=True, throttle=gated)

    with pytest.raises(errors.PausedRun, match="4 rows were refused and left out"):
        engine.run(backfill, workers=3)

    refused = [33, 133, 233, 333]
    after = [(i, int(i not in refused)) for i in range(1, ROWS + 1)]
    assert contents(database, table, "id", "n") == after
    assert len(engine.ranges()) >= 3
    assert index_names(database) == ["ix_n"]
    (key,) = table.primary_key
    database.execute(sa.update(table).where(key.in_(refused)).values(n=7))

    report = engine.run(backfill, workers=3)

    after = [(i, 8 if i in refused else 1) for i in range(1, ROWS + 1)]
    assert contents(database, table, "id", "n") == after
    assert (report.changed, report.refused, report.skipped) == (ROWS, 0, 0)
    assert index_names(database) == ["ix_n"]
    before = [(i, 7 if i in refused else 0) for i in range(1, ROWS + 1)]
    assert engine.undo(backfill).changed == ROWS
    assert contents(database, table, "id", "n") == before


SCHEMA = """
def upgrade():
    op.create_table(
        "counters",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
    )

def downgrade():
    op.drop_table("counters")
"""

DATA = """
import threading

meeting = threading.Barrier(3)
seen = threading.local()
counters = frozen.table(
    "counters",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("n", sa.Integer),
)

def plus_one(row):
    # Nobody gets beyond a first row before three threads have one.
    if not hasattr(seen, "others"):
        seen.others = meeting.wait(60)
    return {"n": row.n + 1}

backfill = Backfill.rows(
    counters, plus_one, reads=["n"], writes=["n"], batch_size=10, undo=True, workers=3
)

def upgrade():
    op.backfill(backfill)

def downgrade():
    op.undo_backfill(backfill)
"""


@pytest.fixture
def project(tmp_path: pathlib.Path, database: Database) -> Project:
    """Return a project whose r2, yet to come, adds one to each row in three threads."""
    made = Project(tmp_path, database.url).init()
    made.config = {"DATAMIGRATE_MAX_BATCH_SIZE": 10}
    made.revision("r1", SCHEMA)
    made.flask("db", "upgrade")
    rows = [{"id": i, "n": 0} for i in range(1, ROWS + 1)]
    database.execute(sa.text("INSERT INTO counters (id, n) VALUES (:id, :n)"), rows)
    made.revision("r2", DATA, down="r1")
    return made


@SERVERS
@pytest.mark.parametrize("way", ["command", "call"])
def test_an_upgrade_starts_the_workers_a_backfill_names(
    database: Database, project: Project, way: str
) -> None:
    def step(direction: str, target: str) -> None:
        if way == "command":
            project.flask("db", direction, target)
            return
        with project.app().app_context():
            getattr(flask_datamigrate, direction)(revision=target)

    step("upgrade", "r2")

    assert database.rows("SELECT DISTINCT n FROM counters") == [(1,)]
    ranges = "SELECT count(*) FROM datamigrate_ranges WHERE direction = 'forward'"
    assert database.scalar(ranges) >= 3
    step("downgrade", "r1")
    assert database.rows("SELECT DISTINCT n FROM counters") == [(0,)]


def index_names(database: Database) -> list[str | None]:
    found = sa.inspect(database.engine()).get_indexes("counters")
    return [index["name"] for index in found]
