"""JSON beside what the parity tables hold: how it is stored, and what is refused."""

from __future__ import annotations

import datetime as dt
import decimal
import typing as t

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn
from tests.backfill.engine import Engine
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database

JSONB = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)


def profiles(doc: t.Any) -> sa.Table:
    return frozen.table(
        "profiles",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("doc", doc),
        sa.Column("city", sa.String(50)),
        sa.Column("visits", sa.Integer),
    )


DOCUMENTS: list[t.Any] = [
    {"address": {"city": "Bär\U0001f43b"}, "tags": ["a", "b"]},
    {"address": None},
    {"address": "nowhere"},
    {},
    [],
    None,
]


@pytest.fixture(params=["json", "jsonb"])
def table(database: Database, request: pytest.FixtureRequest) -> sa.Table:
    """A table with :data:`DOCUMENTS`."""
    type_ = JSONB if request.param == "jsonb" else sa.JSON(none_as_null=True)
    table = profiles(type_)
    create(database, table)
    fill(
        database,
        table,
        [{"id": n, "doc": doc, "visits": n} for n, doc in enumerate(DOCUMENTS, 1)],
    )
    return table


def test_a_backfill_takes_columns_out_of_documents_and_back(
    database: Database, table: sa.Table
) -> None:
    before = contents(database, table)
    backfill = Backfill(
        sa.update(table).values(
            city=sn.json_get_text(table.c.doc, "address.city"),
            doc=sn.json_set(table.c.doc, "seen.total", table.c.visits),
        ),
        batch_size=2,
        undo=True,
        verify=sa.select(sa.func.count())
        .select_from(table)
        .where(table.c.city.is_(None), table.c.id == 1),
    )
    engine = Engine(database)

    engine.run(backfill)
    assert contents(database, table, "city", "doc") == [
        (
            "Bär\U0001f43b",
            {
                "address": {"city": "Bär\U0001f43b"},
                "tags": ["a", "b"],
                "seen": {"total": 1},
            },
        ),
        (None, {"address": None, "seen": {"total": 2}}),
        (None, {"address": "nowhere", "seen": {"total": 3}}),
        (None, {"seen": {"total": 4}}),
        (None, []),
        (None, None),
    ]
    engine.undo(backfill)
    assert contents(database, table) == before


def test_rows_are_found_by_what_their_documents_hold(
    database: Database, table: sa.Table
) -> None:
    ids = sa.select(table.c.id).order_by(table.c.id)
    tag = sn.json_get_text(table.c.doc, "tags[-1]")
    address = sn.json_get(table.c.doc, "address")

    assert database.rows(ids.where(tag == "b")) == [(1,)]
    # Nor does MySQL take a letter for another one.
    assert database.rows(ids.where(tag.in_(["B", "b ", "ḃ"]))) == []
    # JSON's null is something, and NULL is what is not there.
    assert database.rows(ids.where(address.is_not(None))) == [(1,), (2,), (3,)]


def test_null_stays_null_and_becomes_null_in_json(
    database: Database, table: sa.Table
) -> None:
    changed = sn.json_set(table.c.doc, "city", table.c.city)

    found = database.rows(
        sa.select(changed, changed.is_(None))
        .where(table.c.id.in_([4, 6]))
        .order_by(table.c.id)
    )

    assert found == [({"city": None}, False), (None, True)]


