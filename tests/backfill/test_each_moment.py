"""Killed at each moment in turn, both ways: each row is changed exactly once.

What a kill leaves behind is what was committed: where no statement of a transaction
commits by itself, it makes no difference in front of which of them the kill falls. So
these fall in front of each commit, of each DDL statement, which is one on MySQL, and
in each batch in front of the rows' change and of the cursor's.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import frozen
from flask_datamigrate.backfill.runner import Task
from flask_datamigrate.backfill.store import Store
from tests.backfill.engine import Engine
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database
from tests.forks import Moments
from tests.forks import killed_at

items = frozen.table(
    "items",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("n", sa.Integer),
    sa.Column("seen", sa.Integer),
)
copies = frozen.table(
    "copies",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("item", sa.Integer),
)

Rows = list[tuple[t.Any, ...]]


@dataclasses.dataclass(frozen=True)
class Form:
    """A backfill of four rows, and what is in its table afterwards."""

    backfill: Backfill
    after: Rows
    changed: int = 4
    columns: tuple[str, ...] = ("id", "n", "seen")


OPTIONS: dict[str, t.Any] = {"batch_size": 2, "undo": True}
FORMS = {
    "update": Form(
        Backfill(
            sa.update(items)
            .where(items.c.n < 100)
            .values(n=items.c.n + 100, seen=items.c.seen + 1),
            set_aside=["ix_items_n"],
            **OPTIONS,
        ),
        [(i, i + 100, 1) for i in range(1, 5)],
    ),
    "rows": Form(
        Backfill.rows(
            items,
            lambda row: {"n": row.n + 100, "seen": row.seen + 1},
            reads=["n", "seen"],
            writes=["n", "seen"],
            **OPTIONS,
        ),
        [(i, i + 100, 1) for i in range(1, 5)],
    ),
    "delete": Form(
        Backfill(sa.delete(items).where(items.c.id != 3), **OPTIONS),
        [(3, 3, 0)],
        changed=3,
    ),
    "insert": Form(
        Backfill(
            sa.insert(copies).from_select(["item"], sa.select(items.c.id)),
            over=items,
            **OPTIONS,
        ),
        [(i,) for i in range(1, 5)],
        columns=("item",),
    ),
}

COMMITS = re.compile("COMMIT|CREATE|DROP|ALTER")
ROWS = re.compile("(WITH|INSERT|UPDATE|DELETE|REPLACE).*(items|copies)", re.DOTALL)
CURSOR = re.compile("UPDATE datamigrate_ranges SET .?position")


def in_batches() -> Moments:
    """Return what counts the moments of batches alone."""
    last = ""

    def counts(statement: str) -> bool:
        nonlocal last
        before, last = last, statement
        if CURSOR.match(before):
            return True
        return bool(ROWS.match(statement) or CURSOR.match(statement))

    return counts


def at_all() -> Moments:
    """Return what counts every moment."""
    inside = in_batches()
    return lambda sql: inside(sql) or COMMITS.match(sql) is not None


@pytest.mark.parametrize("form", FORMS)
def test_killed_at_each_moment_both_ways(database: Database, form: str) -> None:
    made = FORMS[form]
    counts = at_all if form == "update" else in_batches
    table = made.backfill.changed_table
    create(database, items, copies)
    database.execute("CREATE INDEX ix_items_n ON items (n)")
    fill(database, items, [{"id": i, "n": i, "seen": 0} for i in range(1, 5)])
    before = contents(database, table, *made.columns)
    engine = resuming(database)

    kills = {"finished": 0, "undone": 0}
    for moment in itertools.count():
        # Under a name of its own, of which nothing is known before.
        task = Task(made.backfill, f"r{moment}", f"r{moment}")
        killed = False
        for state, wanted in (("finished", made.after), ("undone", before)):

            def work(state: str = state, task: Task = task) -> t.Any:
                with engine.runner() as runner:
                    way = runner.run if state == "finished" else runner.undo
                    return way(task)

            # Once it came to its end, it does so at each later moment.
            if kills[state] == moment and killed_at(work, moment, counts()):
                kills[state] += 1
                killed = True
            report = work()
            found = contents(database, table, *made.columns)
            assert (moment, state, found) == (moment, report.state, wanted)
            assert (report.changed, report.conflicts) == (made.changed, 0), moment
        if not killed:
            break

    # Three in each of two batches.
    assert min(kills.values()) >= 6
    states = "SELECT DISTINCT state FROM datamigrate_backfills"
    assert database.rows(states) == [("undone",)]
    held = "SELECT count(*) FROM datamigrate_ranges WHERE owner IS NOT NULL"
    assert database.scalar(held) == 0
    assert not [name for name in database.tables() if "undo" in name]
    found = sa.inspect(database.engine()).get_indexes("items")
    assert [index["name"] for index in found] == ["ix_items_n"]


def test_killed_while_the_state_tables_are_made(database: Database) -> None:
    create(database, items)
    engine = resuming(database)
    assert engine.sa_engine is not None
    store = Store(None, engine.sa_engine.dialect)
    task = Task(Backfill(sa.delete(items)), "r1", "r1")

    def work() -> None:
        with engine.runner() as runner:
            runner.defer(task)

    for moment in itertools.count():
        store.tables.metadata.drop_all(engine.sa_engine)
        killed = killed_at(work, moment, at_all())
        with engine.runner() as runner:
            assert runner.run(task).state == "finished"
        if not killed:
            break

    assert moment > 6


def resuming(database: Database) -> Engine:
    """Return an engine that children share, with what it has compiled."""
    return Engine(
        database,
        sa_engine=database.engine(poolclass=sa.NullPool),
        # Nobody is waited for: that the killed are dead can be seen.
        config={"max_batch_size": 2, "lease_seconds": 1000},
    )
