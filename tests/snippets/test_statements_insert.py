"""``sn.upsert`` and ``sn.insert_missing`` mean the same on every database."""

from __future__ import annotations

import datetime
import io
import threading

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
from tests.snippets.places import DRIVERS
from tests.snippets.places import WAYS
from tests.snippets.places import codes
from tests.snippets.places import counted
from tests.snippets.places import places
from tests.snippets.places import row
from tests.snippets.places import with_places


@pytest.mark.parametrize(("database", "driver"), DRIVERS, indirect=["database"])
def test_an_upsert_inserts_and_updates_and_counts_both(
    database: Database, driver: str | None
) -> None:
    table = with_places(database)

    rows = [row("a", 10, "new@x"), row("c", 3)]
    count = counted(database, sn.upsert(table, rows, key=["code"]), driver)

    assert codes(database, table) == [
        ("a", "new@x", 10),
        ("b", "b@x", 2),
        ("c", "c@x", 3),
    ]
    assert count == 2


@pytest.mark.parametrize(("database", "driver"), DRIVERS, indirect=["database"])
def test_insert_missing_leaves_alone_what_is_there_and_counts_the_others(
    database: Database, driver: str | None
) -> None:
    table = with_places(database)

    rows = [row("a", 10, "new@x"), row("c", 3)]
    count = counted(database, sn.insert_missing(table, rows, key=["code"]), driver)

    assert codes(database, table) == [
        ("a", "a@x", 1),
        ("b", "b@x", 2),
        ("c", "c@x", 3),
    ]
    assert count == 1


def test_only_the_named_columns_are_updated(database: Database) -> None:
    table = with_places(database)

    database.execute(
        sn.upsert(table, [row("a", 9, "q@x")], key=[table.c.code], update=["n"])
    )

    assert codes(database, table)[0] == ("a", "a@x", 9)


def test_an_update_may_compute_from_the_old_row_and_the_new_one(
    database: Database,
) -> None:
    """Each expression reads the values before, in whatever order they are written."""
    table = with_places(database)
    values = {
        "n": table.c.n * 100 + sn.excluded(table.c.n),
        "mail": sa.cast(table.c.n, sa.String(20)) + sn.excluded(table.c.mail),
    }

    database.execute(sn.upsert(table, [row("b", 7, "!")], key=["code"], update=values))

    assert codes(database, table)[1] == ("b", "2!", 207)


@pytest.mark.parametrize(("database", "driver"), DRIVERS, indirect=["database"])
def test_where_says_which_of_the_rows_there_are_updated(
    database: Database, driver: str | None
) -> None:
    table = with_places(database)
    differs = sa.or_(
        table.c.n != sn.excluded(table.c.n), table.c.mail != sn.excluded(table.c.mail)
    )
    update = {"mail": sn.excluded(table.c.mail), "n": sn.excluded(table.c.n)}
    rows = [row("a", 1), row("b", 5, "z@x"), row("c", 3)]
    statement = sn.upsert(table, rows, key=["code"], update=update, where=differs)

    assert counted(database, statement, driver) == 2
    assert codes(database, table) == [
        ("a", "a@x", 1),
        ("b", "z@x", 5),
        ("c", "c@x", 3),
    ]
    assert counted(database, statement, driver) == 0


def test_a_where_that_is_null_updates_nothing(database: Database) -> None:
    table = with_places(database)

    database.execute(
        sn.upsert(
            table,
            [row("a", 5)],
            key=["code"],
            update=["n"],
            where=sn.excluded(table.c.n) > sa.func.nullif(1, 1),
        )
    )

    assert codes(database, table)[0] == ("a", "a@x", 1)


def test_a_null_in_the_key_is_equal_to_none(database: Database) -> None:
    table = with_places(database)
    rows = [{"code": None, "mail": "n1", "n": 1}, {"code": None, "mail": "n2", "n": 2}]

    for _ in range(2):
        rows = [{**given, "mail": f"{given['mail']}+"} for given in rows]
        assert counted(database, sn.upsert(table, rows, key=["code"])) == 2
        more = [{**given, "mail": f"{given['mail']}-"} for given in rows]
        assert counted(database, sn.insert_missing(table, more, key=["code"])) == 2

    assert len(codes(database, table)) == 10


def test_a_key_of_two_columns(database: Database) -> None:
    table = frozen.table(
        "hits",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("page", sa.String(20), primary_key=True),
        sa.Column("n", sa.Integer),
    )
    create(database, table)
    one, two = datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)
    fill(database, table, [{"day": one, "page": "a", "n": 1}])
    rows = [
        {"day": one, "page": "a", "n": 10},
        {"day": two, "page": "a", "n": 20},
        {"day": one, "page": "b", "n": 30},
    ]

    database.execute(sn.insert_missing(table, rows, key=["page", "day"]))
    assert [r[2] for r in contents(database, table)] == [1, 30, 20]
    database.execute(
        sn.upsert(
            table,
            rows,
            key=["page", "day"],
            update={"n": table.c.n + sn.excluded(table.c.n)},
        )
    )
    assert [r[2] for r in contents(database, table)] == [11, 60, 40]


