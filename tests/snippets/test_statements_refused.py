"""What ``sn.upsert`` and ``sn.insert_missing`` must not swallow, nor take."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database
from tests.snippets.places import WAYS
from tests.snippets.places import codes
from tests.snippets.places import counted
from tests.snippets.places import places
from tests.snippets.places import row
from tests.snippets.places import with_places


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("mail_first", [False, True])
def test_a_row_that_meets_another_unique_key_is_an_error(
    database: Database, name: str, mail_first: bool
) -> None:
    table = with_places(database, mail_first)
    before = codes(database, table)

    with pytest.raises(sa.exc.IntegrityError):
        database.execute(WAYS[name](table, [row("c", 3), row("d", 4, "a@x")]))

    assert codes(database, table) == before


@pytest.mark.parametrize("name", WAYS)
def test_a_row_that_meets_its_key_and_another_rows_other_key(
    database: Database, name: str
) -> None:
    """The key was made first here; otherwise MariaDB says it is a duplicate."""
    table = with_places(database)
    rows = [row("a", 9, "b@x")]

    if name == "upsert":
        database.execute(sn.upsert(table, rows, key=["code"], update=["n"]))
        assert codes(database, table)[0] == ("a", "a@x", 9)
        with pytest.raises(sa.exc.IntegrityError):
            database.execute(sn.upsert(table, rows, key=["code"]))
    else:
        database.execute(sn.insert_missing(table, rows, key=["code"]))
        assert codes(database, table)[0] == ("a", "a@x", 1)


@pytest.mark.parametrize("name", WAYS)
def test_such_a_row_is_never_another_row_changed(database: Database, name: str) -> None:
    table = with_places(database, mail_first=True)
    statement = WAYS[name](table, [row("a", 9, "b@x")])

    if database.name == "mysql" or name == "upsert":
        with pytest.raises(sa.exc.IntegrityError):
            database.execute(statement)
    else:
        database.execute(statement)

    assert codes(database, table) == [("a", "a@x", 1), ("b", "b@x", 2)]


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("code", ["a", "new"])
def test_a_null_where_none_may_be_is_an_error(
    database: Database, name: str, code: str
) -> None:
    table = with_places(database)

    with pytest.raises(sa.exc.IntegrityError):
        database.execute(WAYS[name](table, [row("c", 3), row(code, None)]))

    assert len(codes(database, table)) == 2


@pytest.mark.parametrize("name", WAYS)
def test_a_value_of_a_wrong_type_is_refused_before(name: str) -> None:
    with pytest.raises(errors.DefinitionError, match="row 2: column n holds Integer"):
        WAYS[name](places(), [row("a", 1), row("b", "many")])


@pytest.mark.parametrize("name", WAYS)
def test_a_missing_parent_is_an_error(database: Database, name: str) -> None:
    with_places(database)
    # MariaDB makes no reference of one that stands in a column.
    database.execute(
        "CREATE TABLE children (code varchar(20) PRIMARY KEY, place integer, "
        "FOREIGN KEY (place) REFERENCES places (id))"
    )
    children = frozen.table(
        "children",
        sa.Column("code", sa.String(20), primary_key=True),
        sa.Column("place", sa.Integer),
    )
    with database.engine().connect() as connection:
        if database.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        with pytest.raises(sa.exc.IntegrityError):
            connection.execute(WAYS[name](children, [{"code": "a", "place": 1}]))
            connection.execute(WAYS[name](children, [{"code": "b", "place": 99}]))


@pytest.mark.parametrize("query", [False, True])
def test_a_key_that_comes_twice_is_refused_before_anything_changes(
    database: Database, query: bool
) -> None:
    table = with_places(database)
    rows = [row("q", 3), row("a", 4), row("q", 5, "r@x")]
    if query:
        source = frozen.table(
            "drafts",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("code", sa.String(20)),
        )
        create(database, source)
        fill(database, source, [{"code": r["code"]} for r in rows])
        given: dict[str, t.Any] = {
            "from_select": (["code", "n"], sa.select(source.c.code, source.c.id))
        }
    else:
        given = {"rows": rows}

    with pytest.raises(errors.SourceError, match="key code='q' more than once"):
        database.execute(sn.upsert(table, key=["code"], **given))

    assert len(codes(database, table)) == 2
    # Either of them is right where nothing of them is compared.
    assert counted(database, sn.insert_missing(table, key=["code"], **given)) == 1


@pytest.mark.parametrize(
    ("database", "collation"),
    [("mysql", "utf8mb4_general_ci"), ("sqlite", "NOCASE")],
    indirect=["database"],
)
def test_keys_that_the_column_calls_equal_come_twice(
    database: Database, collation: str
) -> None:
    table = frozen.table(
        "words",
        sa.Column("word", sa.String(20, collation=collation), primary_key=True),
        sa.Column("n", sa.Integer),
    )
    create(database, table)
    many = [{"word": f"w{i}", "n": i} for i in range(900)]
    rows = [{"word": "Oslo", "n": 1}, *many, {"word": "OSLO", "n": 2}]

    with pytest.raises(errors.SourceError, match="(?i)oslo"):
        database.execute(sn.upsert(table, rows, key=["word"]))
    database.execute(sn.upsert(table, rows[:-1], key=["word"]))
    database.execute(sn.upsert(table, rows[-1:], key=["word"]))

    assert database.scalar("SELECT n FROM words WHERE word = 'oslo'") == 2
    assert database.scalar("SELECT count(*) FROM words") == 901


@pytest.mark.parametrize("name", WAYS)
def test_a_key_that_is_not_unique_in_the_database_is_refused(
    database: Database, name: str
) -> None:
    table = with_places(database)
    way = {"upsert": sn.upsert, "insert_missing": sn.insert_missing}[name]

    with pytest.raises(errors.DefinitionError, match="no unique key of just n") as info:
        database.execute(way(table, [row("a", 1)], key=["n"]))

    assert "op.create_unique_constraint" in str(info.value)


WRONG: dict[str, tuple[dict[str, t.Any], str]] = {
    "no rows": ({"rows": []}, "there are no rows"),
    "rows unlike": ({"rows": [row("a", 1), {"code": "b"}]}, "row 2 has code"),
    "unknown column": ({"rows": [{"cod": 1}]}, "names cod, which"),
    "no key": ({"rows": [{"n": 1}]}, "no value for code"),
    "unknown update": ({"update": ["m"]}, "update= names m"),
    "update without value": (
        {"rows": [{"code": "a", "n": 1}], "update": ["mail"]},
        "update= names mail, for which the new rows have no value",
    ),
    "update of the key": ({"update": ["code"]}, "updates code, its own key"),
    "nothing to update": ({"rows": [{"code": "a"}]}, "nothing to update"),
    "a wrong type": ({"update": {"n": sa.literal("x")}}, "column n holds"),
    "both": ({"from_select": (["n"], sa.select(sa.literal(1)))}, "either rows or"),
    "too many": ({"rows": [row(f"c{i}", i) for i in range(10_001)]}, "more than 30,0"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_work_is_refused_when_it_is_written(name: str) -> None:
    given, complaint = WRONG[name]

    with pytest.raises(errors.DefinitionError, match=complaint):
        sn.upsert(places(), **{"rows": [row("a", 1)], "key": ["code"], **given})


def test_columns_computed_from_each_other_are_refused() -> None:
    other = frozen.table(
        "pairs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", sa.Integer),
        sa.Column("b", sa.Integer),
    )

    with pytest.raises(errors.DefinitionError, match="computed from each other"):
        sn.upsert(
            other,
            [{"id": 1, "a": 1, "b": 2}],
            key=["id"],
            update={"a": other.c.b, "b": other.c.a},
        )


def test_a_subquery_of_ones_own_that_has_several_rows_is_no_duplicate(
    database: Database,
) -> None:
    table = with_places(database)
    other = table.alias("other")
    update = {"n": sa.select(other.c.n).scalar_subquery()}
    statement = sn.upsert(table, [row("a", 1)], key=["code"], update=update)

    if database.name == "sqlite":
        # It takes the first of them.
        database.execute(statement)
    else:
        with pytest.raises(sa.exc.DBAPIError) as caught:
            database.execute(statement)
        assert not isinstance(caught.value, sa.exc.IntegrityError)
