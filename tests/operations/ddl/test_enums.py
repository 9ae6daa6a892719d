"""``op.add_enum_value`` and ``op.drop_enum_value``."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import errors
from tests.databases.database import Database
from tests.operations.ddl.conftest import Family

UP = 'op.add_enum_value("orders", "status", "back \'n\' forth", after="sent")'
DOWN = 'op.drop_enum_value("orders", "status", "back \'n\' forth")'
NEW = "back 'n' forth"

TABLE = """
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "status",
            sa.Enum("new", "sent", "it's", name="order_status"{options}),
            server_default="new",
            nullable=False,
            comment="where: it's at",
        ),
        sa.Column("other", sa.String(20), server_default="x (y), z"),
    )
"""
KINDS = {
    "native": "",
    "a CHECK": ", native_enum=False, create_constraint=True",
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, family: Family, form: str) -> str:
    """Make a table with an enum column of either kind."""
    name: str = request.param
    if family.database.name == "sqlite" and name == "native":
        # It has none; SQLAlchemy makes a VARCHAR there.
        name = "a CHECK"
    table = TABLE.format(options=KINDS[name])
    family.revision(table.strip(), 'op.drop_table("orders")', "e1", "r1")
    family.upgrade("e1")
    for i in range(1, 11):
        status = "it''s" if i == 3 else "new"
        family.database.execute(
            f"INSERT INTO orders (id, status) VALUES ({i}, '{status}')"
        )
    return name


def revise(family: Family, upgrade: str, downgrade: str = "pass") -> None:
    family.revision(upgrade, downgrade, "e2", "e1")


def statuses(database: Database) -> list[t.Any]:
    return [row[0] for row in database.rows("SELECT status FROM orders ORDER BY id")]


def notes(database: Database) -> list[t.Any]:
    if "datamigrate_ddl" not in database.tables():
        return []
    return database.rows("SELECT name FROM datamigrate_ddl")


def take(database: Database, status: str) -> None:
    database.execute(
        "UPDATE orders SET status = :status WHERE id = 5", {"status": status}
    )


def refuses(database: Database, status: str) -> bool:
    try:
        take(database, status)
    except sa.exc.DBAPIError:
        return True
    return False


def test_a_value_is_allowed_and_forbidden_again(family: Family, kind: str) -> None:
    revise(family, UP, DOWN)
    before = statuses(family.database)
    assert refuses(family.database, NEW)

    family.upgrade()

    assert family.version == "e2"
    assert statuses(family.database) == before
    take(family.database, NEW)
    assert statuses(family.database)[4] == NEW
    assert refuses(family.database, "another")
    take(family.database, "new")
    family.downgrade("e1")

    assert family.version == "e1"
    assert statuses(family.database) == before
    assert refuses(family.database, NEW)
    take(family.database, "it's")
    assert notes(family.database) == []


def test_the_column_keeps_all_it_had(family: Family, kind: str) -> None:
    before = described(family)
    revise(family, UP, DOWN)
    family.upgrade()
    assert described(family) == before
    family.database.execute("INSERT INTO orders (id) VALUES (99)")
    assert statuses(family.database)[-1] == "new"
    family.downgrade("e1")
    assert described(family) == before


def described(family: Family) -> list[t.Any]:
    """Return what the database says of the columns, but for an enum's values."""
    found = sa.inspect(family.database.engine()).get_columns("orders")
    return [
        {key: value for key, value in column.items() if key != "type"}
        for column in found
    ]


def test_values_are_sorted_in_the_order_they_were_given(
    family: Family, kind: str
) -> None:
    revise(family, 'op.add_enum_value("orders", "status", "first", before="new")')
    family.upgrade()
    take(family.database, "first")
    if kind == "native":
        ordered = family.database.rows("SELECT id FROM orders ORDER BY status, id")
        assert ordered[0] == (5,)
    family.revision('op.add_enum_value("orders", "status", "last")', "pass", "e3", "e2")
    family.upgrade()
    take(family.database, "last")
    if kind == "native":
        ordered = family.database.rows("SELECT id FROM orders ORDER BY status, id")
        assert ordered[-1] == (5,)


def test_a_value_that_is_longer_than_the_column_fits(family: Family, kind: str) -> None:
    value = "x" * 40
    revise(family, f'op.add_enum_value("orders", "status", "{value}")')
    family.upgrade()
    take(family.database, value)
    assert statuses(family.database)[4] == value
    if kind != "native":
        type_ = family.table("orders").c.status.type
        assert t.cast(sa.String, type_).length == 40


def test_a_column_that_was_made_longer_is_made_shorter_again(
    family: Family, kind: str
) -> None:
    value = "x" * 40
    arguments = f'"orders", "status", "{value}"'
    revise(
        family, f"op.add_enum_value({arguments})", f"op.drop_enum_value({arguments})"
    )
    before = family.table("orders").c.status.type
    family.upgrade()
    family.downgrade("e1")
    after = family.table("orders").c.status.type
    large = family.database.name == "postgresql" and not family.is_small
    if kind == "native" or not large:
        assert repr(after) == repr(before)
    else:
        # All rows would be written anew.
        assert t.cast(sa.String, after).length == 40
    assert notes(family.database) == []


