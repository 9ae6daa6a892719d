"""``op.archive_column`` and ``op.restore_column``."""

from __future__ import annotations

import datetime
import decimal
import threading
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import errors
from tests.databases.database import Database
from tests.operations.ddl.conftest import Family
from tests.operations.ddl.cuts import die_anew

UP = 'op.archive_column("people", "{}")'
DOWN = 'op.restore_column("people", "{}")'
TABLE = """op.create_table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("part", sa.String(5), primary_key=True),
        sa.Column("name", sa.String(20), server_default="it's: x", nullable=False,
                  comment="who's it"),
        sa.Column("at", sa.DateTime),
        sa.Column("price", sa.Numeric(12, 3), server_default="1.5"),
        sa.Column("data", sa.LargeBinary),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("last", sa.Integer),
    )"""
ROWS = 40


@pytest.fixture
def people(family: Family) -> Family:
    """Make a table with a key of two columns, and columns of many types."""
    family.revision(TABLE, 'op.drop_table("people")', "a1", "r1")
    family.upgrade("a1")
    with family.database.engine().begin() as connection:
        table = sa.Table("people", sa.MetaData(), autoload_with=connection)
        connection.execute(
            sa.insert(table),
            [
                {
                    "id": i // 2,
                    "part": "ab"[i % 2],
                    "name": f"n{i} 🙂"[: 20 if i % 5 else 0],
                    "at": datetime.datetime(2020, 1, 1, 1, 2, i) if i % 3 else None,
                    "price": decimal.Decimal(i) / 8 if i % 4 else None,
                    "data": bytes([0, i, 255]) if i % 2 else None,
                    "note": f"'{i}%\\",
                    "last": i,
                }
                for i in range(ROWS)
            ],
        )
    return family


def revise(family: Family, column: str) -> None:
    family.revision(UP.format(column), DOWN.format(column), "a2", "a1")


def rows(family: Family) -> list[dict[str, t.Any]]:
    """Return all rows by column, however the columns are ordered."""
    engine = family.database.engine(poolclass=sa.NullPool)
    table = sa.Table("people", sa.MetaData(), autoload_with=engine)
    with engine.connect() as connection:
        found = connection.execute(sa.select(table).order_by(table.c.id, table.c.part))
        return [dict(row) for row in found.mappings()]


def described(family: Family) -> dict[str, t.Any]:
    engine = family.database.engine(poolclass=sa.NullPool)
    columns = sa.inspect(engine).get_columns("people")
    return {
        column["name"]: {**column, "type": str(column["type"])} for column in columns
    }


def own_tables(database: Database) -> list[str]:
    return [name for name in database.tables() if name.startswith("datamigrate_arch")]


@pytest.mark.parametrize("column", ["name", "at", "price", "data", "note", "last"])
def test_a_column_goes_and_comes_back_with_every_value(
    people: Family, form: str, column: str
) -> None:
    revise(people, column)
    before, columns = rows(people), described(people)

    people.upgrade()

    assert column not in described(people)
    assert own_tables(people.database) == [f"datamigrate_archive_people_{column}"]
    assert people.version == "a2"

    people.downgrade("a1")

    assert rows(people) == before
    assert described(people) == columns
    assert own_tables(people.database) == []
    assert people.version == "a1"

    people.upgrade()
    people.downgrade("a1")
    assert rows(people) == before


def test_rows_inserted_since_get_the_default_or_null(people: Family, form: str) -> None:
    for column, expected in (("price", decimal.Decimal("1.5")), ("at", None)):
        revise(people, column)
        people.upgrade()
        people.database.execute("DELETE FROM people WHERE id = 3")
        people.database.execute(
            "INSERT INTO people (id, part, note) VALUES (99, 'x', '')"
        )
        people.downgrade("a1")
        found = rows(people)
        assert len(found) == ROWS - 1
        assert found[-1][column] == expected
        assert found[0][column] is None
        people.database.execute("DELETE FROM people WHERE id = 99")
        people.database.execute(
            "INSERT INTO people (id, part, note) VALUES (3, 'a', ''), (3, 'b', '')"
        )


