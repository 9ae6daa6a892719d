"""A database that refuses in mid-run: by a trigger, and for want of disk."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from tests.backfill.engine import Engine
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.backfill.test_faults import FORMS
from tests.backfill.test_faults import ROWS
from tests.backfill.test_faults import SERVERS
from tests.backfill.test_faults import Form
from tests.backfill.test_faults import config
from tests.backfill.test_faults import counters
from tests.backfill.test_faults import plus_one
from tests.databases.database import Database

RAISING = {
    "postgresql": [
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.id = 35 THEN RAISE EXCEPTION 'not this one' {more}; END IF; "
        "RETURN NEW; END $$",
        "CREATE TRIGGER refuse BEFORE UPDATE ON counters FOR EACH ROW "
        "EXECUTE FUNCTION no()",
    ],
    "mysql": [
        "CREATE TRIGGER refuse BEFORE UPDATE ON counters FOR EACH ROW BEGIN "
        "IF NEW.id = 35 THEN SIGNAL SQLSTATE '45000' "
        "SET MESSAGE_TEXT = 'not this one'{more}; END IF; END"
    ],
    "sqlite": [
        "CREATE TRIGGER refuse BEFORE UPDATE ON counters WHEN NEW.id = 35 "
        "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
    ],
}


def refuse(database: Database, more: str = "") -> None:
    for sql in RAISING[database.name]:
        database.execute(sql.replace("{more}", more))


def allow(database: Database) -> None:
    on = " ON counters" if database.name == "postgresql" else ""
    database.execute(f"DROP TRIGGER refuse{on}")


@FORMS
def test_a_trigger_that_raises_names_its_row_and_the_run_goes_on(
    database: Database, form: Form
) -> None:
    table = counters(database)
    refuse(database)
    engine = Engine(database, config=config())

    with pytest.raises(errors.DatabaseError, match="not this one") as caught:
        engine.run(form(table))

    assert caught.value.where.endswith("row id=35")
    assert "committed (34 rows); this one was rolled back" in caught.value.state
    assert database.scalar("SELECT sum(n) FROM counters") == 34
    assert engine.record().state.value == "failed"
    allow(database)

    report = engine.run(form(table))

    assert set(contents(database, table, "n")) == {(1,)}
    assert (report.changed, report.state) == (ROWS, "finished")


FULL = {"postgresql": " USING ERRCODE = '53100'", "mysql": ", MYSQL_ERRNO = 1021"}


@SERVERS
def test_a_server_out_of_disk_is_one_error_and_the_run_goes_on(
    database: Database,
) -> None:
    """It is not narrowed down to a row, since no row is to blame."""
    table = counters(database)
    refuse(database, FULL[database.name])
    engine = Engine(database, config=config())

    with pytest.raises(errors.DatabaseError, match="is out of disk") as caught:
        engine.run(plus_one(table))

    assert caught.value.where.endswith("after id=30")
    assert "3 batches before it are committed (30 rows)" in caught.value.state
    assert caught.value.next == (
        "Free some space, and go on: run the same command again"
    )
    allow(database)
    assert engine.run(plus_one(table)).changed == ROWS
    assert set(contents(database, table, "n")) == {(1,)}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("way", ["run", "undo"])
def test_a_file_that_cannot_grow_is_one_error_and_nothing_is_lost(
    database: Database, way: str
) -> None:
    table = frozen.table(
        "counters",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
        sa.Column("text", sa.Text),
    )
    create(database, table)
    long = {"run": "", "undo": "x" * 2000}[way]
    fill(database, table, [{"id": i, "n": 0, "text": long} for i in range(ROWS)])
    other = {"run": "y" * 2000, "undo": ""}[way]
    statement = sa.update(table).values(n=table.c.n + 1, text=other)
    backfill = Backfill(statement, batch_size=10, undo=True)
    if way == "undo":
        Engine(database, config=config()).run(backfill)
        database.execute("VACUUM")
    pages = database.scalar("PRAGMA page_count")
    # A run makes the engine's own tables besides.
    most = pages + {"run": 30, "undo": 15}[way]
    full = Engine(database, config=config(), sa_engine=no_bigger(database, most))

    with pytest.raises(errors.DatabaseError, match="is out of disk") as caught:
        getattr(full, way)(backfill)

    assert "Free some space, and go on" in caught.value.next
    done = database.scalar(f"SELECT count(*) FROM counters WHERE n = {way == 'run'}")
    assert 0 < done < ROWS
    assert done % 10 == 0
    report = getattr(Engine(database, config=config()), way)(backfill)
    after = (1, other) if way == "run" else (0, long)
    assert set(contents(database, table, "n", "text")) == {after}
    assert (report.changed, report.conflicts) == (ROWS, 0)


def no_bigger(database: Database, pages: int) -> sa.Engine:
    """Return an engine for which the file cannot have more pages."""
    engine = database.engine(poolclass=sa.NullPool)

    @sa.event.listens_for(engine, "connect")
    def connected(raw: t.Any, record: t.Any) -> None:
        raw.execute(f"PRAGMA max_page_count = {pages}")

    return engine
