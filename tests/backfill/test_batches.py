"""Batch after batch in key order, each committed with the position it reached."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate.backfill import signals
from flask_datamigrate.backfill.reporting import Pause
from tests.backfill.engine import REVISION
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database


def counters(database: Database, count: int = 40) -> sa.Table:
    table = frozen.table(
        "counters",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
    )
    create(database, table)
    fill(database, table, [{"id": i * 10, "n": 0} for i in range(1, count + 1)])
    return table


def plus_one(table: sa.Table, **options: t.Any) -> Backfill:
    return Backfill(sa.update(table).values(n=table.c.n + 1), **options)


def in_python(table: sa.Table, **options: t.Any) -> Backfill:
    return Backfill.rows(
        table, lambda row: {"n": row.n + 1}, reads=["n"], writes=["n"], **options
    )


FORMS = pytest.mark.parametrize("form", [plus_one, in_python])
Form = t.Callable[..., Backfill]


@FORMS
def test_each_batch_is_committed_together_with_its_cursor(
    database: Database, form: Form
) -> None:
    table = counters(database)
    engine = Engine(database, config={"max_batch_size": 7})
    seen = []

    def look(progress: t.Any) -> None:
        span = engine.span()
        assert span.position is not None
        changed = database.rows("SELECT id FROM counters WHERE n = 1 ORDER BY id")
        assert [row[0] for row in changed] == [
            i * 10 for i in range(1, span.changed + 1)
        ]
        assert changed[-1][0] == span.position[0]
        assert progress.changed == span.changed
        seen.append(len(changed))

    with at_each_batch(look):
        engine.run(form(table, batch_size=7))

    assert seen == [7, 14, 21, 28, 35, 40]


@FORMS
def test_a_failed_run_goes_on_with_the_row_it_failed_at(
    database: Database, form: Form
) -> None:
    table = counters(database)
    engine = Engine(database, config={"max_batch_size": 8})
    guard = {
        "postgresql": "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$"
        "BEGIN IF NEW.id = 210 THEN RAISE EXCEPTION 'no' USING ERRCODE = '23514';"
        "END IF; RETURN NEW; END $$; "
        "CREATE TRIGGER no BEFORE UPDATE ON counters "
        "FOR EACH ROW EXECUTE FUNCTION no()",
        "mysql": "CREATE TRIGGER no BEFORE UPDATE ON counters FOR EACH ROW "
        "IF NEW.id = 210 THEN SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 4025, "
        "MESSAGE_TEXT = 'no'; END IF",
        "sqlite": "CREATE TRIGGER no BEFORE UPDATE ON counters WHEN NEW.id = 210 "
        "BEGIN SELECT RAISE(ABORT, 'no constraint failed'); END",
    }
    database.execute(guard[database.name])

    with pytest.raises(errors.DataMigrateError, match="row id=210: .*no"):
        engine.run(form(table, batch_size=8))

    assert database.scalar("SELECT count(*) FROM counters WHERE n = 1") == 20
    assert engine.record().state.value == "failed"

    drop = " ON counters" if database.name == "postgresql" else ""
    database.execute(f"DROP TRIGGER no{drop}")
    report = engine.run(form(table, batch_size=8))
    assert set(contents(database, table, "n")) == {(1,)}
    assert (report.changed, report.state) == (40, "finished")


def test_a_run_that_is_stopped_saves_and_goes_on(database: Database) -> None:
    table = counters(database)
    engine = Engine(database, config={"max_batch_size": 5})
    paused: list[str] = []

    def note(sender: str, pause: Pause) -> None:
        paused.append(f"{sender}: {pause.reason}")

    with at_each_batch(lambda progress: engine.stop.set()):
        with signals.backfill_paused.connected_to(note):
            with pytest.raises(errors.InterruptedRun) as caught:
                engine.run(plus_one(table, batch_size=5))

    assert caught.value.exit_code == 130
    assert "everything is saved" in str(caught.value)
    assert engine.record().state.value == "paused"
    assert engine.span().owner is None
    assert paused == ["1f2e3d4c: stopped after 1 batch, everything is saved"]
    assert database.scalar("SELECT sum(n) FROM counters") == 5

    engine.stop.clear()
    assert engine.run(plus_one(table, batch_size=5)).changed == 40
    assert set(contents(database, table, "n")) == {(1,)}


def test_rows_that_come_behind_the_last_key_are_swept_up(database: Database) -> None:
    """The bound is frozen at the start; a sweep takes what came meanwhile."""
    table = counters(database, 10)
    keys = iter([1000, 1010, 2000])

    def insert(progress: t.Any) -> None:
        for key in keys:
            fill(database, table, [{"id": key, "n": 0}])
            break

    engine = Engine(database, config={"max_batch_size": 5})
    with at_each_batch(insert):
        report = engine.run(plus_one(table, batch_size=5))

    assert set(contents(database, table, "n")) == {(1,)}
    assert report.changed == 13
    assert engine.record().sweep > 1


def test_rows_that_come_behind_the_cursor_are_found_when_it_can_be_repeated(
    database: Database,
) -> None:
    table = counters(database, 20)
    database.execute("UPDATE counters SET n = NULL")
    keys = iter([1, 2, 15])

    def insert(progress: t.Any) -> None:
        for key in keys:
            fill(database, table, [{"id": key, "n": None}])
            break

    with at_each_batch(insert):
        report = Engine(database, config={"max_batch_size": 5}).run(
            Backfill(
                sa.update(table).where(table.c.n.is_(None)).values(n=table.c.id),
                batch_size=5,
            )
        )

    assert database.scalar("SELECT count(*) FROM counters WHERE n = id") == 23
    assert (report.left, report.changed) == (0, 23)


def test_rows_behind_the_cursor_are_found_and_no_other_row_changed_twice(
    database: Database,
) -> None:
    table = counters(database, 20)
    inserted: list[int] = []

    def insert(progress: t.Any) -> None:
        if not inserted:
            inserted.append(1)
            fill(database, table, [{"id": 1, "n": 0}])

    with at_each_batch(insert):
        report = Engine(database, config={"max_batch_size": 5}).run(
            Backfill(
                sa.update(table).where(table.c.n < 1).values(n=table.c.n + 1),
                batch_size=5,
            )
        )

    assert (report.left, report.changed) == (0, 21)
    assert set(contents(database, table, "n")) == {(1,)}


def test_inserts_that_never_end_do_not_keep_a_run_for_ever(database: Database) -> None:
    table = counters(database, 10)
    keys = iter(range(1000, 100_000))

    def insert(progress: t.Any) -> None:
        fill(database, table, [{"id": next(keys), "n": 0}])

    with at_each_batch(insert):
        report = Engine(database).run(plus_one(table, batch_size=10))

    assert report.state == "finished"
    assert 10 < report.changed < 100
    assert database.scalar("SELECT max(n) FROM counters") == 1


def test_rows_deleted_meanwhile_do_no_harm(database: Database) -> None:
    table = counters(database, 20)

    def delete(progress: t.Any) -> None:
        database.execute("DELETE FROM counters WHERE id IN (60, 70, 200)")

    with at_each_batch(delete):
        report = Engine(database, config={"max_batch_size": 5}).run(
            plus_one(table, batch_size=5)
        )

    assert report.changed == 17
    assert set(contents(database, table, "n")) == {(1,)}


def test_no_batch_is_larger_than_allowed(database: Database) -> None:
    table = counters(database, 100)
    sizes = []

    with at_each_batch(lambda progress: sizes.append(progress.changed)):
        Engine(database, config={"max_batch_size": 9}).run(
            plus_one(table, batch_size=50)
        )

    steps = [b - a for a, b in zip([0, *sizes], sizes, strict=False)]
    assert max(steps) == 9


def test_a_throttle_makes_the_runner_wait_and_say_why(database: Database) -> None:
    table = counters(database, 10)
    waits = iter([(0.01, "the replica is behind"), None])
    engine = Engine(database)

    engine.run(plus_one(table, throttle=lambda: next(waits, None)))

    assert any("the replica is behind" in line for line in engine.notes.lines)
    assert set(contents(database, table, "n")) == {(1,)}


def test_a_wait_before_each_batch_is_told_when_it_begins_and_ends(
    database: Database,
) -> None:
    table = counters(database, 50)
    engine = Engine(database, config={"max_batch_size": 10})
    waits = iter([(0.01, "lag"), (0.02, "lag"), (0.01, "load"), None, None])

    engine.run(plus_one(table, throttle=lambda: next(waits)))

    told = [line for line in engine.notes.lines if REVISION in line]
    assert told == [
        f"{REVISION}: waiting 0.01 s, lag",
        f"{REVISION}: waiting 0.01 s, load",
        f"{REVISION}: going on",
    ]
    assert set(contents(database, table, "n")) == {(1,)}


def test_a_throttle_that_fails_is_an_error_like_any_other(database: Database) -> None:
    table = counters(database, 10)
    engine = Engine(database)

    with pytest.raises(errors.BackfillError, match="throttle.*ZeroDivisionError"):
        engine.run(plus_one(table, throttle=lambda: 1 / 0))  # type: ignore[arg-type]

    assert engine.record().state.value == "failed"
    assert set(contents(database, table, "n")) == {(0,)}


@pytest.mark.parametrize("throttle", [0.02, [0.02], "often"])
def test_what_is_no_throttle_is_an_error_at_once(throttle: t.Any) -> None:
    table = frozen.table("t", sa.Column("id", sa.Integer, primary_key=True))
    with pytest.raises(errors.DefinitionError, match="but must be a function, or a"):
        Backfill(sa.delete(table), throttle=throttle)


def test_a_throttle_that_returns_a_number_is_told_what_to_return(
    database: Database,
) -> None:
    table = counters(database, 10)
    engine = Engine(database)

    with pytest.raises(errors.BackfillError, match="returned 0.1, not None or"):
        engine.run(plus_one(table, throttle=lambda: 0.1))  # type: ignore[arg-type]

    assert engine.record().state.value == "failed"


def test_a_value_that_no_database_is_asked_about_is_one_error(
    database: Database,
) -> None:
    """SQLAlchemy's JSON refuses it on every database, before the driver has it."""
    plain = counters(database, 10)
    table = frozen.table(
        plain.name,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
    )
    engine = Engine(database)
    value = sa.bindparam("value", object(), type_=sa.JSON())
    backfill = Backfill(
        sa.update(table)
        .values(n=sa.case((sa.literal(1) == 1, 1)))
        .where(sa.cast(value, sa.Text) != ""),
        verify=False,
    )

    with pytest.raises(errors.BackfillError, match="does not fit its column"):
        engine.run(backfill)

    assert engine.record().state.value == "failed"


