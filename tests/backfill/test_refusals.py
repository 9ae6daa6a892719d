"""``on_row_error="skip"``: rows that cannot be changed are left out and named."""

from __future__ import annotations

import time
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from tests.backfill.engine import REVISION
from tests.backfill.engine import Engine
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database

BAD = (7, 8, 30)


def _columns(table: sa.Table) -> list[sa.Column[t.Any]]:
    return [column._copy() for column in table.columns]


def people(database: Database) -> sa.Table:
    """Create thirty rows, of which three cannot be doubled."""
    table = frozen.table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("age", sa.Integer),
        sa.Column("done", sa.Integer),
    )
    sane = sa.CheckConstraint("age < 150", name="sane_age")
    create(database, sa.Table("people", sa.MetaData(), *_columns(table), sane))
    fill(
        database,
        table,
        [{"id": i, "age": 100 if i in BAD else i, "done": 0} for i in range(1, 31)],
    )
    return table


def doubled(table: sa.Table, **options: t.Any) -> Backfill:
    """Double ages, which the table refuses beyond 150."""
    options.setdefault("on_row_error", "skip")
    statement = sa.update(table).values(age=table.c.age * 2, done=table.c.done + 1)
    return Backfill(statement, batch_size=10, **options)


def doubled_in_python(table: sa.Table, **options: t.Any) -> Backfill:
    def double(row: t.Any) -> t.Any:
        if row["age"] >= 75:
            raise ValueError(f"{row['age']} is too old")
        return {"age": row["age"] * 2, "done": row["done"] + 1}

    return Backfill.rows(
        table,
        double,
        reads=["age", "done"],
        writes=["age", "done"],
        on_row_error="skip",
        batch_size=10,
        **options,
    )


def left_out(database: Database) -> dict[str, str]:
    rows = database.rows("SELECT position, error FROM datamigrate_refusals")
    return {position: error for position, error in rows}


@pytest.mark.parametrize("make", [doubled, doubled_in_python])
def test_every_other_row_is_changed_and_the_refused_are_named(
    database: Database, make: t.Callable[..., Backfill]
) -> None:
    table = people(database)
    engine = Engine(database)

    with pytest.raises(errors.PausedRun) as caught:
        engine.run(make(table, undo=True))

    assert caught.value.exit_code == 3
    assert "3 rows were refused and left out, the first id=7" in str(caught.value)
    assert "flask db data accept --refused" in str(caught.value)
    done = {i for i, _, done in contents(database, table) if done == 1}
    assert done == set(range(1, 31)) - set(BAD)
    assert set(left_out(database)) == {f"[{i}]" for i in BAD}
    record = engine.record()
    assert (record.state.value, record.error) == ("paused", None)


def test_a_mended_row_is_changed_by_the_next_run_and_only_once(
    database: Database,
) -> None:
    table = people(database)
    engine = Engine(database)
    with pytest.raises(errors.PausedRun):
        engine.run(doubled(table))
    database.execute("UPDATE people SET age = 50 WHERE id IN (7, 30)")
    database.execute("DELETE FROM people WHERE id = 8")

    report = engine.run(doubled(table))

    assert (report.state, report.changed, report.refused) == ("finished", 29, 0)
    assert set(contents(database, table, "done")) == {(1,)}
    assert left_out(database) == {}