def test_a_value_that_is_the_default_is_not_dropped(family: Family, kind: str) -> None:
    family.database.execute("UPDATE orders SET status = 'sent'")
    revise(family, 'op.drop_enum_value("orders", "status", "new")')

    with pytest.raises(errors.SchemaError) as caught:
        family.upgrade()

    assert "'new' is the default of column orders.status" in str(caught.value)
    assert "Nothing was changed" in str(caught.value)
    assert 'op.alter_column("orders", "status", server_default=' in str(caught.value)
    assert family.version == "e1"


def test_rows_that_the_same_revision_changes(family: Family, kind: str) -> None:
    revise(
        family,
        "op.execute(\"UPDATE orders SET status = 'new'\")\n"
        '    op.drop_enum_value("orders", "status", "it\'s")',
    )
    database = family.database
    outside = database.name == "postgresql" and (
        kind == "native" or not family.is_small
    )
    if outside:
        with pytest.raises(errors.SchemaError) as caught:
            family.upgrade()
        assert "of 1 row (id=3) in table orders, outside of this" in str(caught.value)
        assert "into a revision of its own, behind it" in str(caught.value)
        assert family.version == "e1"
    else:
        family.upgrade()
        assert refuses(database, "it's")


def test_the_value_can_be_used_in_the_same_revision(family: Family, kind: str) -> None:
    revise(
        family,
        f"{UP}\n    op.execute(\"UPDATE orders SET status = 'back ''n'' forth'\")",
    )
    family.upgrade()
    assert set(statuses(family.database)) == {NEW}


def test_a_value_that_exists_is_refused(family: Family, kind: str) -> None:
    revise(family, 'op.add_enum_value("orders", "status", "it\'s")')
    for _ in range(2):
        with pytest.raises(errors.SchemaError, match="exists already") as caught:
            family.upgrade()
        assert "op.add_enum_value, column orders.status" in str(caught.value)
        assert family.version == "e1"


def test_a_value_that_another_revision_added_is_refused(
    family: Family, kind: str
) -> None:
    revise(family, UP, DOWN)
    family.upgrade()
    family.revision(UP, "pass", "e3", "e2")
    with pytest.raises(errors.SchemaError, match="exists already"):
        family.upgrade()
    assert family.version == "e2"


def test_a_place_that_does_not_exist_is_refused(family: Family, kind: str) -> None:
    revise(family, 'op.add_enum_value("orders", "status", "x", after="y")')
    with pytest.raises(errors.SchemaError, match="no value 'y' to put 'x' beside"):
        family.upgrade()
    revise(
        family, 'op.add_enum_value("orders", "status", "x", after="new", before="a")'
    )
    with pytest.raises(errors.SchemaError, match="before= and after="):
        family.upgrade()
    assert refuses(family.database, "x")


def test_a_column_that_is_no_enum_is_refused(family: Family, kind: str) -> None:
    revise(family, 'op.add_enum_value("orders", "id", "x")')
    with pytest.raises(errors.SchemaError, match="it is no enum"):
        family.upgrade()
    revise(family, 'op.add_enum_value("orders", "nothing", "x")')
    with pytest.raises(errors.SchemaError, match="there is no column nothing"):
        family.upgrade()


def test_a_value_that_rows_have_is_not_dropped(family: Family, kind: str) -> None:
    revise(family, UP, DOWN)
    family.upgrade()
    family.database.execute(
        "UPDATE orders SET status = :status WHERE id > 6", {"status": NEW}
    )

    with pytest.raises(errors.SchemaError) as caught:
        family.downgrade("e1")

    assert "is the status of 4 rows (id=7, id=8, id=9, …)" in str(caught.value)
    assert family.version == "e2"
    assert statuses(family.database).count(NEW) == 4


