"""What others do to the rows while a backfill that keeps old values is at work."""

from __future__ import annotations

import contextlib
import typing as t

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy import exc

from flask_datamigrate import Backfill
from flask_datamigrate import frozen
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database

Form = t.Callable[..., Backfill]


def in_sql(table: sa.Table, **options: t.Any) -> Backfill:
    return Backfill(
        sa.update(table).where(table.c.state.like("was%")).values(state="done"),
        undo=True,
        batch_size=5,
        **options,
    )


def in_python(table: sa.Table, **options: t.Any) -> Backfill:
    return Backfill.rows(
        table,
        lambda row: {"state": "done"},
        reads=[],
        writes=["state"],
        where=table.c.state.like("was%"),
        undo=True,
        batch_size=5,
        **options,
    )


FORMS = pytest.mark.parametrize("form", [in_sql, in_python])


def jobs(database: Database) -> sa.Table:
    # Named as the columns of the side table are.
    table = frozen.table(
        "jobs",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("state", sa.String(20)),
        sa.Column("old0", sa.String(20)),
        sa.Column("new0", sa.String(20)),
        sa.Column("taken", sa.Integer),
    )
    create(database, table)
    fill(database, table, [{"id": i, "state": f"was {i}"} for i in range(10, 30)])
    return table


@FORMS
def test_edits_behind_the_cursor_outlive_a_second_walk(
    database: Database, form: Form
) -> None:
    """A row that came in makes the walk begin anew, over the edited rows too."""
    table = jobs(database)
    engine = Engine(database, config={"max_batch_size": 5})

    def meanwhile(progress: t.Any) -> None:
        if progress.batches == 1 and not progress.undoing:
            fill(database, table, [{"id": 1, "state": "was late"}])
            database.execute("UPDATE jobs SET state = 'edited' WHERE id = 11")
            database.execute("UPDATE jobs SET state = 'was edited' WHERE id = 12")
            database.execute("UPDATE jobs SET state = 'was 13' WHERE id = 13")

    with at_each_batch(meanwhile):
        engine.run(form(table))
    states = dict(contents(database, table, "id", "state"))
    assert (states.pop(11), set(states.values())) == ("edited", {"done"})

    report = engine.undo(form(table))

    assert dict(contents(database, table, "id", "state")) == {
        1: "was late",
        **{i: f"was {i}" for i in range(10, 30)},
        11: "edited",
        12: "was edited",
    }
    assert (report.changed, report.conflicts) == (20, 1)


@FORMS
def test_no_row_is_changed_whose_old_values_were_not_kept(
    database: Database, form: Form
) -> None:
    """One that begins to match, and one that comes in, after they were read."""
    table = jobs(database)
    database.execute("UPDATE jobs SET state = 'mine' WHERE id = 12")
    quick: t.Any = {"timeout": 0} if database.name == "sqlite" else {}
    sa_engine = database.engine(poolclass=sa.NullPool)
    other = database.engine(poolclass=sa.NullPool, connect_args=quick)
    done = []

    def meanwhile(
        connection: t.Any, cursor: t.Any, statement: str, *more: t.Any
    ) -> None:
        if statement.startswith("INSERT INTO datamigrate_undo") and not done:
            done.append(statement)
            change = "UPDATE jobs SET state = 'was mine' WHERE id = 12"
            came = "INSERT INTO jobs (id, state) VALUES (1, 'was new')"
            for sql in (change, came):
                # SQLite lets nobody else write, which is as good.
                with contextlib.suppress(exc.OperationalError), other.begin() as begun:
                    begun.exec_driver_sql(sql)

    event.listen(sa_engine, "after_cursor_execute", meanwhile)
    engine, backfill = Engine(database, sa_engine=sa_engine), form(table, verify=False)
    before = {12: "mine"}
    if database.name != "sqlite":
        before = {1: "was new", 12: "was mine"}

    engine.run(backfill)
    states = dict(contents(database, table, "id", "state"))
    assert done
    assert {i: states[i] for i in before} == before

    assert engine.undo(backfill).conflicts == 0

    assert dict(contents(database, table, "id", "state")) == {
        **{i: f"was {i}" for i in range(10, 30)},
        **before,
    }
