"""Whatever its statistics say, SQLite looks rows that are written back up by key."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from flask_datamigrate import frozen
from flask_datamigrate.backfill.keys import Key
from flask_datamigrate.backfill.writers import sqlite
from flask_datamigrate.backfill.writers.assignment import Assignment

ROWS = 3_000

NUMBERED = frozen.table(
    "things",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("v", sa.Integer),
)
PAIRED = frozen.table(
    "things",
    sa.Column("a", sa.String(10), primary_key=True),
    sa.Column("b", sa.Integer, primary_key=True),
    sa.Column("v", sa.Integer),
)


def key_of(table: sa.Table, i: int) -> tuple[t.Any, ...]:
    return (i,) if table is NUMBERED else (f"k{i // 10:05}", i)


@pytest.fixture(params=[NUMBERED, PAIRED], ids=["number", "pair"])
def table(request: pytest.FixtureRequest) -> sa.Table:
    return t.cast(sa.Table, request.param)


@pytest.fixture
def connection(table: sa.Table) -> t.Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        table.create(connection)
        names = [column.name for column in table.primary_key]
        rows = [dict(zip(names, key_of(table, i), strict=True)) for i in range(ROWS)]
        connection.execute(table.insert(), rows)
        yield connection
    engine.dispose()


def statistics(connection: sa.Connection, rows: int) -> None:
    """Have SQLite believe in so many rows."""
    connection.exec_driver_sql("ANALYZE")
    # The first number is that of the rows; one for each column of the index follows.
    connection.exec_driver_sql(
        "UPDATE sqlite_stat1 SET stat = ? || CASE instr(stat, ' ') WHEN 0 THEN '' "
        "ELSE substr(stat, instr(stat, ' ')) END",
        (rows,),
    )
    connection.exec_driver_sql("ANALYZE sqlite_schema")


def write(connection: sa.Connection, table: sa.Table) -> list[tuple[str, t.Any]]:
    """Write to the second thousand of rows, and return the UPDATEs and their values."""
    seen: list[tuple[str, t.Any]] = []

    def note(
        conn: t.Any, cursor: t.Any, statement: str, values: t.Any, *_: t.Any
    ) -> None:
        if statement.startswith("UPDATE"):
            seen.append((statement, values))

    event.listen(connection, "before_cursor_execute", note)
    rows = range(1000, 2000)
    keys = list(zip(*(key_of(table, i) for i in rows), strict=True))
    key = Key(tuple(table.primary_key), "sqlite")
    assignment = Assignment(table, key, ("v",))
    met = sqlite.write_back(connection, assignment, [*keys, [*rows]], None, (0,))
    event.remove(connection, "before_cursor_execute", note)
    assert met == 1000
    return seen


def check_written(connection: sa.Connection, table: sa.Table) -> None:
    columns = (*table.primary_key, table.c.v)
    stored = connection.execute(sa.select(*columns).order_by(*columns)).all()
    assert stored == [
        (*key_of(table, i), i if 1000 <= i < 2000 else None) for i in range(ROWS)
    ]


@pytest.mark.parametrize("known", [None, ROWS, 1_000_000])
def test_rows_are_joined_and_looked_up_by_key(
    connection: sa.Connection, table: sa.Table, known: int | None
) -> None:
    if known is not None:
        statistics(connection, known)

    seen = write(connection, table)

    check_written(connection, table)
    assert 1 < len(seen) < 10
    for statement, values in seen:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        steps = [step for *_, step in plan if "dm_t" in step]
        assert len(steps) == 1 and steps[0].startswith("SEARCH"), steps


@pytest.mark.parametrize("known", [1, 50])
def test_a_table_that_passes_for_a_small_one_is_not_read_again_and_again(
    connection: sa.Connection, table: sa.Table, known: int
) -> None:
    statistics(connection, known)

    seen = write(connection, table)

    check_written(connection, table)
    for statement, values in seen:
        one = values[0] if isinstance(values, list) else values
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", one)
        steps = [step for *_, step in plan if "things" in step or "dm_t" in step]
        assert all(step.startswith("SEARCH") for step in steps), steps
