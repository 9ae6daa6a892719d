"""An insert in batches gives what its query gives all at once, or is refused."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn
from tests.backfill.engine import Engine
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database

sales = frozen.table(
    "sales",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("city", sa.String(20)),
    sa.Column("price", sa.Integer),
)
items = frozen.table(
    "items",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("sale_id", sa.Integer),
    sa.Column("price", sa.Integer),
)
target = frozen.table(
    "target",
    sa.Column("name", sa.String(20)),
    sa.Column("n", sa.Integer),
    sa.Column("id", sa.Integer, primary_key=True),
)

Query = sa.Select[t.Any]
by_city = sa.func.row_number().over(partition_by=sales.c.city, order_by=sales.c.id)
total = sa.func.sum(items.c.price)
earlier = sales.alias()
first = ~sa.exists().where(earlier.c.city == sales.c.city, earlier.c.id < sales.c.id)
totals = (
    sa.select(items.c.sale_id, sa.func.count().label("n"))
    .group_by(items.c.sale_id)
    .subquery()
)
ranked = sa.select(sales.c.id, by_city.label("n")).subquery()

REFUSED: dict[str, tuple[Query, str]] = {
    "distinct": (sa.select(sales.c.city, sales.c.price).distinct(), "DISTINCT"),
    "group by": (
        sa.select(sales.c.city, sa.func.count()).group_by(sales.c.city),
        "GROUP BY without sales.id",
    ),
    "group by a name": (
        sa.select(sales.c.city, sa.func.count()).group_by("city"),
        "GROUP BY without sales.id",
    ),
    "an aggregate": (
        sa.select(sa.literal("all"), sa.func.count(sales.c.id)),
        "an aggregate",
    ),
    "an aggregate in an expression": (
        sa.select(sa.literal("all"), sa.func.coalesce(sa.func.avg(sales.c.price), 0)),
        "an aggregate",
    ),
    "an aggregate of ours": (
        sa.select(sn.string_agg(sales.c.city, ",", order_by=sales.c.id), 1),
        "an aggregate",
    ),
    "having": (
        sa.select(sales.c.city, sa.func.count())
        .group_by(sales.c.city)
        .having(sa.func.count() > 1),
        "GROUP BY",
    ),
    "a limit": (sa.select(sales.c.city, sales.c.price).limit(3), "LIMIT"),
    "an offset": (sa.select(sales.c.city, sales.c.price).offset(3), "OFFSET"),
    "a window": (sa.select(sales.c.city, by_city), "a window"),
    "an aggregate's window": (
        sa.select(sales.c.city, sa.func.sum(sales.c.price).over()),
        "a window",
    ),
    "an outer join": (
        sa.select(sales.c.city, items.c.id).select_from(
            items.outerjoin(sales, items.c.sale_id == sales.c.id)
        ),
        "an outer join",
    ),
    "an alias": (sa.select(earlier.c.city, earlier.c.price), "does not read sales"),
    "a subquery": (
        (lambda inner: sa.select(inner.c.city, inner.c.price))(
            sa.select(sales).subquery()
        ),
        "does not read sales",
    ),
    "a CTE": (
        (lambda inner: sa.select(inner.c.city, inner.c.price))(sa.select(sales).cte()),
        "does not read sales",
    ),
}


def insert(query: Query, **options: t.Any) -> Backfill:
    return Backfill(
        sa.insert(target).from_select(["name", "n"], query),
        over=sales,
        batch_size=4,
        **options,
    )


@pytest.mark.parametrize("name", REFUSED)
def test_what_ranges_would_give_other_rows_of_is_refused(name: str) -> None:
    query, complaint = REFUSED[name]

    with pytest.raises(errors.DefinitionError, match=complaint) as caught:
        insert(query)

    assert caught.value.next


ALIKE: dict[str, Query] = {
    "first of its value": sa.select(sales.c.city, sales.c.price).where(first),
    "groups within a row": (
        sa.select(sales.c.city, sa.func.coalesce(total, 0))
        .select_from(sales.outerjoin(items, items.c.sale_id == sales.c.id))
        .group_by(sales.c.id, sales.c.city)
        .having(sa.func.count() > 0)
    ),
    "an aggregate in a subquery": sa.select(
        sales.c.city,
        sa.select(total).where(items.c.sale_id == sales.c.id).scalar_subquery(),
    ),
    "groups that are joined": sa.select(sales.c.city, totals.c.n).select_from(
        sales.join(totals, totals.c.sale_id == sales.c.id)
    ),
    "a window that is joined": sa.select(sales.c.city, ranked.c.n).select_from(
        sales.join(ranked, ranked.c.id == sales.c.id)
    ),
    "a window within a row": sa.select(
        sales.c.city,
        sa.func.count(items.c.id).over(partition_by=sales.c.id),
    ).select_from(sales.join(items, items.c.sale_id == sales.c.id)),
    "distinct within a row": (
        sa.select(sales.c.city, sales.c.id.label("n"))
        .join(items, items.c.sale_id == sales.c.id)
        .distinct()
    ),
}


@pytest.mark.parametrize("name", ALIKE)
def test_in_batches_it_gives_what_it_gives_at_once(
    database: Database, name: str
) -> None:
    create(database, sales, items, target)
    many = [
        {"id": i, "city": f"c{i % 5}", "price": i % 3 and i % 7} for i in range(1, 41)
    ]
    fill(database, sales, many)
    fill(
        database,
        items,
        [{"id": i, "sale_id": i % 30 + 1, "price": i} for i in range(1, 61)],
    )

    Engine(database, config={"max_batch_size": 4}).run(insert(ALIKE[name]))

    given = sa.select(target.c.name, target.c.n)
    assert _sorted(database.rows(given)) == _sorted(database.rows(ALIKE[name]))


def test_each_value_is_inserted_once(database: Database) -> None:
    create(database, sales)
    cities = sa.Table(
        "cities",
        sa.MetaData(),
        sa.Column("name", sa.String(20), primary_key=True),
    )
    create(database, cities)
    fill(database, sales, [{"id": i, "city": f"c{i % 5}"} for i in range(1, 41)])
    missing = sn.insert_missing(
        cities,
        from_select=(["name"], sa.select(sales.c.city).distinct()),
        key=["name"],
    )

    Engine(database).run(Backfill(missing, over=sales, batch_size=3))

    assert database.rows(sa.select(cities.c.name).order_by(cities.c.name)) == [
        (f"c{i}",) for i in range(5)
    ]


def _sorted(rows: list[tuple[t.Any, ...]]) -> list[tuple[t.Any, ...]]:
    return sorted(rows, key=repr)


MISTYPED: dict[str, tuple[Query, str]] = {
    "a number for a text": (
        sa.select(sales.c.price, sales.c.id),
        "column name holds String(length=20)",
    ),
    "a text for a number": (
        sa.select(sales.c.city, sales.c.city + "x"),
        "column n holds Integer()",
    ),
    "a plain value": (sa.select(sales.c.city, sa.literal("x")), "is set to 'x'"),
    "too few columns": (sa.select(sales.c.city), "has 1 columns for the 2 it fills"),
}


@pytest.mark.parametrize("what", MISTYPED)
def test_a_query_of_other_types_than_the_columns_it_fills_is_refused(what: str) -> None:
    query, said = MISTYPED[what]
    with pytest.raises(errors.DefinitionError, match="insert backfill") as caught:
        Backfill(sa.insert(target).from_select(["name", "n"], query), over=sales)
    assert said in str(caught.value)


def test_numbers_do_not_go_into_a_uuid_whatever_sqlite_would_store() -> None:
    tagged = frozen.table(
        "tagged", sa.Column("id", sa.Uuid, primary_key=True), sa.Column("n", sa.Integer)
    )
    copied = sa.select(sales.c.id, sales.c.price)
    with pytest.raises(
        errors.DefinitionError, match=r"column id holds Uuid.*random_uuid\(\)"
    ):
        Backfill(sa.insert(tagged).from_select(["id", "n"], copied), over=sales)


def test_sql_text_among_the_columns_is_taken_as_it_is(database: Database) -> None:
    create(database, sales, target)
    fill(database, sales, [{"city": "Rome", "price": 5}])
    copied = sa.select(sa.text("'a text'"), sales.c.price).select_from(sales)
    Engine(database).run(
        Backfill(sa.insert(target).from_select(["name", "n"], copied), over=sales)
    )
    assert contents(database, target, "name", "n") == [("a text", 5)]
