"""An undo puts back what was there, and leaves alone what others changed since."""

from __future__ import annotations

import datetime
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate.backfill.runner import Task
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database


def notes(database: Database, text: t.Any = None) -> sa.Table:
    table = frozen.table(
        "notes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", text or sa.String(50)),
        sa.Column("n", sa.Double()),
        sa.Column("doc", sa.JSON(none_as_null=True)),
    )
    create(database, table)
    return table


ROWS: list[dict[str, t.Any]] = [
    {"id": 1, "a": "Case", "n": 0.1, "doc": {"b": 1, "a": [None, "ü"]}},
    {"id": 2, "a": None, "n": None, "doc": None},
    {"id": 3, "a": "", "n": -0.0, "doc": []},
    {"id": 4, "a": " spaces ", "n": 1e300, "doc": "text"},
    {"id": 5, "a": "NULL", "n": 1 / 3, "doc": 0},
    {"id": 6, "a": "žluť 🐍 \\ ' \" % :x", "n": 5e-324, "doc": False},
    {"id": 7, "a": "already upper", "n": 7.0, "doc": {"k": "v" * 2000}},
]


def to_upper(table: sa.Table, **options: t.Any) -> Backfill:
    return Backfill(
        sa.update(table).values(
            a=sa.func.upper(table.c.a), n=table.c.n * 2, doc={"new": True}
        ),
        undo=True,
        batch_size=2,
        **options,
    )


def upper_in_python(table: sa.Table, **options: t.Any) -> Backfill:
    def change(row: t.Any) -> dict[str, t.Any]:
        return {"a": row.a and row.a.upper(), "n": 9.5, "doc": [row.doc]}

    return Backfill.rows(
        table,
        change,
        reads=["a", "doc"],
        writes=["a", "n", "doc"],
        undo=True,
        batch_size=2,
        **options,
    )


FORMS = pytest.mark.parametrize("form", [to_upper, upper_in_python])
Form = t.Callable[..., Backfill]


@FORMS
def test_every_value_is_restored_as_it_was(database: Database, form: Form) -> None:
    table = notes(database)
    fill(database, table, ROWS)
    before = contents(database, table)
    engine, backfill = Engine(database), form(table)

    engine.run(backfill)
    assert contents(database, table) != before
    report = engine.undo(backfill)

    assert contents(database, table) == before
    assert (report.state, report.conflicts) == ("undone", 0)
    assert not [name for name in database.tables() if "undo" in name]


COLLATIONS = {
    "postgresql": "folded",
    "mysql": "utf8mb4_general_ci",
    "sqlite": "NOCASE",
}


def test_changes_a_collation_does_not_see_are_undone(database: Database) -> None:
    """Case under one that ignores it, and trailing spaces."""
    if database.name == "postgresql":
        database.execute(
            "CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', "
            "deterministic = false)"
        )
    table = notes(database, sa.String(50, collation=COLLATIONS[database.name]))
    fill(database, table, [{"id": 1, "a": "Ada"}, {"id": 2, "a": "bob"}])
    fill(database, table, [{"id": 3, "a": "end"}])
    new = {1: "ada", 2: "BOB", 3: "end  "}
    backfill = Backfill.rows(
        table, lambda row: {"a": new[row.id]}, reads=[], writes=["a"], undo=True
    )
    engine = Engine(database)
    engine.run(backfill)
    assert contents(database, table, "a") == [("ada",), ("BOB",), ("end  ",)]
    database.execute("UPDATE notes SET a = 'bob' WHERE id = 2")

    report = engine.undo(backfill)

    assert contents(database, table, "a") == [("Ada",), ("bob",), ("end",)]
    assert report.conflicts == 1


@FORMS
def test_rows_changed_since_are_left_alone_and_counted(
    database: Database, form: Form
) -> None:
    table = notes(database)
    fill(database, table, ROWS)
    engine, backfill = Engine(database), form(table)
    before = contents(database, table)
    engine.run(backfill)
    database.execute("UPDATE notes SET a = 'mine' WHERE id IN (2, 4)")
    database.execute("UPDATE notes SET n = NULL WHERE id = 5")
    database.execute("DELETE FROM notes WHERE id = 6")
    fill(database, table, [{"id": 50, "a": "new"}])
    touched = {row[0]: row for row in contents(database, table)}

    report = engine.undo(backfill)

    after = {row[0]: row for row in contents(database, table)}
    assert [after[i] for i in (1, 3, 7)] == [before[i - 1] for i in (1, 3, 7)]
    assert [after[i] for i in (2, 4, 5, 50)] == [touched[i] for i in (2, 4, 5, 50)]
    assert 6 not in after
    assert report.conflicts == 4
    assert "4 changed or deleted by somebody since, left alone" in report.summary()
    kept = engine.record().undo_table
    assert database.scalar(f"SELECT count(*) FROM {kept}") >= 4


def test_rows_the_backfill_left_as_they_were_are_not_restored(
    database: Database,
) -> None:
    table = notes(database)
    fill(database, table, [{"id": i, "a": "x" if i % 2 else "X"} for i in range(1, 9)])
    backfill = Backfill(
        sa.update(table).values(a=sa.func.upper(table.c.a)), undo=True, batch_size=3
    )
    engine = Engine(database)
    engine.run(backfill)
    database.execute("UPDATE notes SET a = 'by hand' WHERE id = 2")

    report = engine.undo(backfill)

    assert (report.changed, report.conflicts) == (4, 0)
    assert contents(database, table, "a")[:3] == [("x",), ("by hand",), ("x",)]


