"""An undo of an insert takes out the rows that came in, unless they are in use."""

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
from tests.backfill.engine import with_foreign_keys
from tests.databases.database import Database

CITIES = {
    "postgresql": "CREATE TABLE cities (id SERIAL PRIMARY KEY, {})",
    "mysql": "CREATE TABLE cities (id INTEGER AUTO_INCREMENT PRIMARY KEY, {})",
    "sqlite": "CREATE TABLE cities (id INTEGER PRIMARY KEY, {})",
}
COLUMNS = "name VARCHAR(50) UNIQUE, note VARCHAR(50) DEFAULT 'new', n INTEGER DEFAULT 1"
NAMES = ["Oslo", "Roma", None, "žluť 🐍", "oslo ", "", "Bonn", "it's %s :x"]


class Case:
    """Users with a city each, and a table of cities with one row of its own."""

    def __init__(self, database: Database) -> None:
        self.users = frozen.table(
            "users",
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("city", sa.String(50)),
        )
        self.cities = frozen.table(
            "cities",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("name", sa.String(50)),
        )
        create(database, self.users)
        columns = COLUMNS
        if database.name == "mysql":
            columns = columns.replace("50) U", "50) COLLATE utf8mb4_bin U")
        database.execute(CITIES[database.name].format(columns))
        rows = [{"id": i, "city": name} for i, name in enumerate(NAMES, 1)]
        fill(database, self.users, rows)
        database.execute("INSERT INTO cities (name, note) VALUES ('Roma', 'mine')")
        self.database = database

    def plain(self, **options: t.Any) -> Backfill:
        query = sa.select(self.users.c.city).where(self.users.c.city.is_not(None))
        query = query.where(self.users.c.city != "Roma")
        return Backfill(
            sa.insert(self.cities).from_select(["name"], query),
            over=self.users,
            undo=True,
            **{"batch_size": 2, **options},
        )

    def missing(self, **options: t.Any) -> Backfill:
        query = sa.select(self.users.c.city).where(self.users.c.city.is_not(None))
        return Backfill(
            sn.insert_missing(self.cities, from_select=(["name"], query), key=["name"]),
            over=self.users,
            undo=True,
            **{"batch_size": 2, **options},
        )

    def everything(self) -> list[tuple[t.Any, ...]]:
        return self.database.rows(sa.text("SELECT * FROM cities ORDER BY id"))

    def names(self) -> set[str]:
        return {row[1] for row in self.everything()}


FORMS = pytest.mark.parametrize("form", ["plain", "missing"])


@FORMS
def test_inserted_rows_are_taken_out(database: Database, form: str) -> None:
    case = Case(database)
    backfill = getattr(case, form)
    before = case.everything()
    engine = Engine(database)

    assert engine.run(backfill()).changed == 6
    assert len(case.everything()) == 7
    report = engine.undo(backfill())

    assert case.everything() == before
    assert (report.state, report.changed, report.conflicts) == ("undone", 6, 0)
    assert "6 rows removed, " in report.summary()
    assert not [name for name in database.tables() if "undo" in name]


@FORMS
def test_rows_somebody_changed_or_uses_are_left_alone_and_counted(
    database: Database, form: str
) -> None:
    """In a column the revision does not know, too; and whatever the reference does."""
    case = Case(database)
    database.execute(
        "CREATE TABLE shops (id INTEGER PRIMARY KEY, city_id INTEGER, "
        "FOREIGN KEY (city_id) REFERENCES cities (id) ON DELETE CASCADE)"
    )
    backfill = getattr(case, form)()
    engine = Engine(database, sa_engine=with_foreign_keys(database))
    engine.run(backfill)
    database.execute("UPDATE cities SET note = 'edited' WHERE name = 'Oslo'")
    database.execute("UPDATE cities SET n = NULL WHERE name = 'Bonn'")
    database.execute("DELETE FROM cities WHERE name = ''")
    used = database.scalar("SELECT id FROM cities WHERE name = 'oslo '")
    database.execute(f"INSERT INTO shops VALUES (1, {used})")
    database.execute("INSERT INTO cities (name) VALUES ('Later')")

    report = engine.undo(backfill)

    assert case.names() == {"Roma", "Oslo", "Bonn", "oslo ", "Later"}
    assert (report.changed, report.conflicts) == (2, 4)
    assert "4 changed, used or deleted by somebody since" in report.summary()
    assert database.scalar("SELECT count(*) FROM shops") == 1
    kept = engine.record().undo_table
    assert database.scalar(f"SELECT count(*) FROM {kept}") == 6


