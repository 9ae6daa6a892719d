"""``sn.update_from`` means the same on every database."""

from __future__ import annotations

import io
import typing as t

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database


def orders() -> sa.Table:
    return frozen.table(
        "orders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer),
        sa.Column("customer", sa.String(50)),
        sa.Column("n", sa.Integer),
    )


def users() -> sa.Table:
    return frozen.table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50)),
        sa.Column("n", sa.Integer),
    )


def with_tables(database: Database) -> tuple[sa.Table, sa.Table]:
    """Make five orders: two of user 1, one of 2, of nobody, and of a missing one."""
    target, source = orders(), users()
    create(database, target, source)
    owners = [1, 1, 2, None, 9]
    fill(
        database, target, [{"user_id": owner, "n": i} for i, owner in enumerate(owners)]
    )
    fill(
        database,
        source,
        [{"name": "Ada", "n": 10}, {"name": "Bob", "n": 20}, {"name": "Bob", "n": 30}],
    )
    return target, source


def counted(database: Database, statement: t.Any, driver: str | None = None) -> int:
    with database.engine(driver=driver).begin() as connection:
        return int(connection.execute(statement).rowcount)


NOBODY = [(None, 3), (None, 4)]


@pytest.mark.parametrize(
    ("database", "driver"),
    [
        ("postgresql", "psycopg"),
        ("postgresql", None),
        ("mysql", None),
        ("sqlite", None),
    ],
    indirect=["database"],
)
def test_columns_are_set_from_the_row_that_belongs_to_each(
    database: Database, driver: str | None
) -> None:
    target, source = with_tables(database)

    count = counted(
        database,
        sn.update_from(
            target,
            source,
            on=target.c.user_id == source.c.id,
            values={"customer": source.c.name, target.c.n: target.c.n + source.c.n},
        ),
        driver,
    )

    assert contents(database, target, "customer", "n") == [
        ("Ada", 10),
        ("Ada", 11),
        ("Bob", 22),
        *NOBODY,
    ]
    assert count == 3


def test_where_narrows_the_rows_of_the_table(database: Database) -> None:
    target, source = with_tables(database)

    database.execute(
        sn.update_from(
            target,
            source,
            on=target.c.user_id == source.c.id,
            values={"n": source.c.n, "customer": "plain"},
            where=target.c.id > 1,
        )
    )

    assert contents(database, target, "customer", "n") == [
        (None, 0),
        ("plain", 10),
        ("plain", 20),
        *NOBODY,
    ]


