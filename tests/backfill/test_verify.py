"""What must hold at the end, and what a report says."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database


def people(database: Database, count: int = 40) -> sa.Table:
    table = frozen.table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("full", sa.String(50)),
        sa.Column("first", sa.String(50)),
    )
    create(database, table)
    rows = [{"id": i, "full": f"n{i} x"} for i in range(1, count + 1)]
    fill(database, table, rows)
    return table


def first_names(table: sa.Table, **options: t.Any) -> Backfill:
    return Backfill(
        sa.update(table).where(table.c.first.is_(None)).values(first=table.c.full),
        **{"batch_size": 10, **options},
    )


def test_by_default_no_row_may_match_the_where_any_more(database: Database) -> None:
    table = people(database)

    report = Engine(database).run(first_names(table))

    assert (report.left, report.state) == (0, "finished")


def test_a_where_that_never_clears_is_told_with_the_first_batch(
    database: Database,
) -> None:
    table = people(database)
    database.execute(sa.update(table).where(table.c.id == 5).values(full=None))
    engine = Engine(database)

    with pytest.raises(errors.VerificationError, match="id=5") as caught:
        engine.run(first_names(table))

    assert "rolled back" in str(caught.value)
    assert set(contents(database, table, "first")) == {(None,)}
    assert engine.record().state.value == "failed"


def test_rows_that_still_match_at_the_end_fail_it_with_their_keys(
    database: Database,
) -> None:
    table = people(database)
    database.execute(sa.update(table).where(table.c.id == 35).values(full=None))
    engine = Engine(database, config={"max_batch_size": 10})

    with pytest.raises(errors.VerificationError, match="1 row still match.*id=35"):
        engine.run(first_names(table))

    assert engine.record().state.value == "failed"
    assert engine.record().rows_left == 1
    # The row is mended; the same command checks again.
    database.execute(sa.update(table).where(table.c.id == 35).values(first="x"))
    assert engine.run(first_names(table)).state == "finished"


def test_verify_false_asks_nothing(database: Database) -> None:
    table = people(database)
    database.execute(sa.update(table).where(table.c.id == 5).values(full=None))

    report = Engine(database).run(first_names(table, verify=False))

    assert (report.state, report.left) == ("finished", None)


@pytest.mark.parametrize("kind", ["select", "text"])
def test_a_statement_must_return_0(database: Database, kind: str) -> None:
    table = people(database)
    wrong = sa.select(sa.func.count()).select_from(table).where(table.c.id > 38)
    right = wrong.where(table.c.first.is_(None))
    if kind == "text":
        wrong, right = sa.text("SELECT 1 + 1"), sa.text("SELECT 0")  # type: ignore[assignment]
    engine = Engine(database)

    with pytest.raises(errors.VerificationError, match="returned 2, and must return 0"):
        engine.run(first_names(table, verify=wrong))

    assert engine.record().state.value == "failed"
    with pytest.raises(errors.VerificationError, match="returned None"):
        engine.run(first_names(table, verify=sa.select(sa.null())))
    assert engine.run(first_names(table, verify=right)).state == "finished"


def test_a_callable_says_what_is_wrong(database: Database) -> None:
    table = people(database)
    engine = Engine(database)

    def look(connection: sa.Connection) -> str | None:
        found = connection.execute(sa.select(sa.func.count()).select_from(table))
        return f"{found.scalar_one()} people are too many"

    with pytest.raises(errors.VerificationError, match="40 people are too many"):
        engine.run(first_names(table, verify=look))

    assert engine.run(first_names(table, verify=lambda c: None)).state == "finished"


def test_a_check_that_fails_itself_is_an_error_and_no_traceback(
    database: Database,
) -> None:
    table = people(database)
    engine = Engine(database)

    def broken(connection: sa.Connection) -> None:
        raise KeyError("nothing here")

    def ending(connection: sa.Connection) -> None:
        raise SystemExit(5)

    with pytest.raises(errors.VerificationError, match="KeyError.*nothing here"):
        engine.run(first_names(table, verify=broken))
    assert engine.record().state.value == "failed"

    with pytest.raises(errors.VerificationError, match="it raised SystemExit: 5"):
        engine.run(first_names(table, verify=ending))
    assert engine.record().state.value == "failed"

    def refused(connection: sa.Connection) -> t.Any:
        return connection.execute(sa.text("SELECT 1 FROM no_such_table")).scalar()

    def unread(connection: sa.Connection) -> t.Any:
        return connection.execute(sa.text("SELECT :missing")).scalar()

    for check in (refused, unread):
        with pytest.raises(errors.VerificationError, match="could not be made") as told:
            engine.run(first_names(table, verify=check))
        assert engine.record().state.value == "failed"
        assert (
            "Every row was visited and what was changed is committed. Mend verify=, and"
        ) in str(told.value)

    assert engine.run(first_names(table)).state == "finished"


@pytest.mark.parametrize("kind", ["select", "text"])
def test_a_statement_that_cannot_be_run_is_told_before_the_first_row(
    database: Database, kind: str
) -> None:
    table = people(database)
    engine = Engine(database)
    gone = sa.table("no_such_table", sa.column("n"))
    broken: t.Any = sa.select(sa.func.count()).where(gone.c.n > 3)
    if kind == "text":
        broken = sa.text("SELECT 1 FROM no_such_table WHERE n > :n").bindparams(n=3)

    with pytest.raises(errors.VerificationError, match="no_such_table") as caught:
        engine.run(first_names(table, verify=broken))

    assert "its check (verify=) could not be made: the database refused" in (
        str(caught.value)
    )
    assert "No row was changed. Mend verify=, and run" in str(caught.value)
    assert set(contents(database, table, "first")) == {(None,)}
    right = sa.select(sa.func.count()).select_from(table).where(table.c.id > 99)
    assert engine.run(first_names(table, verify=right)).state == "finished"


def test_rows_a_transform_leaves_do_not_count_as_left_over(database: Database) -> None:
    table = people(database)

    def half(row: t.Any) -> dict[str, t.Any] | None:
        return {"first": row.full} if row.id % 2 else None

    report = Engine(database).run(
        Backfill.rows(
            table,
            half,
            reads=["full"],
            writes=["first"],
            where=table.c.first.is_(None),
            batch_size=10,
        )
    )

    assert (report.changed, report.skipped, report.state) == (20, 20, "finished")
    assert "20 left as they were by the transform" in report.summary()


def test_a_report_shows_rows_before_and_after(database: Database) -> None:
    table = people(database)

    report = Engine(database).run(first_names(table))

    assert (report.rows_before, report.rows_before_exact) == (40, True)
    assert (report.changed, report.left, report.conflicts) == (40, 0, 0)
    assert report.summary().startswith(
        "1f2e3d4c (people): 40 rows changed of 40, 0 left"
    )
    (sample, *_) = report.sample
    assert sample.key == "id=1"
    assert (sample.before, sample.after) == ({"first": None}, {"first": "n1 x"})
    assert len(report.sample) == 3


def test_a_value_that_its_own_type_cannot_read_can_be_mended(
    database: Database,
) -> None:
    """The sample of the report shows it as it is stored."""
    people(database, 5)
    database.execute("UPDATE people SET first = 'opne'")
    states = sa.Enum("open", "closed", native_enum=False, length=50)
    table = frozen.table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("first", states),
    )
    misspelt = sa.cast(table.c.first, sa.String(50)) == "opne"
    mending = Backfill(sa.update(table).where(misspelt).values(first="open"))

    report = Engine(database).run(mending)

    assert (report.changed, report.state) == (5, "finished")
    assert (report.sample[0].before, report.sample[0].after) == (
        {"first": "opne"},
        {"first": "open"},
    )


def counted(table: sa.Table, **options: t.Any) -> Backfill:
    """One that would show a second visit of a row."""
    return Backfill(
        sa.update(table)
        .where(table.c.first.is_(None))
        .values(first=table.c.full, full=table.c.full + "!"),
        **{"batch_size": 10, **options},
    )


def counted_in_python(table: sa.Table, **options: t.Any) -> Backfill:
    return Backfill.rows(
        table,
        lambda row: {"first": row.full, "full": row.full and row.full + "!"},
        reads=["full"],
        writes=["first", "full"],
        where=table.c.first.is_(None),
        **{"batch_size": 10, **options},
    )


COUNTED = pytest.mark.parametrize("form", [counted, counted_in_python])
Form = t.Callable[..., Backfill]


@COUNTED
def test_a_row_that_came_in_behind_the_cursor_is_changed_and_no_other_twice(
    database: Database, form: Form
) -> None:
    table = people(database)
    engine = Engine(database, config={"max_batch_size": 10})

    def meanwhile(progress: t.Any) -> None:
        if progress.batches == 2:
            fill(database, table, [{"id": -1, "full": "late"}])

    with at_each_batch(meanwhile):
        report = engine.run(form(table))

    assert (report.state, report.left, report.changed) == ("finished", 0, 41)
    assert contents(database, table, "full") == [
        ("late!",),
        *((f"n{i} x!",) for i in range(1, 41)),
    ]


@COUNTED
def test_a_row_that_would_be_changed_again_rolls_its_batch_back(
    database: Database, form: Form
) -> None:
    """Also in a late batch: it could not be told from one that came in."""
    table = people(database)
    database.execute(sa.update(table).where(table.c.id == 35).values(full=None))
    engine = Engine(database, config={"max_batch_size": 10})

    for _ in range(2):
        with pytest.raises(errors.VerificationError, match="matches .* id=35") as found:
            engine.run(form(table))
        assert "(30 rows); this one was rolled back" in found.value.state
        assert contents(database, table, "full")[28:32] == [
            ("n29 x!",),
            ("n30 x!",),
            ("n31 x",),
            ("n32 x",),
        ]
    database.execute(sa.update(table).where(table.c.id == 35).values(full="n35 x"))

    assert engine.run(form(table)).changed == 40
    assert contents(database, table, "full") == [(f"n{i} x!",) for i in range(1, 41)]


@COUNTED
def test_a_row_that_comes_in_while_its_range_is_changed_is_no_fault(
    database: Database, form: Form
) -> None:
    table = people(database)
    database.execute(sa.delete(table).where(table.c.id == 5))
    sa_engine = database.engine(poolclass=sa.NullPool)
    done: list[str] = []

    @event.listens_for(sa_engine, "after_cursor_execute")
    def meanwhile(*arguments: t.Any) -> None:
        statement = arguments[2]
        if statement.startswith("UPDATE people") and not done:
            done.append(statement)
            # Nobody else writes while SQLite does: it comes in a moment later.
            if database.name != "sqlite":
                fill(database, table, [{"id": 5, "full": "n5 x"}])

    engine = Engine(database, sa_engine=sa_engine)
    report = engine.run(form(table))

    assert done
    assert report.changed == (39 if database.name == "sqlite" else 40)
    assert {row[0][-1] for row in contents(database, table, "full")} == {"!"}


@COUNTED
def test_how_many_rows_are_left_is_known_where_the_check_fails(
    database: Database, form: Form
) -> None:
    """One comes in behind the cursor in each walk."""
    table = people(database)
    engine = Engine(database, config={"max_batch_size": 10})

    def meanwhile(progress: t.Any) -> None:
        fill(database, table, [{"id": -progress.batches, "full": "late"}])

    with at_each_batch(meanwhile):
        with pytest.raises(errors.VerificationError, match="5 rows still match"):
            engine.run(form(table))

    assert engine.record().rows_left == 5
    assert engine.run(form(table)).state == "finished"
    assert {row[0][-2:] for row in contents(database, table, "full")} == {"x!", "e!"}


@COUNTED
def test_what_was_done_without_a_check_is_not_taken_for_what_came_in(
    database: Database, form: Form
) -> None:
    table = people(database)
    database.execute(sa.update(table).where(table.c.id == 5).values(full=None))
    engine = Engine(database, config={"max_batch_size": 10})

    with at_each_batch(lambda progress: engine.stop.set()):
        with pytest.raises(errors.InterruptedRun):
            engine.run(form(table, verify=False))
    engine.stop.clear()

    with pytest.raises(errors.VerificationError, match="1 row still matches.* id=5"):
        engine.run(form(table))
    assert engine.record().rows_left == 1
    assert engine.span().changed == 40
