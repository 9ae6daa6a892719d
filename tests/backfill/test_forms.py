"""What a backfill can be: update, delete, insert from a query, rows in Python."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import frozen
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database


def people() -> sa.Table:
    return frozen.table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50)),
        sa.Column("score", sa.Integer),
        sa.Column("city_id", sa.Integer),
    )


def cities() -> sa.Table:
    return frozen.table(
        "cities",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(50)),
        sa.Column("size", sa.Integer),
    )


def with_people(database: Database, count: int = 100) -> sa.Table:
    table = people()
    create(database, table)
    # Without an id, so that the database's own counter goes on behind them.
    rows = [{"name": f"p{i}", "city_id": i % 3} for i in range(1, count + 1)]
    fill(database, table, rows)
    return table


def with_cities(database: Database) -> sa.Table:
    table = cities()
    create(database, table)
    names = ["Oslo", "Rome", "Bern"]
    fill(
        database, table, [{"id": i, "name": n, "size": i} for i, n in enumerate(names)]
    )
    return table


def test_an_update_changes_the_rows_of_its_where_and_no_others(
    database: Database,
) -> None:
    table = with_people(database)
    even = table.c.id % 2 == 0

    report = Engine(database).run(
        Backfill(
            sa.update(table).where(even).values(score=table.c.id * 10, name=None),
            batch_size=7,
            verify=False,
        )
    )

    assert contents(database, table, "id", "name", "score") == [
        (i, None, i * 10) if i % 2 == 0 else (i, f"p{i}", None) for i in range(1, 101)
    ]
    assert report.changed == 50
    assert report.rows_before == 100
    assert report.batches > 1


def test_an_update_without_where_reaches_every_row(database: Database) -> None:
    table = with_people(database, 50)

    report = Engine(database).run(
        Backfill(sa.update(table).values({table.c.score: 1}), batch_size=9)
    )

    assert [row[0] for row in contents(database, table, "score")] == [1] * 50
    assert (report.changed, report.left) == (50, None)


def test_an_update_with_ordered_values_is_understood(database: Database) -> None:
    table = with_people(database, 5)
    statement = sa.update(table).ordered_values((table.c.score, 3), (table.c.name, "x"))

    backfill = Backfill(statement, undo=True)
    engine = Engine(database)
    engine.run(backfill)

    assert backfill.changes == ("score", "name")
    assert set(contents(database, table, "name", "score")) == {("x", 3)}
    engine.undo(backfill)
    assert contents(database, table, "name", "score")[4] == ("p5", None)


def test_an_update_may_compute_from_another_table(database: Database) -> None:
    table, other = with_people(database), with_cities(database)
    name = sa.select(other.c.name).where(other.c.id == table.c.city_id)

    Engine(database).run(
        Backfill(
            sa.update(table)
            .where(table.c.score.is_(None))
            .values(name=name.scalar_subquery(), score=1),
            batch_size=8,
        )
    )

    assert contents(database, table, "name") == [
        (["Oslo", "Rome", "Bern"][i % 3],) for i in range(1, 101)
    ]


@pytest.mark.parametrize("undo", [False, True])
def test_an_update_may_join_another_table(database: Database, undo: bool) -> None:
    table, other = with_people(database), with_cities(database)
    backfill = Backfill(
        sa.update(table)
        .where(table.c.city_id == other.c.id, other.c.size > 0)
        .values(name=other.c.name),
        batch_size=8,
        verify=False,
        undo=undo,
    )
    engine = Engine(database)

    report = engine.run(backfill)

    expected = [None, "Rome", "Bern"]
    assert contents(database, table, "name") == [
        (expected[i % 3] or f"p{i}",) for i in range(1, 101)
    ]
    assert report.changed == 67
    if undo:
        engine.undo(backfill)
        assert contents(database, table, "name") == [(f"p{i}",) for i in range(1, 101)]


def test_a_joined_update_with_several_matches_a_row_can_be_undone(
    database: Database,
) -> None:
    table, other = with_people(database, 30), with_cities(database)
    fill(database, other, [{"id": 9 + i, "name": "Rome", "size": i} for i in range(3)])
    backfill = Backfill(
        sa.update(table)
        .where(other.c.size == table.c.city_id, other.c.name == "Rome")
        .values(name=other.c.name),
        batch_size=8,
        verify=False,
        undo=True,
    )
    engine = Engine(database)

    engine.run(backfill)
    assert set(contents(database, table, "name")) == {("Rome",)}

    assert engine.undo(backfill).changed == 30
    assert contents(database, table, "name") == [(f"p{i}",) for i in range(1, 31)]


@pytest.mark.parametrize("undo", [False, True])
def test_rows_of_a_joined_where_come_once_each(database: Database, undo: bool) -> None:
    table, other = with_people(database, 30), with_cities(database)
    fill(database, other, [{"id": 9 + i, "name": "Rome", "size": i} for i in range(3)])
    seen: list[int] = []

    def note(row: t.Any) -> dict[str, t.Any]:
        seen.append(row.id)
        return {"score": row.id}

    backfill = Backfill.rows(
        table,
        note,
        reads=[],
        writes=["score"],
        where=sa.and_(other.c.name == "Rome", table.c.city_id > 0),
        batch_size=8,
        verify=False,
        undo=undo,
    )

    report = Engine(database).run(backfill)

    assert seen == [i for i in range(1, 31) if i % 3]
    assert (report.changed, report.skipped) == (20, 0)


def test_a_delete_purges_the_rows_of_its_where(database: Database) -> None:
    table = with_people(database)

    report = Engine(database).run(
        Backfill(sa.delete(table).where(table.c.id > 30), batch_size=11)
    )

    assert contents(database, table, "id") == [(i,) for i in range(1, 31)]
    assert report.changed == 70


def test_a_delete_of_everything_empties_the_table(database: Database) -> None:
    table = with_people(database)

    Engine(database).run(Backfill(sa.delete(table), batch_size=13))

    assert contents(database, table) == []


def test_an_insert_copies_what_a_query_over_the_source_gives(
    database: Database,
) -> None:
    source, target = with_people(database), cities()
    create(database, target)

    report = Engine(database).run(
        Backfill(
            sa.insert(target).from_select(
                ["id", "name", "size"],
                sa.select(source.c.id, source.c.name, source.c.city_id).where(
                    source.c.city_id > 0
                ),
            ),
            over=source,
            batch_size=9,
        )
    )

    assert contents(database, target) == [
        (i, f"p{i}", i % 3) for i in range(1, 101) if i % 3
    ]
    assert report.changed == 67


def test_an_insert_takes_in_rows_that_come_meanwhile(database: Database) -> None:
    source, target = with_people(database, 20), cities()
    create(database, target)
    late = iter(range(101, 106))

    def insert(progress: t.Any) -> None:
        for i in late:
            fill(database, source, [{"id": i, "name": f"p{i}", "city_id": 0}])
            break

    with at_each_batch(insert):
        Engine(database).run(
            Backfill(
                sa.insert(target).from_select(
                    ["id", "name"], sa.select(source.c.id, source.c.name)
                ),
                over=source,
                batch_size=5,
            )
        )

    assert [row[0] for row in contents(database, target, "id")] == [
        *range(1, 21),
        *range(101, 106),
    ]


def test_an_insert_over_a_join_follows_the_source(database: Database) -> None:
    source, other = with_people(database, 30), with_cities(database)
    target = frozen.table(
        "labels",
        sa.Column("person_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("label", sa.String(120)),
    )
    create(database, target)
    query = sa.select(source.c.id, source.c.name + " of " + other.c.name).select_from(
        source.join(other, source.c.city_id == other.c.id)
    )

    Engine(database).run(
        Backfill(
            sa.insert(target).from_select(["person_id", "label"], query),
            over=source,
            batch_size=7,
        )
    )

    assert len(contents(database, target)) == 30
    assert contents(database, target)[0] == (1, "p1 of Rome")


def test_an_insert_into_its_own_source_copies_each_row_once(
    database: Database,
) -> None:
    table = with_people(database, 25)
    copied = sa.select(sa.literal("copy of ") + table.c.name, table.c.city_id)

    report = Engine(database).run(
        Backfill(
            sa.insert(table).from_select(["name", "city_id"], copied),
            over=table,
            batch_size=4,
        )
    )

    names = [row[0] for row in contents(database, table, "name")]
    assert sorted(names) == sorted(
        [f"p{i}" for i in range(1, 26)] + [f"copy of p{i}" for i in range(1, 26)]
    )
    assert report.changed == 25


def test_rows_are_computed_in_python(database: Database) -> None:
    table = with_people(database)

    def rename(row: t.Any) -> dict[str, t.Any]:
        assert row.id == row["id"]
        return {"name": row.name.upper() * 2, "score": len(row["name"])}

    report = Engine(database).run(
        Backfill.rows(
            table, rename, reads=["name"], writes=["name", "score"], batch_size=9
        )
    )

    assert contents(database, table, "name", "score") == [
        (f"P{i}P{i}", len(f"p{i}")) for i in range(1, 101)
    ]
    assert report.changed == 100


def test_a_transform_may_leave_rows_and_columns_as_they_are(
    database: Database,
) -> None:
    table = with_people(database, 12)

    def change(row: t.Any) -> dict[str, t.Any] | None:
        return [None, {"name": "both", "score": 1}, {"score": 2}, {}][row.id % 4]

    report = Engine(database).run(
        Backfill.rows(table, change, reads=[], writes=["name", "score"], batch_size=5)
    )

    assert contents(database, table, "id", "name", "score") == [
        (i, *[(f"p{i}", None), ("both", 1), (f"p{i}", 2), (f"p{i}", None)][i % 4])
        for i in range(1, 13)
    ]
    assert (report.changed, report.skipped) == (6, 6)


def test_a_column_that_is_not_returned_is_not_written(database: Database) -> None:
    """SQL's NULL stays apart from the null of JSON, which Python reads alike."""
    table = frozen.table(
        "documents",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("body", sa.JSON),
        sa.Column("n", sa.Integer),
    )
    create(database, table)
    database.execute("INSERT INTO documents (id, body, n) VALUES (1, NULL, 0)")
    database.execute("INSERT INTO documents (id, body, n) VALUES (2, 'null', 0)")

    Engine(database).run(
        Backfill.rows(table, lambda row: {"n": 5}, reads=["n"], writes=["n", "body"])
    )

    assert database.rows("SELECT id, n, body IS NULL FROM documents ORDER BY id") == [
        (1, 5, True),
        (2, 5, False),
    ]


def test_rows_are_chosen_by_where(database: Database) -> None:
    table = with_people(database, 30)

    report = Engine(database).run(
        Backfill.rows(
            table,
            lambda row: {"score": row["city_id"] + 1},
            reads=[table.c.city_id],
            writes=[table.c.score],
            where=sa.and_(table.c.city_id > 0, table.c.score.is_(None)),
            batch_size=4,
        )
    )

    assert contents(database, table, "score") == [
        ((i % 3) + 1 if i % 3 else None,) for i in range(1, 31)
    ]
    assert (report.changed, report.left) == (20, 0)


@pytest.mark.parametrize("count", [0, 1, 10])
def test_tables_of_no_row_one_row_and_one_batch(database: Database, count: int) -> None:
    table = with_people(database, count)
    engine = Engine(database)

    report = engine.run(
        Backfill(
            sa.update(table).where(table.c.score.is_(None)).values(score=1),
            batch_size=10,
            undo=True,
        )
    )

    assert (report.changed, report.rows_before, report.left) == (
        count,
        count,
        0 if count else None,
    )
    assert engine.record().state.value == "finished"
    assert contents(database, table, "score") == [(1,)] * count