SOURCES: dict[str, t.Callable[[sa.Table], t.Any]] = {
    "an alias": lambda source: source.alias("others"),
    "a subquery": lambda source: (
        sa.select(source.c.id, sa.func.max(source.c.n).label("n"))
        .group_by(source.c.id)
        .subquery("latest")
    ),
    "a CTE": lambda source: sa.select(source.c.id, source.c.n).cte("latest"),
    "a CTE of a CTE": lambda source: sa.select(
        sa.select(source.c.id, source.c.n).cte("first")
    ).cte("latest"),
    "an alias of a CTE": lambda source: (
        sa.select(source.c.id, source.c.n).cte("first").alias("latest")
    ),
    "a subquery of a CTE": lambda source: sa.select(
        sa.select(source.c.id, source.c.n).cte("first")
    ).subquery("latest"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_the_source_may_be(database: Database, name: str) -> None:
    target, table = with_tables(database)
    source = SOURCES[name](table)

    database.execute(
        sn.update_from(
            target,
            source,
            on=sa.and_(source.c.id == target.c.user_id, source.c.n > 10),
            values={"n": source.c.n + 1},
            where=target.c.n + source.c.n > 0,
        )
    )

    assert [n for (n,) in contents(database, target, "n")] == [0, 1, 21, 3, 4]


@pytest.mark.parametrize("step", [1, -1])
def test_the_source_may_be_the_table_under_another_name(
    database: Database, step: int
) -> None:
    """Each row takes the old value of its neighbour, whichever is changed first."""
    target, _ = with_tables(database)
    other = target.alias("other")

    database.execute(
        sn.update_from(
            target, other, on=other.c.id == target.c.id + step, values={"n": other.c.n}
        )
    )

    expected = [1, 2, 3, 4, 4] if step == 1 else [0, 0, 1, 2, 3]
    assert [n for (n,) in contents(database, target, "n")] == expected


@pytest.mark.parametrize("names", [("n", "customer"), ("customer", "n")])
def test_expressions_read_the_values_before(
    database: Database, names: tuple[str, str]
) -> None:
    target, source = with_tables(database)
    values = {
        "n": target.c.n + source.c.n,
        "customer": sa.cast(target.c.n, sa.String(50)),
    }

    database.execute(
        sn.update_from(
            target,
            source,
            on=target.c.user_id == source.c.id,
            values={name: values[name] for name in names},
        )
    )

    assert contents(database, target, "customer", "n")[1:3] == [("1", 11), ("2", 22)]


def test_several_rows_for_one_are_refused_and_named(database: Database) -> None:
    target, source = with_tables(database)
    fill(database, target, [{"customer": "Bob"}, {"customer": None}])
    before = contents(database, target)
    statement = sn.update_from(
        target, source, on=target.c.customer == source.c.name, values={"n": source.c.n}
    )

    with pytest.raises(errors.SourceError, match="any of them: id=6") as caught:
        database.execute(statement)

    assert "GROUP BY" in str(caught.value)
    assert contents(database, target) == before


def test_several_rows_are_no_matter_for_rows_that_where_leaves_out(
    database: Database,
) -> None:
    target, source = with_tables(database)
    fill(database, target, [{"customer": "Bob"}, {"customer": "Ada"}])

    count = counted(
        database,
        sn.update_from(
            target,
            source,
            on=target.c.customer == source.c.name,
            values={"n": source.c.n},
            where=target.c.id == 7,
        ),
    )

    assert count == 1
    assert contents(database, target, "n")[-1] == (10,)


def test_part_of_the_sources_key_does_not_make_it_single(database: Database) -> None:
    target, _ = with_tables(database)
    prices = frozen.table(
        "prices",
        sa.Column("user_id", sa.Integer, primary_key=True),
        sa.Column("year", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
    )
    create(database, prices)
    fill(database, prices, [{"user_id": 1, "year": y, "n": y} for y in (2023, 2024)])
    mine = prices.c.user_id == target.c.user_id

    for on in (
        mine,
        sa.and_(mine, prices.c.year > 2000),
        sa.and_(mine, prices.c.year == prices.c.n),
        sa.or_(mine, prices.c.year == 2024),
    ):
        with pytest.raises(errors.SourceError):
            database.execute(
                sn.update_from(target, prices, on=on, values={"n": prices.c.n})
            )
    database.execute(
        sn.update_from(
            target,
            prices,
            on=sa.and_(mine, prices.c.year == 2024),
            values={"n": prices.c.n},
        )
    )

    assert [n for (n,) in contents(database, target, "n")][:3] == [2024, 2024, 2]


TARGET, SOURCE = orders(), users()
ON = TARGET.c.user_id == SOURCE.c.id
THIRD = users().alias("third")

WRONG: dict[str, tuple[dict[str, t.Any], str]] = {
    "itself": ({"source": TARGET}, "the source is the table itself"),
    "a select": ({"source": sa.select(SOURCE)}, "the source is Select"),
    "a join": ({"source": SOURCE.join(THIRD, sa.true())}, "the source is Join"),
    "no table": ({"target": THIRD}, "is not a table"),
    "no join": ({"on": TARGET.c.id == 1}, "on= does not compare"),
    "a third table": ({"values": {"n": THIRD.c.n}}, "it reads third, which is"),
    "a third in where": ({"where": THIRD.c.n == 1}, "it reads third, which is"),
    "no column": ({"values": {"m": 1}}, "names m, which the frozen table lacks"),
    "nothing": ({"values": {}}, "values= is empty"),
    "a wrong type": ({"values": {"n": SOURCE.c.name}}, "column n holds Integer"),
    "a swap": (
        {"values": {"n": sa.func.length(TARGET.c.customer), "customer": sa.text("n")}},
        "computed from each other",
    ),
    "a recursive CTE": (
        {"source": sa.select(SOURCE.c.id).cte("tree", recursive=True)},
        "the CTE tree is recursive",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_work_is_refused_when_it_is_written(name: str) -> None:
    given, complaint = WRONG[name]
    whole = {"target": TARGET, "source": SOURCE, "on": ON, "values": {"n": SOURCE.c.n}}

    with pytest.raises(errors.DefinitionError, match=complaint):
        sn.update_from(**{**whole, **given})


def test_a_script_holds_the_statement_with_its_values(database: Database) -> None:
    target, source = with_tables(database)
    out = io.StringIO()
    context = MigrationContext.configure(
        dialect=database.engine().dialect,
        opts={"as_sql": True, "output_buffer": out, "literal_binds": True},
    )
    Operations(context).execute(
        sn.update_from(
            target,
            source,
            on=target.c.user_id == source.c.id,
            values={"customer": source.c.name + "!", "n": 5},
        )
    )

    database.execute(out.getvalue().strip().rstrip(";"))

    assert contents(database, target, "customer", "n")[1:3] == [
        ("Ada!", 5),
        ("Bob!", 5),
    ]