@FORMS
def test_an_undo_that_is_stopped_goes_on(database: Database, form: Form) -> None:
    table = notes(database)
    fill(database, table, ROWS)
    before = contents(database, table)
    engine, backfill = Engine(database, config={"max_batch_size": 2}), form(table)
    engine.run(backfill)

    with at_each_batch(lambda progress: engine.stop.set()):
        with pytest.raises(errors.InterruptedRun):
            engine.undo(backfill)
    assert engine.record().state.value == "undoing"
    engine.stop.clear()
    database.execute("UPDATE notes SET a = 'late' WHERE id = 7")
    report = engine.undo(backfill)

    assert (report.changed, report.conflicts) == (6, 1)
    assert contents(database, table)[:6] == before[:6]


@FORMS
def test_a_run_that_stopped_half_way_can_be_undone(
    database: Database, form: Form
) -> None:
    table = notes(database)
    fill(database, table, ROWS)
    before = contents(database, table)
    engine, backfill = Engine(database, config={"max_batch_size": 2}), form(table)
    with at_each_batch(lambda progress: engine.stop.set()):
        with pytest.raises(errors.InterruptedRun):
            engine.run(backfill)
    engine.stop.clear()

    assert engine.undo(backfill).changed == 2

    assert contents(database, table) == before


@FORMS
def test_run_undo_and_run_again(database: Database, form: Form) -> None:
    table = notes(database)
    fill(database, table, ROWS)
    before = contents(database, table)
    engine = Engine(database)
    engine.run(form(table))
    after = contents(database, table)

    for _ in range(2):
        engine.applied()
        engine.undo(form(table))
        assert contents(database, table) == before
        assert engine.run(form(table)).changed == 7
        assert contents(database, table) == after


def test_a_second_undo_does_nothing(database: Database) -> None:
    table = notes(database)
    fill(database, table, ROWS)
    engine, backfill = Engine(database), to_upper(table)
    engine.run(backfill)
    engine.undo(backfill)
    database.execute("UPDATE notes SET a = 'later'")

    assert engine.undo(backfill).state == "undone"

    assert set(contents(database, table, "a")) == {("later",)}


def test_without_kept_values_there_is_no_undo(database: Database) -> None:
    table = notes(database)
    engine = Engine(database)
    backfill = Backfill(sa.update(table).values(a="x"))

    for _ in ("never run", "run without undo"):
        with pytest.raises(errors.UndoError, match="no old values were kept") as caught:
            engine.undo(backfill)
        assert "undo=True" in caught.value.next
        engine.run(backfill)


def test_what_was_registered_and_never_begun_is_undone_at_once(
    database: Database,
) -> None:
    """A deferred backfill must not stand in the way of a downgrade."""
    table = notes(database)
    fill(database, table, ROWS)
    engine, backfill = Engine(database), to_upper(table)
    before = contents(database, table)
    with engine.runner() as runner:
        from tests.backfill.engine import task

        runner.defer(task(backfill))

    report = engine.undo(backfill)

    assert (report.state, report.changed) == ("undone", 0)
    assert contents(database, table) == before
    assert engine.run(backfill).changed == 7


def test_the_old_values_of_one_column_never_become_those_of_another(
    database: Database,
) -> None:
    table = notes(database)
    fill(database, table, ROWS)
    engine = Engine(database)
    engine.run(Backfill(sa.update(table).values(a="x"), undo=True))
    after = contents(database, table)

    with pytest.raises(errors.UndoError, match="changes other columns"):
        engine.undo(Backfill(sa.update(table).values(n=1.0), undo=True))

    assert contents(database, table) == after


DRIFTING = "DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"
STAMPED = {
    "postgresql": {"a timestamp": "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP"},
    "sqlite": {"a timestamp": "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP"},
    "mysql": {
        "a timestamp": DRIFTING.replace("DATETIME", "TIMESTAMP"),
        "one that may be null": DRIFTING.replace("NOT NULL", "NULL"),
        "of microseconds": DRIFTING.replace("DATETIME", "DATETIME(6)").replace(
            "_TIMESTAMP", "_TIMESTAMP(6)"
        ),
    },
}


@pytest.mark.parametrize("defaults", ["ON", "OFF"])
def test_times_are_kept_where_the_database_sets_them(
    database: Database, defaults: str
) -> None:
    """Also under the setting that was the server's own before MariaDB 10.10."""
    options: dict[str, t.Any] = {}
    if database.name == "mysql":
        setting = f"SET SESSION explicit_defaults_for_timestamp={defaults}"
        options = {"connect_args": {"init_command": setting}}
    engine = Engine(
        database, sa_engine=database.engine(poolclass=sa.NullPool, **options)
    )
    day = datetime.datetime(2001, 1, 1)
    for number, kind in enumerate(STAMPED[database.name].values()):
        name = f"stamped{number}"
        key = f"{kind.split()[0]} NOT NULL DEFAULT '2000-01-01 00:00:00'"
        database.execute(
            f"CREATE TABLE {name} (id {key}, seen {kind}, n INTEGER, PRIMARY KEY (id))"
        )
        table = frozen.table(
            name,
            sa.Column("id", sa.DateTime, primary_key=True),
            sa.Column("seen", sa.DateTime),
            sa.Column("n", sa.Integer),
        )
        rows = [{"id": day.replace(day=d), "seen": day, "n": d} for d in range(1, 4)]
        fill(database, table, rows)
        backfill = Backfill(
            sa.update(table).values(n=table.c.n + 1, seen=table.c.seen),
            name=name,
            undo=True,
        )
        before = contents(database, table)
        with engine.runner() as runner:
            runner.run(Task(backfill, name, None))
            report = runner.undo(Task(backfill, name, None))

        assert (report.changed, report.conflicts) == (3, 0)
        assert contents(database, table) == before