def test_a_batch_reads_and_writes_by_the_key_and_never_counts_the_table(
    database: Database,
) -> None:
    """Work per batch must not grow with the table."""
    table = counters(database, 60)
    own = database.engine(poolclass=sa.NullPool)
    statements: list[str] = []

    @event.listens_for(own, "before_cursor_execute")
    def note(*arguments: t.Any) -> None:
        statements.append(arguments[2])

    starts: list[int] = []
    with at_each_batch(lambda progress: starts.append(len(statements))):
        Engine(database, sa_engine=own, config={"max_batch_size": 10}).run(
            plus_one(table, batch_size=10)
        )

    later = statements[starts[2] : starts[3]]
    assert not any("count(" in statement.lower() for statement in later)
    assert len([s for s in later if not s.startswith("BEGIN")]) == 3


def test_the_signals_tell_of_start_batches_and_end(database: Database) -> None:
    table = counters(database, 12)
    told: list[t.Any] = []

    def started(sender: str, task: t.Any) -> None:
        told.append(("started", sender))

    def finished(sender: str, report: t.Any) -> None:
        told.append(("finished", sender, report.changed))

    with signals.backfill_started.connected_to(started):
        with signals.backfill_finished.connected_to(finished):
            with at_each_batch(lambda p: told.append((p.changed, p.fraction))):
                Engine(database, config={"max_batch_size": 6}).run(
                    plus_one(table, batch_size=6)
                )

    assert told[0] == ("started", "1f2e3d4c")
    assert told[1][0] == 6
    assert told[1][1] == pytest.approx(0.5, abs=0.1)
    assert told[2:] == [(12, 1.0), ("finished", "1f2e3d4c", 12)]


@pytest.mark.parametrize(
    ("database", "driver"),
    [
        ("postgresql", "psycopg"),
        ("postgresql", "psycopg2"),
        ("mysql", None),
        ("sqlite", None),
    ],
    indirect=["database"],
)
def test_the_rows_of_an_insert_are_counted_through_every_driver(
    database: Database, driver: str | None
) -> None:
    table = counters(database)
    copy = frozen.table("copies", sa.Column("n", sa.Integer, primary_key=True))
    create(database, copy)
    query = sa.insert(copy).from_select(["n"], sa.select(table.c.id))

    report = Engine(database, driver).run(Backfill(query, over=table, batch_size=9))

    assert report.changed == 40