def test_null_where_none_is_allowed_is_counted_and_mended(
    people: Family, form: str
) -> None:
    revise(people, "note")
    people.upgrade()
    people.database.execute("INSERT INTO people (id, part) VALUES (99, 'x')")

    with pytest.raises(errors.SchemaError) as caught:
        people.downgrade("a1")

    assert "1 row ((id=99, part='x'))" in str(caught.value)
    assert people.version == "a2"
    if "note" in described(people):
        people.database.execute("UPDATE people SET note = 'new' WHERE id = 99")
    else:
        people.database.execute("DELETE FROM people WHERE id = 99")
    people.downgrade("a1")
    assert rows(people)[1]["note"] == "'1%\\"
    assert described(people)["note"]["nullable"] is False


def test_it_runs_under_plain_alembic_too(people: Family, form: str) -> None:
    revise(people, "name")
    before = rows(people)
    people.alembic("upgrade", "a2")
    assert "name" not in described(people)
    people.alembic("downgrade", "a1")
    assert rows(people) == before
    assert people.version == "a1"


def test_killed_behind_any_statement_no_value_is_lost(
    people: Family, form: str
) -> None:
    # Several batches, so that one is cut off between two of them.
    people.config["DATAMIGRATE_BATCH_SIZE"] = 15
    people.config["DATAMIGRATE_MAX_BATCH_SIZE"] = 15
    revise(people, "price")
    before, columns = rows(people), described(people)

    def up() -> None:
        people.upgrade("a2")

    def down() -> None:
        people.downgrade("a1")

    def is_gone() -> None:
        assert "price" not in described(people)
        assert people.version == "a2"

    def is_back() -> None:
        assert rows(people) == before
        assert described(people) == columns
        assert own_tables(people.database) == []
        assert people.version == "a1"

    assert die_anew(up, down, is_gone) > 3
    assert die_anew(down, up, is_back) > 3


WRITER = "UPDATE people SET last = last + 1000 WHERE id = :id"


@pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
def test_what_the_app_writes_during_the_copy_is_kept(people: Family) -> None:
    """Batches of one row, and as many writes as fit in between."""
    people.config["DATAMIGRATE_BATCH_SIZE"] = 1
    people.config["DATAMIGRATE_MAX_BATCH_SIZE"] = 1
    revise(people, "last")
    written: dict[int, int] = {}
    stop = threading.Event()
    engine = people.database.engine()

    def write() -> None:
        turn = 0
        while not stop.is_set():
            id = turn * 7 % (ROWS // 2)
            try:
                with engine.begin() as connection:
                    connection.execute(sa.text(WRITER), {"id": id})
            except sa.exc.DBAPIError as error:
                if "deadlock" in str(error).lower():
                    continue
                # The column is gone.
                return
            written[id] = written.get(id, 0) + 1
            turn += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        people.upgrade()
    finally:
        stop.set()
        thread.join()
    assert written
    people.downgrade("a1")

    expected = [i + 1000 * written.get(i // 2, 0) for i in range(ROWS)]
    assert [row["last"] for row in rows(people)] == expected


def test_a_column_of_the_key_is_refused(people: Family, form: str) -> None:
    before = rows(people)
    revise(people, "part")
    with pytest.raises(errors.SchemaError, match="part of the primary key"):
        people.upgrade()
    assert rows(people) == before
    assert own_tables(people.database) == []


NEEDED = {
    "index": ("CREATE INDEX ix_last ON people (last)", "index ix_last"),
    "unique": ("CREATE UNIQUE INDEX uq ON people (name, last)", "index uq"),
    "check": ("ALTER TABLE people ADD CONSTRAINT ck CHECK (last < 50)", "ck"),
    "foreign key": (
        "ALTER TABLE people ADD CONSTRAINT fk FOREIGN KEY (last) "
        "REFERENCES people2 (id)",
        "fk",
    ),
}


@pytest.mark.parametrize("what", NEEDED)
def test_a_column_that_something_needs_is_refused(
    people: Family, form: str, what: str
) -> None:
    statement, complaint = NEEDED[what]
    if statement.startswith("ALTER") and people.database.name == "sqlite":
        _, _, constraint = statement.partition("ADD ")
        sql = people.database.scalar(
            "SELECT sql FROM sqlite_master WHERE name='people'"
        )
        people.database.execute("DROP TABLE people")
        people.database.execute(f"{sql.rstrip().rstrip(')')}, {constraint})")
    else:
        if "people2" in statement:
            people.database.execute("CREATE TABLE people2 (id INTEGER PRIMARY KEY)")
            people.database.execute("DELETE FROM people")
        people.database.execute(statement)
    revise(people, "last")

    with pytest.raises(errors.SchemaError, match="it is needed by") as caught:
        people.upgrade()

    assert complaint in str(caught.value)
    assert "last" in described(people)
    assert own_tables(people.database) == []


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_view_and_a_sequence_are_named(people: Family, form: str) -> None:
    people.database.execute("CREATE VIEW v AS SELECT last FROM people")
    revise(people, "last")
    with pytest.raises(errors.SchemaError, match="view v"):
        people.upgrade()
    people.database.execute("ALTER TABLE people ADD COLUMN number serial")
    revise(people, "number")
    with pytest.raises(errors.SchemaError, match="sequence people_number_seq"):
        people.upgrade()


def test_what_is_not_there_is_refused(people: Family, form: str) -> None:
    revise(people, "nothing")
    with pytest.raises(errors.SchemaError, match="there is no column nothing"):
        people.upgrade()
    people.revision(DOWN.format("nothing"), "pass", "a2", "a1")
    with pytest.raises(errors.SchemaError, match="no such column was archived"):
        people.upgrade()


def test_a_column_that_was_never_archived_is_left_as_it_is(
    people: Family, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = rows(people)
    people.revision(DOWN.format("last"), "pass", "a2", "a1")

    people.upgrade()

    assert "nothing is archived, and the column is there" in capsys.readouterr().err
    assert rows(people) == before


def test_an_archive_is_never_written_over(people: Family, form: str) -> None:
    revise(people, "last")
    people.upgrade()
    people.database.execute("ALTER TABLE people ADD COLUMN last INTEGER")
    people.revision(UP.format("last"), "pass", "a3", "a2")
    with pytest.raises(errors.SchemaError, match="exists already"):
        people.upgrade()
    with pytest.raises(errors.SchemaError, match="a column of that name exists"):
        people.downgrade("a1")
    kept = people.database.rows("SELECT value FROM datamigrate_archive_people_last")
    assert sorted(kept) == [(i,) for i in range(ROWS)]


def test_autogenerate_passes_over_the_side_table(people: Family) -> None:
    revise(people, "last")
    people.upgrade()
    ran = people.project.run("db", "migrate", "-m", "x")
    assert ran.code == 0, ran.err
    (made,) = people.project.migrations.joinpath("versions").glob("*_x.py")
    assert "people" in made.read_text()
    assert "datamigrate" not in made.read_text()


def test_the_script_of_sql_mode_is_refused(people: Family) -> None:
    revise(people, "last")
    with pytest.raises(errors.OfflineError, match="values that only the database has"):
        people.upgrade("a1:a2", sql=True)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_sqlite_does_not_drop_leaves_all_as_it_was(people: Family) -> None:
    before = rows(people)
    people.database.execute("CREATE VIEW v AS SELECT last FROM people")
    revise(people, "last")

    with pytest.raises(errors.DataMigrateError, match="view v"):
        people.upgrade()

    assert rows(people) == before
    assert own_tables(people.database) == []
    people.database.execute("DROP VIEW v")
    people.upgrade()
    people.downgrade("a1")
    assert people.database.scalar("PRAGMA integrity_check") == "ok"


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_a_trigger_of_mariadb_that_uses_the_column_is_named(people: Family) -> None:
    people.database.execute(
        "CREATE TRIGGER own BEFORE UPDATE ON people FOR EACH ROW SET NEW.last = 1"
    )
    revise(people, "last")
    with pytest.raises(errors.SchemaError, match="trigger own"):
        people.upgrade()


def test_a_table_that_others_refer_to_is_archived(family: Family, form: str) -> None:
    family.revision(
        'op.archive_column("children", "parent_id")\n'
        '    op.archive_column("parents", "n")',
        'op.restore_column("parents", "n")\n'
        '    op.restore_column("children", "parent_id")',
    )
    family.upgrade()
    assert "n" not in family.table().c
    assert "parent_id" not in family.table("children").c
    family.downgrade()
    query = "SELECT p.n, c.parent_id FROM parents p JOIN children c ON c.id = p.id"
    assert sorted(family.database.rows(query)) == [(i, i) for i in range(1, 11)]
    assert family.database.scalar("SELECT count(*) FROM children") == 10
