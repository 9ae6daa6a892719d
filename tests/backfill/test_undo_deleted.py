"""An undo of a delete brings the rows back whole, and leaves alone what is new."""

from __future__ import annotations

import datetime
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.engine import fill
from tests.backfill.engine import with_foreign_keys
from tests.databases.database import Database

CREATE = {
    "postgresql": """
        CREATE TABLE "Events" (
            id INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            kind VARCHAR(20) NOT NULL, "select" VARCHAR(50) UNIQUE,
            n DOUBLE PRECISION, "per%cent" INTEGER DEFAULT 3, seen TIMESTAMP,
            doc JSON, raw BYTEA,
            size INTEGER GENERATED ALWAYS AS (length(kind)) STORED)""",
    "mysql": """
        CREATE TABLE `Events` (
            id INTEGER AUTO_INCREMENT PRIMARY KEY,
            kind VARCHAR(20) NOT NULL, `select` VARCHAR(50) UNIQUE,
            n DOUBLE, `per%cent` INTEGER DEFAULT 3,
            seen TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP,
            doc JSON, raw BLOB, size INTEGER AS (length(kind)) STORED)""",
    "sqlite": """
        CREATE TABLE "Events" (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind VARCHAR(20) NOT NULL, "select" VARCHAR(50) UNIQUE,
            n DOUBLE, "per%cent" INTEGER DEFAULT 3, seen TIMESTAMP, doc JSON, raw BLOB,
            size INTEGER GENERATED ALWAYS AS (length(kind)) STORED)""",
}
EVENTS = frozen.table(
    # Less than the database has, as a revision's table is.
    "Events",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(20)),
)
FILLED = sa.table(
    "Events",
    sa.column("id"),
    sa.column("kind"),
    sa.column("select", sa.String),
    sa.column("n", sa.Double),
    sa.column("seen", sa.DateTime),
    sa.column("doc", sa.JSON(none_as_null=True)),
    sa.column("raw", sa.LargeBinary),
)
ROWS: list[dict[str, t.Any]] = [
    {"kind": "old", "select": "a", "n": 0.1, "seen": None, "doc": None, "raw": None},
    {"kind": "old", "select": None, "n": -0.0, "doc": [1], "raw": b"\0\xff"},
    {"kind": "new", "select": "b", "n": 1e300, "doc": {"a": "ü🐍"}, "raw": b""},
    {"kind": "old", "select": "", "n": 5e-324, "doc": 0, "raw": b"'\"\\%"},
    {"kind": "old", "select": " % :x ' ", "n": None, "doc": False, "raw": b"x"},
    {"kind": "new", "select": "NULL", "n": 1 / 3, "doc": "x", "raw": b"y"},
    {"kind": "old", "select": "żluť", "n": 7.0, "doc": {"k": "v" * 999}, "raw": b"z"},
]


def events(database: Database) -> None:
    database.execute(CREATE[database.name])
    day = datetime.datetime(2001, 1, 1)
    rows = [{"seen": day.replace(day=i + 1), **row} for i, row in enumerate(ROWS)]
    overriding = sa.insert(FILLED)
    with database.engine().begin() as connection:
        for row in rows:
            connection.execute(overriding, row)


def everything(database: Database) -> list[tuple[t.Any, ...]]:
    return database.rows(sa.text(f"SELECT * FROM {quoted(database)} ORDER BY id"))


def quoted(database: Database) -> str:
    return "`Events`" if database.name == "mysql" else '"Events"'


def purge(**options: t.Any) -> Backfill:
    return Backfill(
        sa.delete(EVENTS).where(EVENTS.c.kind == "old"),
        undo=True,
        **{"batch_size": 2, **options},
    )


def test_deleted_rows_come_back_whole(database: Database) -> None:
    """Also the columns that the revision does not know."""
    events(database)
    before = everything(database)
    engine = Engine(database)

    assert engine.run(purge()).changed == 5
    assert len(everything(database)) == 2
    report = engine.undo(purge())

    assert everything(database) == before
    assert (report.state, report.changed, report.conflicts) == ("undone", 5, 0)
    assert not [name for name in database.tables() if "undo" in name]
    # The next row gets a key of its own.
    fill(database, FILLED, [{"kind": "last", "select": "last"}])  # type: ignore[arg-type]
    assert everything(database)[-1][0] == 8