@FORMS
def test_both_ways_go_on_after_a_stop(database: Database, form: str) -> None:
    case = Case(database)
    backfill = getattr(case, form)()
    before = case.everything()
    engine = Engine(database, config={"max_batch_size": 2})

    for act in (engine.run, engine.undo):
        with at_each_batch(lambda progress: engine.stop.set()):
            with pytest.raises(errors.InterruptedRun):
                act(backfill)
        engine.stop.clear()
        act(backfill)

    assert case.everything() == before


def test_insert_undo_and_insert_again(database: Database) -> None:
    case = Case(database)
    before = case.everything()
    engine = Engine(database)
    engine.run(case.missing())
    for _ in range(2):
        engine.applied()
        engine.undo(case.missing())
        assert case.everything() == before
        assert engine.run(case.missing()).changed == 6


def test_a_row_somebody_else_inserts_meanwhile_stays_his(database: Database) -> None:
    """Between the look at what is there and the insert, if there is such a moment."""
    case = Case(database)
    sa_engine = database.engine(poolclass=sa.NullPool)
    done: list[int] = []

    def meanwhile(statement: str) -> None:
        if "INSERT INTO cities" in statement and not done:
            done.append(1)
            if database.name != "sqlite":
                # SQLite lets nobody else write, which is as good.
                database.execute("INSERT INTO cities (name) VALUES ('Oslo')")

    @sa.event.listens_for(sa_engine, "before_cursor_execute")
    def before(*arguments: t.Any) -> None:
        meanwhile(arguments[2])

    engine = Engine(database, sa_engine=sa_engine)
    engine.run(case.missing())
    assert done
    engine.undo(case.missing())

    mine = set() if database.name == "sqlite" else {"Oslo"}
    assert case.names() == {"Roma"} | mine


def test_a_composite_key_of_text(database: Database) -> None:
    """More rows than one statement takes keys."""
    source = frozen.table("source", sa.Column("id", sa.Integer, primary_key=True))
    pairs = frozen.table(
        "pairs",
        sa.Column("a", sa.String(20), primary_key=True),
        sa.Column("b", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("doc", sa.JSON),
    )
    create(database, source, pairs)
    fill(database, source, [{"id": i} for i in range(1, 1201)])
    fill(database, pairs, [{"a": "mine", "b": 0, "doc": [1]}])
    text = sa.cast(source.c.id % 7, sa.String(20))
    query = sa.select(text, source.c.id, sa.literal({"a": 1}, sa.JSON))
    backfill = Backfill(
        sa.insert(pairs).from_select(["a", "b", "doc"], query), over=source, undo=True
    )
    engine = Engine(database)

    assert engine.run(backfill).changed == 1200
    database.execute("UPDATE pairs SET doc = '{}' WHERE b = 600")
    report = engine.undo(backfill)

    assert (report.changed, report.conflicts) == (1199, 1)
    assert contents(database, pairs, "b") == [(600,), (0,)]


def test_into_the_table_it_reads(database: Database) -> None:
    table = frozen.table(
        "notes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", sa.String(20)),
    )
    create(database, table)
    fill(database, table, [{"id": i, "a": f"n{i}"} for i in range(1, 8)])
    before = contents(database, table)
    query = sa.select(table.c.id + 100, table.c.a)
    backfill = Backfill(
        sa.insert(table).from_select(["id", "a"], query),
        over=table,
        undo=True,
        batch_size=3,
    )
    engine = Engine(database)

    assert engine.run(backfill).changed == 7
    assert engine.undo(backfill).changed == 7

    assert contents(database, table) == before


def test_what_cannot_be_known_again_is_refused(database: Database) -> None:
    case = Case(database)
    names = frozen.table("cities", sa.Column("name", sa.String(50)))
    source: t.Any = (["name"], sa.select(case.users.c.city))
    with pytest.raises(errors.DefinitionError, match="primary key.*cities has none"):
        statement = sa.insert(names).from_select(*source)
        Backfill(statement, over=case.users, undo=True)
    with pytest.raises(errors.DefinitionError, match="an upsert changes others"):
        source = (["name", "id"], sa.select(case.users.c.city, case.users.c.id))
        upsert = sn.upsert(case.cities, from_select=source, key=["name"])
        Backfill(upsert, over=case.users, undo=True)
    wrong = frozen.table("cities", sa.Column("note", sa.String(50), primary_key=True))
    statement = sa.insert(wrong).from_select(["note"], sa.select(case.users.c.city))
    with pytest.raises(errors.FrozenMismatchError, match="neither the primary key"):
        Engine(database).run(Backfill(statement, over=case.users, undo=True))
    assert len(case.everything()) == 1
