"""What must hold at the end, and what a report says."""

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

    with pytest.raises(errors.VerificationError, match="KeyError.*nothing here"):
        engine.run(first_names(table, verify=broken))
    assert engine.record().state.value == "failed"

    with pytest.raises(errors.DatabaseError, match="no_such_table"):
        engine.run(first_names(table, verify=sa.text("SELECT 1 FROM no_such_table")))
    assert engine.record().state.value == "failed"

    assert engine.run(first_names(table)).state == "finished"


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