def test_it_runs_under_plain_alembic_too(family: Family, kind: str) -> None:
    revise(family, UP, DOWN)
    family.alembic("upgrade", "head")
    take(family.database, NEW)
    take(family.database, "new")
    family.alembic("downgrade", "e1")
    assert refuses(family.database, NEW)
    family.alembic("upgrade", "head")
    assert family.version == "e2"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_type_of_several_columns_is_made_anew_for_all(family: Family) -> None:
    family.database.execute("CREATE SCHEMA s")
    family.database.execute("CREATE TYPE s.mood AS ENUM ('a', 'b')")
    for table in ("one", "s.two"):
        family.database.execute(
            f"CREATE TABLE {table} (id int PRIMARY KEY, m s.mood DEFAULT 'a')"
        )
    family.database.execute("CREATE INDEX ix ON s.two (m)")
    family.revision(
        'op.add_enum_value("two", "m", "c", schema="s")',
        'op.drop_enum_value("two", "m", "c", schema="s")',
    )
    family.upgrade()
    family.database.execute("INSERT INTO one (id, m) VALUES (1, 'c')")
    with pytest.raises(errors.SchemaError, match="the m of 1 row .id=1. in table one"):
        family.downgrade()
    family.database.execute("DELETE FROM one")
    family.downgrade()
    family.database.execute("INSERT INTO s.two (id) VALUES (1)")
    assert family.database.scalar("SELECT m FROM s.two") == "a"
    types = "SELECT typname FROM pg_type WHERE typtype = 'e'"
    assert family.database.rows(types) == [("mood",)]


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_a_column_of_mariadb_keeps_its_character_set_and_check(family: Family) -> None:
    family.database.execute(
        "CREATE TABLE moods (id int PRIMARY KEY, "
        "m enum('a','b''c','d\\\\e') CHARACTER SET latin1 INVISIBLE DEFAULT 'a' "
        "COMMENT 'x\\ny', v varchar(3) CHECK (v IN ('q', 'r')))"
    )
    family.revision(
        'op.add_enum_value("moods", "m", "f\\\\g")\n'
        '    op.add_enum_value("moods", "v", "long enough", before="r")',
        'op.drop_enum_value("moods", "v", "long enough")\n'
        '    op.drop_enum_value("moods", "m", "f\\\\g")',
    )
    before = family.database.rows("SHOW CREATE TABLE moods")[0][1]
    family.upgrade()
    after = family.database.rows("SHOW CREATE TABLE moods")[0][1]
    added = before.replace("'d\\\\e')", "'d\\\\e','f\\\\g')")
    added = added.replace("varchar(3)", "varchar(11)")
    assert after == added.replace("('q','r')", "('q','long enough','r')")
    family.downgrade()
    back = family.database.rows("SHOW CREATE TABLE moods")[0][1]
    assert back == before


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_table_of_sqlite_keeps_its_text_rows_and_triggers(family: Family) -> None:
    family.database.execute(
        "CREATE TABLE moods (id INTEGER PRIMARY KEY AUTOINCREMENT, -- it's\n"
        "[m] VARCHAR(2) COLLATE NOCASE CHECK (\"m\" IN ('a', 'b')), n INT)"
    )
    family.database.execute(
        "CREATE TRIGGER t AFTER INSERT ON moods BEGIN SELECT 1; END"
    )
    family.database.execute("INSERT INTO moods (m) VALUES ('a')")
    family.revision(
        'op.add_enum_value("moods", "m", "ccc")',
        'op.drop_enum_value("moods", "m", "ccc")',
    )
    family.upgrade()
    sql = "SELECT sql FROM sqlite_master WHERE name = 'moods'"
    assert family.database.scalar(sql) == (
        "CREATE TABLE moods (id INTEGER PRIMARY KEY AUTOINCREMENT, -- it's\n"
        "[m] VARCHAR(3) COLLATE NOCASE CHECK (\"m\" IN ('a', 'b', 'ccc')), n INT)"
    )
    family.database.execute("INSERT INTO moods (m) VALUES ('ccc')")
    assert family.database.scalar("PRAGMA integrity_check") == "ok"
    assert family.database.scalar("SELECT count(*) FROM sqlite_master WHERE name = 't'")


def test_the_script_of_sql_mode_is_refused(family: Family, kind: str) -> None:
    revise(family, UP, DOWN)
    with pytest.raises(errors.OfflineError, match="only the database can tell"):
        family.upgrade("e1:e2", sql=True)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    "in_the_way",
    ["CREATE VIEW v AS SELECT m FROM one", "CREATE TABLE arrays (m mood[])"],
)
def test_a_type_that_cannot_be_made_anew_stays_as_it_is(
    family: Family, form: str, in_the_way: str
) -> None:
    family.database.execute("CREATE TYPE mood AS ENUM ('a', 'b')")
    family.database.execute("CREATE TABLE one (id int PRIMARY KEY, m mood)")
    family.database.execute("INSERT INTO one VALUES (1, 'a')")
    family.database.execute(in_the_way)
    family.revision(
        'op.add_enum_value("one", "m", "c")', 'op.drop_enum_value("one", "m", "c")'
    )
    family.upgrade()

    with pytest.raises(errors.DataMigrateError):
        family.downgrade()

    assert family.version == "r2"
    types = "SELECT typname FROM pg_type WHERE typtype = 'e'"
    assert family.database.rows(types) == [("mood",)]
    family.database.execute("UPDATE one SET m = 'c'")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_text_of_sqlite_without_a_check_takes_any_value(
    family: Family, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    revise(
        family,
        'op.add_enum_value("orders", "other", "y", after="x")',
        'op.drop_enum_value("orders", "other", "y")',
    )

    family.upgrade()

    assert "nothing to do, the column has no CHECK" in capsys.readouterr().err
    family.database.execute("UPDATE orders SET other = 'y' WHERE id = 1")
    with pytest.raises(errors.SchemaError, match="'y' is the other of 1 row"):
        family.downgrade("e1")
    family.database.execute("UPDATE orders SET other = 'x'")
    family.downgrade("e1")
    assert family.version == "e1"