def test_what_is_accepted_stays_as_it_is(database: Database) -> None:
    table = people(database)
    engine = Engine(database)
    backfill = Backfill(
        sa.update(table).where(table.c.done == 0).values(age=table.c.age * 2, done=1),
        on_row_error="skip",
    )
    with pytest.raises(errors.PausedRun):
        engine.run(backfill)
    with engine.runner() as runner:
        assert runner.accept_refused(REVISION) == 3
        assert runner.accept_refused(REVISION) == 0

    report = engine.run(backfill)

    assert (report.state, report.changed, report.skipped) == ("finished", 27, 0)
    assert report.refused == report.left == 3
    assert "3 refused and left out" in report.summary()
    assert contents(database, table)[6] == (7, 100, 0)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_key_of_two_columns_is_told_apart_and_tried_again(
    database: Database, workers: int
) -> None:
    table = frozen.table(
        "visits",
        sa.Column("place", sa.String(20), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
    )
    create(database, table)
    places = ("Oslo", "Paris", "Rome")
    rows = [{"place": p, "number": i, "n": i} for p in places for i in range(20)]
    fill(database, table, rows)
    database.execute("UPDATE visits SET n = -1 WHERE number = 11")

    def plus_one(row: t.Any) -> t.Any:
        if row["n"] < 0:
            raise ValueError("below zero")
        return {"n": row["n"] + 1}

    backfill = Backfill.rows(
        table,
        plus_one,
        reads=["n"],
        writes=["n"],
        on_row_error="skip",
        batch_size=7,
        workers=workers,
    )
    engine = Engine(database)
    with pytest.raises(errors.PausedRun, match="place='Oslo', number=11"):
        engine.run(backfill)
    assert len(left_out(database)) == 3

    database.execute("UPDATE visits SET n = 11 WHERE number = 11")
    report = engine.run(backfill)

    assert (report.changed, report.skipped, report.refused) == (60, 0, 0)
    assert contents(database, table, "n") == [
        (i + 1,) for _ in places for i in range(20)
    ]


def test_what_is_accepted_stays_so_when_rows_come_behind_the_cursor(
    database: Database,
) -> None:
    table = people(database)
    engine = Engine(database)
    backfill = Backfill(
        sa.update(table).where(table.c.done == 0).values(age=table.c.age * 2, done=1),
        on_row_error="skip",
    )
    with pytest.raises(errors.PausedRun):
        engine.run(backfill)
    with engine.runner() as runner:
        runner.accept_refused(REVISION)
    # Under a key that the walk has passed, as those of random keys are.
    fill(database, table, [{"id": -5, "age": 1, "done": 0}])

    report = engine.run(backfill)

    assert (report.state, report.changed, report.refused) == ("finished", 28, 3)
    assert contents(database, table)[0] == (-5, 2, 1)


def test_a_row_is_stopped_at_by_default(database: Database) -> None:
    table = people(database)
    engine = Engine(database)
    with pytest.raises(errors.DatabaseError, match="row id=7"):
        engine.run(doubled(table, on_row_error="stop"))
    assert engine.record().state.value == "failed"
    assert left_out(database) == {}


def test_too_many_refused_rows_are_a_wrong_definition(database: Database) -> None:
    table = people(database)
    engine = Engine(database, config={"max_refusals": 2})
    with pytest.raises(errors.BackfillError) as caught:
        engine.run(doubled(table))
    assert caught.value.exit_code == 1
    assert "more rows are refused than DATAMIGRATE_MAX_REFUSALS" in str(caught.value)
    assert "row id=30" in str(caught.value)
    assert engine.record().state.value == "failed"
    assert engine.span().changed == 27


def test_what_was_changed_beside_refused_rows_is_undone(database: Database) -> None:
    table = people(database)
    before = contents(database, table)
    engine = Engine(database)
    backfill = doubled(table, undo=True)
    with pytest.raises(errors.PausedRun):
        engine.run(backfill)

    engine.undo(backfill)

    assert contents(database, table) == before


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "options", [{"on_row_error": "ignore"}, {"on_row_error": "skip", "atomic": True}]
)
def test_what_cannot_be_meant_is_refused(
    database: Database, options: dict[str, t.Any]
) -> None:
    table = people(database)
    with pytest.raises(errors.DefinitionError, match="on_row_error"):
        Backfill(sa.update(table).values(age=1), **options)


def test_a_few_refused_rows_far_apart_do_not_make_the_rest_slow(
    database: Database,
) -> None:
    table = people(database)
    fill(database, table, [{"id": i, "age": 1, "done": 0} for i in range(31, 2001)])
    database.execute("UPDATE people SET age = 1 WHERE id <= 30")
    bad = (700, 1501)
    database.execute(f"UPDATE people SET age = 100 WHERE id IN {bad}")
    far = database.engine(poolclass=sa.NullPool)
    config = {"target_seconds": 0.01, "max_batch_size": 500}
    engine = Engine(database, config=config, sa_engine=far)

    @sa.event.listens_for(far, "before_cursor_execute")
    def executing(connection: t.Any, cursor: t.Any, statement: str, *_: t.Any) -> None:
        # A server so far away that no batch is as short as the target.
        if statement.startswith("UPDATE people"):
            time.sleep(0.02)

    statement = sa.update(table).values(age=table.c.age * 2, done=table.c.done + 1)
    with pytest.raises(errors.PausedRun):
        engine.run(Backfill(statement, batch_size=500, on_row_error="skip"))

    assert set(left_out(database)) == {f"[{i}]" for i in bad}
    assert database.rows("SELECT count(*) FROM people WHERE done = 1") == [(1998,)]
    assert engine.span().batches < 150