def test_rows_come_from_a_select_of_any_table_and_of_itself(
    database: Database,
) -> None:
    table = with_places(database)
    source = frozen.table(
        "drafts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("code", sa.String(20)),
        sa.Column("n", sa.Integer),
    )
    create(database, source)
    fill(database, source, [{"code": "a", "n": 5}, {"code": "c", "n": 6}])
    columns = ["code", "mail", "n"]
    query = sa.select(source.c.code, source.c.code + "@y", source.c.n)

    taken = sn.upsert(table, from_select=(columns, query), key=["code"])
    assert counted(database, taken) == 2
    assert (
        counted(
            database,
            sn.insert_missing(table, from_select=(columns, query), key=["code"]),
        )
        == 0
    )
    own = sa.select(table.c.code, table.c.mail, table.c.n).where(table.c.n > 2)
    doubled = sn.upsert(
        table,
        from_select=(columns, own),
        key=["code"],
        update={"n": table.c.n + sn.excluded(table.c.n)},
    )
    assert counted(database, doubled) == 2
    both = sa.union_all(query.where(source.c.n > 5), own.where(table.c.code == "a"))
    assert (
        counted(database, sn.upsert(table, from_select=(columns, both), key=["code"]))
        == 2
    )

    assert codes(database, table) == [
        ("a", "a@y", 10),
        ("b", "b@x", 2),
        ("c", "c@y", 6),
    ]


@pytest.mark.parametrize("name", WAYS)
def test_two_sessions_that_insert_one_key_at_once(
    database: Database, name: str
) -> None:
    """The later one waits for the earlier, and meets its row."""
    table = with_places(database)
    engine = database.engine(
        connect_args={"timeout": 30} if database.name == "sqlite" else {}
    )
    failures: list[BaseException] = []
    counts: list[int] = []
    begun = threading.Event()

    def later() -> None:
        try:
            with engine.begin() as connection:
                begun.set()
                statement = WAYS[name](table, [row("new", 2)])
                counts.append(connection.execute(statement).rowcount)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=later)
    with engine.begin() as connection:
        connection.execute(WAYS[name](table, [row("new", 1)]))
        thread.start()
        assert begun.wait(30)
    thread.join(60)

    assert failures == []
    assert counts == [1 if name == "upsert" else 0]
    assert codes(database, table)[2:] == [
        ("new", "new@x", 2 if name == "upsert" else 1)
    ]


@pytest.mark.parametrize(
    ("database", "isolation"),
    [
        ("postgresql", "READ COMMITTED"),
        ("mysql", "READ COMMITTED"),
        ("mysql", "REPEATABLE READ"),
    ],
    indirect=["database"],
)
def test_many_sessions_that_add_up_in_one_row_lose_nothing(
    database: Database, isolation: str
) -> None:
    table = with_places(database)
    engine = database.engine(isolation_level=isolation)
    failures: list[BaseException] = []
    add = {"n": table.c.n + sn.excluded(table.c.n)}

    def work() -> None:
        try:
            for _ in range(25):
                with engine.begin() as connection:
                    connection.execute(
                        sn.upsert(table, [row("sum", 1)], key=["code"], update=add)
                    )
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failures == []
    assert codes(database, table)[2:] == [("sum", "sum@x", 100)]


def test_a_script_holds_the_statement_with_its_values(database: Database) -> None:
    table = with_places(database)
    out = io.StringIO()
    context = MigrationContext.configure(
        dialect=database.engine().dialect,
        opts={"as_sql": True, "output_buffer": out, "literal_binds": True},
    )
    op = Operations(context)
    op.execute(
        sn.upsert(
            table,
            [row("a", 40)],
            key=["code"],
            update={"n": table.c.n + 1000},
            where=table.c.n < 77,
        )
    )
    op.execute(
        sn.insert_missing(
            table,
            from_select=(
                ["code", "mail", "n"],
                sa.select(sa.literal("s"), sa.literal("s@x"), table.c.n + 5).where(
                    table.c.code == "b"
                ),
            ),
            key=["code"],
        )
    )

    statements = [part.strip() for part in out.getvalue().split(";") if part.strip()]
    assert len(statements) == 2
    for statement in statements:
        database.execute(statement)

    assert codes(database, table) == [
        ("a", "a@x", 1001),
        ("b", "b@x", 2),
        ("s", "s@x", 7),
    ]


def test_it_is_written_as_the_docstring_says() -> None:
    statement = sn.upsert(places(), [row("a", 1)], key=["code"], update=["n"])

    text = " ".join(str(statement).split())

    assert "ON CONFLICT (code) DO UPDATE SET n = excluded.n" in text


def test_parameters_are_bound_and_of_several_sets_none_is_taken(
    database: Database,
) -> None:
    table = with_places(database)
    query = sa.select(table.c.code, sa.bindparam("n", type_=sa.Integer)).where(
        table.c.code == sa.bindparam("code")
    )
    statement = sn.upsert(
        table, from_select=(["code", "n"], query), key=["code"], update=["n"]
    )

    database.execute(statement, {"code": "a", "n": 50})
    with pytest.raises(errors.DefinitionError, match="2 sets of parameters"):
        database.execute(statement, [{"code": "a", "n": 5}, {"code": "b", "n": 6}])

    assert [n for _, _, n in codes(database, table)] == [50, 2]
