"""The statements inside a ``Backfill``: batches, undo, verification, refusals."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database

DRIVERS = [("postgresql", "psycopg"), ("postgresql", None), ("mysql", None)]
DRIVERS += [("sqlite", None)]


def people() -> sa.Table:
    return frozen.table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50)),
        sa.Column("city", sa.String(50)),
        sa.Column("n", sa.Integer),
    )


def cities() -> sa.Table:
    return frozen.table(
        "cities",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50), unique=True),
        sa.Column("mayor", sa.String(50), unique=True),
        sa.Column("n", sa.Integer),
    )


def with_tables(database: Database, count: int = 40) -> tuple[sa.Table, sa.Table]:
    """Make people with a name each, of whom the first thirty share ten cities."""
    source, target = people(), cities()
    create(database, source, target)
    rows = [
        {"name": f"p{i}", "city": f"c{i % 10}" if i <= 30 else None, "n": i}
        for i in range(1, count + 1)
    ]
    fill(database, source, rows)
    return source, target


def by_name(source: sa.Table, target: sa.Table, **more: t.Any) -> Backfill:
    """Return an upsert of a row for each person."""
    query = sa.select(source.c.name, source.c.n)
    statement = sn.upsert(
        target,
        from_select=(["name", "n"], query),
        key=["name"],
        update={"n": target.c.n + sn.excluded(target.c.n)},
        **more,
    )
    return Backfill(statement, over=source, batch_size=7)


@pytest.mark.parametrize(("database", "driver"), DRIVERS, indirect=["database"])
def test_an_upsert_takes_each_row_of_its_source_once(
    database: Database, driver: str | None
) -> None:
    source, target = with_tables(database)
    fill(database, target, [{"name": "p3", "n": 1000}, {"name": "other", "n": 5}])

    report = Engine(database, driver).run(by_name(source, target))

    assert sorted(contents(database, target, "name", "n")) == sorted(
        [("other", 5), *((f"p{i}", i + 1000 * (i == 3)) for i in range(1, 41))]
    )
    assert report.changed == 40
    assert report.batches > 1


@pytest.mark.parametrize(("database", "driver"), DRIVERS, indirect=["database"])
def test_an_upsert_with_where_counts_what_it_changed(
    database: Database, driver: str | None
) -> None:
    source, target = with_tables(database)
    fill(database, target, [{"name": f"p{i}", "n": i} for i in range(1, 21)])
    backfill = by_name(source, target, where=sn.excluded(target.c.n) > 15)

    report = Engine(database, driver).run(backfill)

    # Twenty inserted, and the five from p16 to p20 updated.
    assert report.changed == 25
    assert dict(contents(database, target, "name", "n"))["p16"] == 32


@pytest.mark.parametrize(("database", "driver"), DRIVERS, indirect=["database"])
def test_insert_missing_normalises_a_column(
    database: Database, driver: str | None
) -> None:
    source, target = with_tables(database)
    fill(database, target, [{"name": "c4", "n": -1}])
    query = sa.select(source.c.city).where(source.c.city.is_not(None)).distinct()

    report = Engine(database, driver).run(
        Backfill(
            sn.insert_missing(target, from_select=(["name"], query), key=["name"]),
            over=source,
            batch_size=7,
            verify=sa.text(
                "SELECT count(*) FROM people WHERE city IS NOT NULL AND city NOT IN "
                "(SELECT name FROM cities)"
            ),
        )
    )

    found = dict(contents(database, target, "name", "n"))
    assert sorted(found) == [f"c{i}" for i in range(10)]
    assert found["c4"] == -1
    assert report.changed == 9


def test_rows_that_come_meanwhile_are_taken_in_once(database: Database) -> None:
    source, target = with_tables(database)
    late = iter(range(41, 46))

    def insert(progress: t.Any) -> None:
        for i in late:
            fill(database, source, [{"name": f"p{i}", "n": i}])
            break

    with at_each_batch(insert):
        Engine(database).run(by_name(source, target))

    assert sorted(n for (n,) in contents(database, target, "n")) == [*range(1, 46)]


def test_a_key_that_comes_again_in_a_later_batch_is_refused_before_the_first(
    database: Database,
) -> None:
    source, target = with_tables(database)
    fill(database, source, [{"name": "p1", "n": 7}])

    with pytest.raises(errors.SourceError, match="name='p1' more than once"):
        Engine(database).run(by_name(source, target))

    assert contents(database, target) == []


def test_a_row_that_meets_another_unique_key_is_named(database: Database) -> None:
    source, target = with_tables(database)
    fill(database, target, [{"name": "x", "mayor": "p20", "n": 5}])
    query = sa.select(source.c.name, source.c.name)
    statement = sn.upsert(
        target, from_select=(["name", "mayor"], query), key=["name"], update=["mayor"]
    )
    backfill = Backfill(statement, over=source, batch_size=7)
    engine = Engine(database)

    with pytest.raises(errors.DatabaseError, match="row id=20") as caught:
        engine.run(backfill)

    assert "the database refused a row" in str(caught.value)
    assert len(contents(database, target)) == 20
    database.execute("UPDATE cities SET mayor = 'nobody' WHERE name = 'x'")
    engine.run(backfill)
    assert len(contents(database, target)) == 41


REFUSED: dict[str, tuple[t.Callable[[sa.Table, sa.Table], t.Any], str]] = {
    "rows": (
        lambda source, target: Backfill(
            sn.upsert(target, [{"name": "a", "n": 1}], key=["name"]), over=source
        ),
        "batched over the rows of a query",
    ),
    "no over": (
        lambda source, target: Backfill(
            sn.insert_missing(
                target, from_select=(["name"], sa.select(source.c.name)), key=["name"]
            )
        ),
        "needs over=",
    ),
    "another over": (
        lambda source, target: Backfill(
            sn.insert_missing(
                target, from_select=(["name"], sa.select(source.c.name)), key=["name"]
            ),
            over=target,
        ),
        "does not read cities",
    ),
    "undo of an upsert": (
        lambda source, target: Backfill(
            sn.upsert(
                target,
                from_select=(["name", "n"], sa.select(source.c.name, source.c.n)),
                key=["name"],
            ),
            over=source,
            undo=True,
        ),
        "and an upsert changes others",
    ),
    "a change of the key": (
        lambda source, target: Backfill(
            sn.update_from(
                source, target, on=source.c.city == target.c.name, values={"id": 1}
            )
        ),
        "the key it pages by",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_batched_is_refused(name: str) -> None:
    define, complaint = REFUSED[name]

    with pytest.raises(errors.DefinitionError, match=complaint):
        define(people(), cities())


def joined(source: sa.Table, target: sa.Table, **more: t.Any) -> Backfill:
    """Return an update of people from their cities."""
    where = more.pop("where", None)
    return Backfill(
        sn.update_from(
            source,
            target,
            on=source.c.city == target.c.name,
            values={"name": target.c.mayor, "n": source.c.n + target.c.n},
            where=where,
        ),
        batch_size=7,
        **more,
    )


def with_cities(database: Database) -> tuple[sa.Table, sa.Table]:
    source, target = with_tables(database)
    fill(
        database,
        target,
        [{"name": f"c{i}", "mayor": f"m{i}", "n": i * 1000} for i in range(8)],
    )
    return source, target


def expected(i: int) -> tuple[t.Any, ...]:
    if i <= 30 and i % 10 < 8:
        return (f"m{i % 10}", i + i % 10 * 1000)
    return (f"p{i}", i)


@pytest.mark.parametrize("undo", [False, True])
def test_an_update_from_runs_in_batches_and_is_undone(
    database: Database, undo: bool
) -> None:
    source, target = with_cities(database)
    before = contents(database, source)
    engine = Engine(database)
    backfill = joined(source, target, undo=undo)

    report = engine.run(backfill)

    assert contents(database, source, "name", "n") == [
        expected(i) for i in range(1, 41)
    ]
    assert report.changed == 24
    assert report.batches > 1
    if undo:
        assert engine.undo(backfill).changed == 24
        assert contents(database, source) == before


def test_its_where_is_its_check_at_the_end(database: Database) -> None:
    source, target = with_cities(database)

    report = Engine(database).run(
        joined(source, target, where=source.c.name.like("p%"))
    )

    # Those without a city match the where, and have nothing to take from it.
    assert (report.changed, report.left) == (24, 0)


def test_a_check_that_does_not_hold_changes_nothing(database: Database) -> None:
    source, target = with_cities(database)
    before = contents(database, source)

    with pytest.raises(errors.VerificationError, match="still matches"):
        Engine(database).run(joined(source, target, where=source.c.n.is_not(None)))

    assert contents(database, source) == before


def test_several_rows_for_one_are_named_and_what_was_before_them_stays(
    database: Database,
) -> None:
    source, target = with_cities(database)
    other = people().alias("other")
    fill(database, source, [{"name": "p20"}])
    backfill = Backfill(
        sn.update_from(
            source,
            other,
            on=sa.and_(source.c.name == other.c.name, source.c.n.is_not(None)),
            values={"city": other.c.name},
        ),
        batch_size=7,
    )
    engine = Engine(database, config={"max_batch_size": 7})

    with pytest.raises(errors.BackfillError, match="row id=20: the source has") as info:
        engine.run(backfill)

    assert "batches before it are committed (14 rows)" in str(info.value)
    cities_now = [city for (city,) in contents(database, source, "city")]
    assert cities_now[:14] == [f"p{i}" for i in range(1, 15)]
    assert cities_now[14:20] == [f"c{i % 10}" for i in range(15, 21)]


def explained(database: Database, statement: sa.Executable) -> str:
    """Return the plan of a statement."""
    engine = database.engine()
    with engine.connect() as connection:
        compiled: t.Any = statement
        sql = str(compiled.compile(engine, compile_kwargs={"literal_binds": True}))
        prefix = "EXPLAIN QUERY PLAN" if database.name == "sqlite" else "EXPLAIN"
        found = connection.exec_driver_sql(f"{prefix} {sql.replace('%', '%%')}")
        return "\n".join(" ".join(map(str, row)) for row in found)


def test_a_batch_reads_a_range_of_the_key_of_its_table(database: Database) -> None:
    source, target = with_tables(database, 0)
    fill(database, source, [{"name": f"p{i}", "city": "c"} for i in range(20_000)])
    fill(database, target, [{"name": f"c{i}", "n": i} for i in range(2_000)])
    analyze = {"mysql": "ANALYZE TABLE people, cities"}.get(database.name, "ANALYZE")
    database.execute(analyze)
    statement = sn.update_from(
        source, target, on=source.c.city == target.c.name, values={"n": target.c.n}
    )

    plan = explained(
        database, statement.update.where(source.c.id > 500, source.c.id <= 600)
    )

    sign = {
        "postgresql": "Index Scan using people_pkey on people",
        "mysql": "people range PRIMARY",
        "sqlite": "SEARCH people USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
    }[database.name]
    assert sign in plan