def test_a_place_that_is_taken_is_left_alone_and_counted(database: Database) -> None:
    """By the key, and by another value that has to be unique."""
    events(database)
    before = everything(database)
    engine = Engine(database)
    engine.run(purge())
    name = quoted(database)
    how = " OVERRIDING SYSTEM VALUE" if database.name == "postgresql" else ""
    database.execute(f"INSERT INTO {name} (id, kind){how} VALUES (2, 'mine')")
    column = "`select`" if database.name == "mysql" else '"select"'
    database.execute(f"INSERT INTO {name} (kind, {column}) VALUES ('mine', 'a')")

    report = engine.undo(purge())

    after = everything(database)
    assert (report.changed, report.conflicts) == (3, 2)
    assert [row[0] for row in after if row[1] == "mine"] == [2, 8]
    assert after[1:-1] == before[2:]
    kept = engine.record().undo_table
    assert database.scalar(f"SELECT count(*) FROM {kept} WHERE id IN (1, 2)") == 2
    assert "2 whose place is taken, left alone" in report.summary()


def test_a_key_of_zero_stays_zero(database: Database) -> None:
    events(database)
    name = quoted(database)
    if database.name == "postgresql":
        database.execute(
            f"INSERT INTO {name} (id, kind) OVERRIDING SYSTEM VALUE VALUES (0, 'old')"
        )
    else:
        database.execute(f"UPDATE {name} SET id = 0 WHERE id = 1")
    before = everything(database)
    engine = Engine(database)
    engine.run(purge())

    assert engine.undo(purge()).conflicts == 0

    assert everything(database) == before
    # The session is as it was: a key of 0 asks for a new one.
    if database.name == "mysql":
        database.execute(f"INSERT INTO {name} (id, kind) VALUES (0, 'next')")
        assert everything(database)[-1][0] > 7


def test_both_ways_go_on_after_a_stop(database: Database) -> None:
    events(database)
    before = everything(database)
    engine = Engine(database, config={"max_batch_size": 2})

    def stop(progress: t.Any) -> None:
        engine.stop.set()

    for act in (engine.run, engine.undo):
        with at_each_batch(stop), pytest.raises(errors.InterruptedRun):
            act(purge())
        assert everything(database) != before
        engine.stop.clear()
        act(purge())

    assert everything(database) == before


def test_a_run_that_stopped_half_way_can_be_undone(database: Database) -> None:
    events(database)
    before = everything(database)
    engine = Engine(database, config={"max_batch_size": 2})
    with at_each_batch(lambda progress: engine.stop.set()):
        with pytest.raises(errors.InterruptedRun):
            engine.run(purge())
    engine.stop.clear()

    assert engine.undo(purge()).changed == 2

    assert everything(database) == before


def test_delete_undo_and_delete_again(database: Database) -> None:
    events(database)
    before = everything(database)
    engine = Engine(database)
    engine.run(purge())
    for _ in range(2):
        engine.applied()
        engine.undo(purge())
        assert everything(database) == before
        assert engine.run(purge()).changed == 5


def test_a_row_that_began_to_match_too_late_is_not_deleted(database: Database) -> None:
    """No row is deleted of which there is no copy."""
    events(database)
    sa_engine = database.engine(poolclass=sa.NullPool)
    done: list[int] = []

    @sa.event.listens_for(sa_engine, "after_cursor_execute")
    def meanwhile(*arguments: t.Any) -> None:
        if arguments[2].startswith("INSERT INTO datamigrate_undo") and not done:
            done.append(1)
            if database.name != "sqlite":
                # SQLite lets nobody else write, which is as good.
                sql = f"UPDATE {quoted(database)} SET kind = 'old' WHERE id = 3"
                database.execute(sql)

    engine = Engine(database, sa_engine=sa_engine)
    engine.run(purge(batch_size=100))

    assert done
    assert [row[0] for row in everything(database)] == [3, 6]
    assert engine.undo(purge()).changed == 5


def test_by_another_key_and_joined_to_another_table(database: Database) -> None:
    database.execute(
        "CREATE TABLE parts (a VARCHAR(20) NOT NULL, b INTEGER NOT NULL, "
        "note VARCHAR(20), UNIQUE (a, b))"
    )
    database.execute("CREATE TABLE gone (a VARCHAR(20) PRIMARY KEY)")
    parts = frozen.table(
        "parts", sa.Column("a", sa.String(20)), sa.Column("b", sa.Integer)
    )
    gone = frozen.table("gone", sa.Column("a", sa.String(20), primary_key=True))
    for i in range(12):
        database.execute(f"INSERT INTO parts VALUES ('p{i % 3}', {i}, 'note {i}')")
    database.execute("INSERT INTO gone VALUES ('p0'), ('p2')")
    backfill = Backfill(
        sa.delete(parts).where(
            sa.exists().where(gone.c.a == parts.c.a).correlate(parts)
        ),
        key=["a", "b"],
        batch_size=3,
        undo=True,
    )
    before = database.rows(sa.text("SELECT * FROM parts ORDER BY b"))
    engine = Engine(database)

    assert engine.run(backfill).changed == 8
    assert engine.undo(backfill).changed == 8

    assert database.rows(sa.text("SELECT * FROM parts ORDER BY b")) == before