def test_a_script_does_the_same(database: Database, table: sa.Table) -> None:
    doc = table.c.doc
    statement = sa.update(table).values(
        doc=sn.json_set(doc, ["seen", "it's é \\ :x", 0], {"q": 'say "hi" \\ it\'s'}),
        city=sn.json_get_text(sn.json_object(a=sn.json_get(doc, "tags[-1]")), "a"),
    )
    with database.engine().connect() as connection:
        # SQLAlchemy 2.0 asks PostgreSQL what a backslash in a literal means.
        script = str(
            statement.compile(connection, compile_kwargs={"literal_binds": True})
        )
    before = contents(database, table)
    database.execute(statement)
    expected = contents(database, table)
    database.execute(sa.delete(table))
    names = ("id", "doc", "city", "visits")
    fill(database, table, [dict(zip(names, row, strict=True)) for row in before])

    database.execute(script)

    assert expected[0][1]["seen"] == {"it's é \\ :x": [{"q": 'say "hi" \\ it\'s'}]}
    assert expected[0][2] == "b"
    assert contents(database, table) == expected


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("a", ["a"]),
        ("a.b[0][-1].c", ["a", "b", 0, -1, "c"]),
        ("[2].a", [2, "a"]),
        ('"a.b"."c\\"d".""', ["a.b", 'c"d', ""]),
        ('a."\\u00e9"', ["a", "é"]),
        ("é.\U0001f600.0", ["é", "\U0001f600", "0"]),
        ("$ref.a-b.x:y", ["$ref", "a-b", "x:y"]),
        (("a", 0), ["a", 0]),
    ],
)
def test_a_path_in_text_is_its_steps(path: t.Any, steps: list[str | int]) -> None:
    doc = sa.column("doc", sa.JSON)
    dialect = postgresql.dialect()

    written = sn.json_get(doc, path).compile(dialect=dialect)

    assert str(written) == str(sn.json_get(doc, steps).compile(dialect=dialect))


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("", "the path is empty"),
        ([], "the path is empty"),
        (".a", r"at character 1, '\.a': a key or an index"),
        ("a.", "at its end: a key was expected"),
        ("a..b", r"at character 3, '\.b': a key was"),
        ("a[x]", r"at character 2, '\[x\]': a dot or an index"),
        ("a[1", r"at character 2, '\[1'"),
        ("a[]", r"at character 2, '\[\]'"),
        ("a[1.5]", r"at character 2, '\[1\.5\]'"),
        ("a[1]b", "at character 5, 'b': a dot or an index"),
        ("a.[1]", r"at character 3, '\[1\]': a key"),
        ("a b", "at character 2, ' b'"),
        ("a.*", r"at character 3, '\*': a key"),
        ("$.a", r"at character 1, '\$\.a': a key, for no \$"),
        ("a[*]", r"at character 2, '\[\*\]'"),
        ('a."b', "at character 3"),
        ('"a"b', "at character 4, 'b'"),
        ('a."\\x"', "at character 3.*as JSON writes"),
        ("a\n", "at character 2"),
        ("[١]", "at character 1"),
        (["a", 1.0], "a key or an index, and this is 1.0"),
        (["a", True], "and this is True"),
        (["a", None], "and this is None"),
        (["a\0"], "no database has a text like the key"),
        (["\ud83d"], "no database has a text like the key"),
        (None, "no path: None"),
        (5, "no path: 5"),
    ],
)
@pytest.mark.parametrize("snippet", ["json_get", "json_get_text", "json_set"])
def test_a_path_that_does_not_parse_is_refused(
    snippet: str, path: t.Any, place: str
) -> None:
    more = (1,) if snippet == "json_set" else ()

    with pytest.raises(errors.DefinitionError, match=place) as caught:
        getattr(sn, snippet)(sa.column("doc", sa.JSON), path, *more)

    assert caught.value.where == f"snippets.{snippet}"
    assert "a.b[0]" in caught.value.next or "U+0000" in caught.value.next


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "cannot be JSON"),
        ([float("inf")], "cannot be JSON"),
        (dt.date(2024, 1, 1), "cannot be JSON"),
        ({"a": object()}, "cannot be JSON"),
        (b"x", "cannot be JSON"),
        ("a\0b", "no database has such a text"),
        ({"\ud83d": 1}, "no database has such a text"),
        (sa.column("at", sa.DateTime), "JSON has no DateTime.*Convert it to text"),
        (sa.column("id", sa.Uuid), "JSON has no Uuid"),
        (sa.literal_column("1"), "JSON has no NullType.*sa.type_coerce"),
    ],
)
def test_a_value_that_json_has_not_is_refused(value: t.Any, message: str) -> None:
    with pytest.raises(errors.DefinitionError, match=message):
        sn.json_set(sa.column("doc", sa.JSON), "a", value)
    with pytest.raises(errors.DefinitionError, match=message):
        sn.json_object(a=value)


def test_what_is_no_document_is_refused() -> None:
    with pytest.raises(errors.DefinitionError, match="is given Integer.*sa.JSON"):
        sn.json_get(sa.column("id", sa.Integer), "a")


@pytest.mark.parametrize("key", [1, None, "a\0b"])
def test_a_key_that_is_no_text_is_refused(key: t.Any) -> None:
    with pytest.raises(errors.DefinitionError, match="a key is a text"):
        sn.json_object({key: 1})


def test_a_backslash_before_u0000_is_only_text(database: Database) -> None:
    text = "\\u0000 \\\\"

    assert database.scalar(sa.select(sn.json_object(a=text))) == {"a": text}


@pytest.mark.parametrize("number", ["1e400", "-1e30", "-0", "1.50", f"{2**90}.125"])
def test_a_number_stays_equal_however_it_is_spelled(
    database: Database, number: str
) -> None:
    text = sa.literal(f'{{"n": {number}}}', sa.Text())
    made = sn.json_remove(sn.json_set(text, "new", 1), "new")
    with database.engine().connect() as connection:
        found = connection.scalar(sa.select(sn.json_get_text(made, "n")))

    assert decimal.Decimal(found) == decimal.Decimal(number)


def test_sqlite_refuses_a_key_it_has_no_path_for() -> None:
    statement = sa.select(sn.json_get(sa.column("doc", sa.JSON), ['a"b.c']))

    assert statement.compile(dialect=postgresql.dialect())
    assert statement.compile(dialect=mysql.dialect())
    with pytest.raises(errors.DefinitionError, match="no path to the key 'a\"b.c'"):
        statement.compile(dialect=sqlite.dialect())


def test_an_old_sqlite_is_refused() -> None:
    old = sqlite.dialect()
    old.server_version_info = (3, 37, 2)
    statement = sa.select(sn.json_get_text(sa.column("doc", sa.JSON), "a"))

    with pytest.raises(
        errors.DefinitionError, match=r"SQLite 3.38, and this is 3.37.2"
    ):
        statement.compile(dialect=old)


def test_other_paths_and_values_do_not_share_sql(database: Database) -> None:
    engine = database.engine()
    with engine.connect() as connection:
        found = [
            connection.scalar(sa.select(sn.json_get(sn.json_set({}, path, value), "a")))
            for path, value in (
                ("a", 1),
                ("a", True),
                ("b", 1),
                ("a[0]", 1),
                ("a.0", 2),
            )
        ]

    assert found == [1, True, None, [1], {"0": 2}]
    assert found[1] is True