CHILD = "CREATE TABLE logs (id INTEGER PRIMARY KEY, event_id INTEGER, {})"


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL", "NO ACTION"])
def test_rows_of_others_that_would_be_lost_are_a_reason_to_refuse(
    database: Database, action: str
) -> None:
    events(database)
    key = f"FOREIGN KEY (event_id) REFERENCES {quoted(database)} (id)"
    database.execute(CHILD.format(f"{key} ON DELETE {action}"))
    database.execute("INSERT INTO logs VALUES (1, 1)")
    sa_engine = with_foreign_keys(database)
    engine = Engine(database, sa_engine=sa_engine)
    before = everything(database)

    if action == "NO ACTION":
        # The database refuses that row by itself.
        with pytest.raises(errors.DataMigrateError, match="id=1"):
            engine.run(purge())
        return
    with pytest.raises(errors.DefinitionError, match=f"logs.*ON DELETE {action}"):
        engine.run(purge())

    assert everything(database) == before
    assert database.scalar("SELECT event_id FROM logs") == 1


def test_a_table_that_refers_to_itself_is_refused(database: Database) -> None:
    database.execute(
        "CREATE TABLE tree (id INTEGER PRIMARY KEY, up INTEGER, "
        "FOREIGN KEY (up) REFERENCES tree (id))"
    )
    tree = frozen.table("tree", sa.Column("id", sa.Integer, primary_key=True))
    engine = Engine(database, sa_engine=with_foreign_keys(database))

    with pytest.raises(errors.DefinitionError, match="refers to itself"):
        engine.run(Backfill(sa.delete(tree), undo=True))


def test_an_undo_into_a_table_that_lost_a_column_is_refused(database: Database) -> None:
    events(database)
    engine = Engine(database)
    engine.run(purge())
    database.execute(f"ALTER TABLE {quoted(database)} DROP COLUMN raw")

    with pytest.raises(errors.UndoError, match="values of raw") as caught:
        engine.undo(purge())

    assert str(engine.record().undo_table) in caught.value.state
    assert engine.record().state.value == "finished"


def test_a_parent_that_is_gone_is_named_with_the_row(database: Database) -> None:
    database.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
    database.execute("INSERT INTO parents VALUES (1), (2)")
    database.execute(
        "CREATE TABLE children (id INTEGER PRIMARY KEY, up INTEGER, "
        "FOREIGN KEY (up) REFERENCES parents (id))"
    )
    database.execute("INSERT INTO children VALUES (1, 1), (2, 2), (3, 1), (4, 2)")
    children = frozen.table("children", sa.Column("id", sa.Integer, primary_key=True))
    backfill = Backfill(sa.delete(children), undo=True)
    engine = Engine(database, sa_engine=with_foreign_keys(database))
    engine.run(backfill)
    database.execute("DELETE FROM parents WHERE id = 2")

    with pytest.raises(errors.DatabaseError, match="row id=2"):
        engine.undo(backfill)
    database.execute("INSERT INTO parents VALUES (2)")

    assert engine.undo(backfill).changed == 4


def test_a_definition_that_replaces_an_undone_one_is_the_one_that_is_known(
    database: Database,
) -> None:
    events(database)
    engine = Engine(database)
    engine.run(purge())
    engine.undo(purge())
    renamed = Backfill(sa.update(EVENTS).values(kind="x"), undo=True)

    engine.run(renamed)
    assert engine.record().kind == "update"
    name = quoted(database)
    database.execute(f"UPDATE {name} SET kind = 'mine' WHERE id = 2")
    report = engine.undo(renamed)

    assert (report.kind, report.conflicts) == ("update", 1)


def test_an_accepted_definition_is_the_one_that_is_known(database: Database) -> None:
    events(database)
    engine = Engine(database)
    engine.run(Backfill(sa.update(EVENTS).values(kind="x")))

    engine.accept(
        Backfill.rows(EVENTS, lambda row: {"kind": "x"}, reads=[], writes=["kind"])
    )

    assert engine.record().kind == "rows"
