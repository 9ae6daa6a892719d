"""Triggers that keep old and new columns equal, whichever side is written."""

from __future__ import annotations

import json
import random
import threading

import pytest

from flask_datamigrate.errors import DataMigrateError

from .conftest import Split

PEOPLE = """
def upgrade():
    op.create_table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("full_name", sa.String(100)),
        sa.Column("note", sa.String(20)),
    )
    op.execute("INSERT INTO people VALUES (1, 'Ada King Lovelace', NULL)")

def downgrade():
    op.drop_table("people")
"""

FROZEN = """
people = frozen.table(
    "people",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("full_name", sa.String(100)),
    sa.Column("first_name", sa.String(50)),
    sa.Column("last_name", sa.String(50)),
)
"""

COLUMNS = """
    op.add_column("people", sa.Column("first_name", sa.String(50)))
    op.add_column("people", sa.Column("last_name", sa.String(50)))
"""

SYNC = """
    op.create_sync(
        "people",
        change="split",
        forward={
            "first_name": sn.split_part(people.c.full_name, " ", 1),
            "last_name": sn.split_part(people.c.full_name, " ", -1),
        },
        backward={"full_name": people.c.first_name + " " + people.c.last_name},
    )
"""

DROP = """
    op.drop_sync("people", change="split")
"""

DOWN = f"""
def downgrade():{DROP}
    with op.batch_alter_table("people") as batch:
        batch.drop_column("first_name")
        batch.drop_column("last_name")
"""

EXPAND = (
    FROZEN
    + '\nchange = "split"\nstage = "expand"\n\ndef upgrade():'
    + COLUMNS
    + SYNC
    + DOWN
)

FILL = (
    FROZEN
    + """
change = "split"
stage = "migrate"

backfill = Backfill(
    sa.update(people)
    .where(people.c.first_name.is_(None))
    .values(
        first_name=sn.split_part(people.c.full_name, " ", 1),
        last_name=sn.split_part(people.c.full_name, " ", -1),
    ),
    undo=True,
    {options}
)

def upgrade():
    op.backfill(backfill)

def downgrade():
    op.undo_backfill(backfill)
"""
)


def names(split: Split, id: int) -> tuple[object, ...]:
    (row,) = split.database.rows(
        f"SELECT full_name, first_name, last_name FROM people WHERE id = {id}"
    )
    return row


def write(split: Split, statement: str, id: int) -> tuple[object, ...]:
    split.database.execute(statement.format(id=id))
    return names(split, id)


def triggers(split: Split) -> int:
    queries = {
        "postgresql": "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal",
        "mysql": "SELECT count(*) FROM information_schema.triggers "
        "WHERE trigger_schema = database()",
        "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'",
    }
    return int(split.database.scalar(queries[split.database.name]))


def test_what_one_side_writes_the_other_follows(split: Split) -> None:
    split.chain(PEOPLE, EXPAND)
    split.upgrade()
    new = "INSERT INTO people (id, first_name, last_name) VALUES ({id}, 'Alan', 'T')"
    both = (
        "INSERT INTO people (id, full_name, first_name, last_name) "
        "VALUES ({id}, 'X Y', 'Alan', 'T')"
    )
    old = "INSERT INTO people (id, full_name) VALUES ({id}, 'Grace B Hopper')"
    assert write(split, old, 2) == ("Grace B Hopper", "Grace", "Hopper")
    assert write(split, new, 3) == ("Alan T", "Alan", "T")
    assert write(split, both, 4) == ("X Y", "Alan", "T")
    assert write(split, "INSERT INTO people (id) VALUES ({id})", 5) == (None,) * 3
    update = "UPDATE people SET {} WHERE id = {{id}}"
    for values, expected in (
        ("full_name = 'Grace Murray'", ("Grace Murray", "Grace", "Murray")),
        ("last_name = 'Hopper'", ("Grace Hopper", "Grace", "Hopper")),
        ("full_name = 'GRACE Hopper'", ("GRACE Hopper", "GRACE", "Hopper")),
        ("first_name = 'grace'", ("grace Hopper", "grace", "Hopper")),
        ("note = 'x'", ("grace Hopper", "grace", "Hopper")),
        ("full_name = 'A B', first_name = 'C'", ("A B", "C", "Hopper")),
        ("note = 'y'", ("A B", "C", "Hopper")),
        ("full_name = NULL", (None, None, None)),
        (
            "first_name = 'New', last_name = '100% o''k'",
            ("New 100% o'k", "New", "100% o'k"),
        ),
        ("last_name = NULL", (None, "New", None)),
    ):
        assert write(split, update.format(values), 2) == expected, values
    split.database.execute("UPDATE people SET full_name = 'One Name'")
    rows = split.database.rows("SELECT DISTINCT first_name, last_name FROM people")
    assert rows == [("One", "Name")]


def test_a_backfill_and_its_undo_leave_the_old_as_it_is(split: Split) -> None:
    split.chain(PEOPLE, EXPAND, FILL.replace("{options}", ""))
    split.upgrade()
    assert names(split, 1) == ("Ada King Lovelace", "Ada", "Lovelace")
    split.downgrade("r2")
    assert names(split, 1) == ("Ada King Lovelace", None, None)
    # The triggers are awake again for everybody else.
    split.database.execute("UPDATE people SET first_name = 'A', last_name = 'B'")
    assert names(split, 1) == ("A B", "A", "B")


def test_so_does_one_under_plain_alembic_and_one_in_its_own_transaction(
    split: Split,
) -> None:
    from .test_plain_alembic import alembic

    split.chain(PEOPLE, EXPAND, FILL.replace("{options}", ""))
    alembic(split, "upgrade", "r3")
    assert names(split, 1) == ("Ada King Lovelace", "Ada", "Lovelace")
    alembic(split, "downgrade", "r2")
    assert names(split, 1) == ("Ada King Lovelace", None, None)
    atomic = FILL.replace("undo=True,\n    {options}", "atomic=True,")
    split.revision(
        "r3", atomic.replace("op.undo_backfill(backfill)", "pass"), down="r2"
    )
    alembic(split, "upgrade", "r3")
    assert names(split, 1) == ("Ada King Lovelace", "Ada", "Lovelace")


def test_created_twice_and_dropped_twice_is_as_once(split: Split) -> None:
    again = FROZEN + "\ndef upgrade():" + SYNC * 2 + "\ndef downgrade():\n    pass\n"
    other = again.replace('" ", -1', '" ", 2')
    gone = f"def upgrade():{DROP * 2}\ndef downgrade():\n    pass\n"
    split.chain(PEOPLE, EXPAND, again, other, gone)
    split.upgrade("r2")
    count = triggers(split)
    split.upgrade("r3")
    assert triggers(split) == count
    split.upgrade("r4")
    split.database.execute("UPDATE people SET full_name = 'A B C'")
    assert names(split, 1) == ("A B C", "A", "B")
    split.upgrade()
    assert triggers(split) == 0
    split.database.execute("UPDATE people SET full_name = 'D E'")
    assert names(split, 1) == ("D E", "A", "B")


TWO_TABLES = """
change = "causes"
stage = "expand"

causes = frozen.table(
    "causes",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50)),
)
bugs = frozen.table(
    "bugs",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("cause", sa.String(50)),
    sa.Column("cause_id", sa.Integer),
)

def upgrade():
    op.create_table(
        "causes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50), nullable=False, unique=True),
    )
    op.create_table(
        "bugs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("cause", sa.String(50)),
        sa.Column("cause_id", sa.Integer, sa.ForeignKey("causes.id")),
    )
    op.create_sync(
        "bugs",
        change="causes",
        forward={
            "cause_id": sa.select(causes.c.id)
            .where(causes.c.name == bugs.c.cause)
            .scalar_subquery()
        },
        forward_sql=sn.branch(
            postgresql="INSERT INTO causes (name) SELECT NEW.cause "
            "WHERE NEW.cause IS NOT NULL ON CONFLICT DO NOTHING",
            mysql="IF NEW.cause IS NOT NULL AND NOT EXISTS "
            "(SELECT 1 FROM causes WHERE name = NEW.cause) "
            "THEN INSERT INTO causes (name) VALUES (NEW.cause) "
            "ON DUPLICATE KEY UPDATE name = name; END IF",
            sqlite="INSERT INTO causes (name) SELECT NEW.cause "
            "WHERE NEW.cause IS NOT NULL AND NOT EXISTS "
            "(SELECT 1 FROM causes WHERE name = NEW.cause)",
        ),
        backward={
            "cause": sa.select(causes.c.name)
            .where(causes.c.id == bugs.c.cause_id)
            .scalar_subquery()
        },
    )

def downgrade():
    op.drop_sync("bugs", change="causes")
    op.drop_table("bugs")
    op.drop_table("causes")
"""


def test_a_text_and_the_table_it_becomes(split: Split) -> None:
    split.chain(TWO_TABLES)
    split.upgrade()
    for statement in (
        "INSERT INTO bugs (id, cause) VALUES (1, 'typo')",
        "INSERT INTO bugs (id, cause) VALUES (2, 'typo'), (3, 'race')",
        "UPDATE bugs SET cause = 'race' WHERE id = 2",
        "UPDATE bugs SET cause = NULL WHERE id = 3",
    ):
        split.database.execute(statement)
    query = (
        "SELECT bugs.id, cause, name FROM bugs "
        "LEFT JOIN causes ON causes.id = cause_id ORDER BY bugs.id"
    )
    assert split.database.rows(query) == [
        (1, "typo", "typo"),
        (2, "race", "race"),
        (3, None, None),
    ]
    split.database.execute(
        "UPDATE bugs SET cause_id = (SELECT id FROM causes WHERE name = 'typo')"
    )
    assert {row[1:] for row in split.database.rows(query)} == {("typo", "typo")}
    split.downgrade("base")
    assert triggers(split) == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_row_that_is_replaced_leaves_its_cause_as_it_is(split: Split) -> None:
    split.chain(TWO_TABLES)
    split.upgrade()
    for statement in (
        "INSERT INTO bugs (id, cause) VALUES (1, 'typo'), (2, 'race')",
        "INSERT OR REPLACE INTO bugs (id, cause) VALUES (2, 'typo')",
        "REPLACE INTO bugs (id, cause) VALUES (2, 'typo')",
        "INSERT INTO bugs (id, cause) VALUES (2, 'race') "
        "ON CONFLICT (id) DO UPDATE SET cause = excluded.cause",
        "UPDATE OR REPLACE bugs SET cause = 'typo' WHERE id = 2",
    ):
        split.database.execute(statement)
    rows = split.database.rows("SELECT id, cause, cause_id FROM bugs ORDER BY id")
    assert rows == [(1, "typo", 1), (2, "typo", 1)]
    assert split.database.rows("SELECT * FROM causes") == [(1, "typo"), (2, "race")]


DEFAULTS = """
import datetime

items = frozen.table(
    "items",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("old", sa.{type}),
    sa.Column("new", sa.String(40)),
)

def upgrade():
    op.create_table(
        "items",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("old", sa.{type}, nullable=False, server_default={default}),
        sa.Column("new", sa.String(40)),
    )
    op.create_sync(
        "items",
        change="items",
        forward={{"new": sa.case((items.c.old == {written}, "written"), else_="else")}},
        backward={{"old": {written}}},
    )

def downgrade():
    op.drop_table("items")
"""


@pytest.mark.parametrize(
    ("type", "default", "written"),
    [
        ("Boolean", "sa.true()", "sa.false()"),
        ("Boolean", "sa.false()", "sa.true()"),
        ("Boolean", '"0"', "sa.true()"),
        ("Integer", 'sa.text("0")', "1"),
        ("Integer", '"-1"', "1"),
        ("Numeric(10, 2)", '"0.00"', "1"),
        ("String(20)", '"it\'s"', '"x"'),
        ("String(20)", '"0"', '"x"'),
        ("DateTime", "sa.func.now()", "datetime.datetime(2025, 1, 2, 3)"),
    ],
)
def test_a_default_is_nothing_that_was_written(
    split: Split, type: str, default: str, written: str
) -> None:
    split.chain(DEFAULTS.format(type=type, default=default, written=written))
    split.upgrade()
    # Old code, which leaves the old column at its default.
    split.database.execute("INSERT INTO items (id) VALUES (1)")
    # New code, which knows only the new one.
    split.database.execute("INSERT INTO items (id, new) VALUES (2, 'new')")
    split.database.execute(
        "INSERT INTO items (id, old) SELECT 3, old FROM items i WHERE i.id = 2"
    )
    rows = split.database.rows("SELECT id, new FROM items ORDER BY id")
    assert rows == [(1, "else"), (2, "new"), (3, "written")]
    assert split.database.scalar("SELECT count(DISTINCT old) FROM items") == 2


def test_a_script_makes_the_same_triggers(split: Split) -> None:
    split.chain(PEOPLE, EXPAND)
    split.upgrade("r1")
    # A script meets no server that would say that it is MariaDB.
    url = split.project.url.replace("mysql+", "mariadb+")
    split.app = split.make_app(SQLALCHEMY_DATABASE_URI=url)
    script = split.flask("db", "upgrade", "r1:r2", "--sql").stdout
    for statement in statements(split.database.name, script):
        split.database.execute(statement)
    split.database.execute("UPDATE people SET full_name = 'A B C'")
    assert names(split, 1) == ("A B C", "A", "C")
    split.database.execute("UPDATE people SET first_name = 'Z'")
    assert names(split, 1) == ("Z C", "Z", "C")


def statements(name: str, script: str) -> list[str]:
    """Cut a script as the client of the database does."""
    lines = [line for line in script.splitlines() if not line.startswith("--")]
    found, delimiter, waiting = [], ";", ""
    for line in lines:
        if line.startswith("DELIMITER"):
            delimiter = line.split()[1]
            continue
        waiting += f"{line}\n"
        quoted = waiting.count("$datamigrate$") % 2 or (
            name == "sqlite" and " TRIGGER " in waiting and "END;" not in waiting
        )
        if waiting.rstrip().endswith(delimiter) and not quoted:
            found.append(waiting.rstrip().removesuffix(delimiter))
            waiting = ""
    return found


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"first_name": sn',
            '"frist_name": sn',
            "revision r2, op.create_sync, table people: there is no column frist_name "
            "in table people.",
        ),
        (
            "people.c.first_name + ",
            "people.c.full_name + ",
            "op.create_sync, table people: backward= sets full_name and reads it too.",
        ),
        (
            'backward={"full_name": people.c.first_name + " " + people.c.last_name}',
            "backward={'first_name': people.c.full_name}",
            "op.create_sync, table people: first_name is set by forward= and by "
            "backward=.",
        ),
    ],
)
def test_what_cannot_be_kept_equal(
    split: Split, old: str, new: str, message: str
) -> None:
    assert old in EXPAND
    split.chain(PEOPLE, EXPAND.replace(old, new))
    with pytest.raises(DataMigrateError) as caught:
        split.upgrade()
    assert message in str(caught.value)
    assert triggers(split) == 0


def test_a_change_that_was_renamed_leaves_no_trigger_behind(split: Split) -> None:
    contract = f"""
change = "split"
stage = "contract"

def upgrade():{DROP}
    with op.batch_alter_table("people") as batch:
        batch.drop_column("full_name")

def downgrade():
    pass
"""
    fill = FILL.replace("{options}", "")
    split.chain(PEOPLE, EXPAND, fill)
    split.at("migrate").upgrade()
    renamed = [body.replace('"split"', '"names"') for body in (EXPAND, fill, contract)]
    split.chain(PEOPLE, *renamed)
    before = split.database.rows("SELECT * FROM people")
    with pytest.raises(DataMigrateError) as caught:
        split.upgrade()
    assert "no revision belongs to a change 'split': there are: names" in str(
        caught.value
    )
    split.app = split.make_app(DATAMIGRATE_STAGES={"names": "contract"})
    with pytest.raises(DataMigrateError) as caught:
        split.upgrade()
    error = str(caught.value)
    assert "op.drop_sync, table people: there are no triggers of change names" in error
    assert "give op.drop_sync the name that op.create_sync had" in error
    assert split.database.rows("SELECT * FROM people") == before
    assert split.heads == {"r3"}

    split.chain(PEOPLE, *renamed[:-1], contract.replace('"split"', '"names"', 1))
    split.upgrade()
    assert triggers(split) == 0
    split.database.execute("UPDATE people SET first_name = 'x'")


def test_long_names(split: Split) -> None:
    long = "c" * 60
    split.chain(PEOPLE, EXPAND.replace('change="split"', f'change="{long}"'))
    split.upgrade()
    split.database.execute("UPDATE people SET full_name = 'A B C'")
    assert names(split, 1) == ("A B C", "A", "C")
    split.downgrade("r1")
    assert triggers(split) == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_rebuild_of_the_table_keeps_the_triggers(split: Split) -> None:
    rebuild = """
def upgrade():
    with op.batch_alter_table("people", recreate="always") as batch:
        batch.alter_column("note", type_=sa.String(40))

def downgrade():
    pass
"""
    split.chain(PEOPLE, EXPAND, rebuild)
    split.upgrade("r2")
    count = triggers(split)
    split.upgrade()
    assert triggers(split) == count
    split.database.execute("UPDATE people SET full_name = 'A B'")
    assert names(split, 1) == ("A B", "A", "B")


def test_status_names_the_tables_in_sync(split: Split) -> None:
    split.chain(PEOPLE, EXPAND)
    split.upgrade()
    shown = json.loads(split.flask("db", "data", "status", "--json").stdout)
    assert [one["sync"] for one in shown] == [["people"]]
    assert "split: in sync: people" in split.flask("db", "data", "status").stdout


def test_old_and_new_code_and_a_backfill_at_once(split: Split) -> None:
    """Whatever the order in which they come, both sides say the same at the end."""
    split.chain(PEOPLE, EXPAND, FILL.replace("{options}", "batch_size=5"))
    split.upgrade("r2")
    split.database.execute(
        "INSERT INTO people (id, full_name) VALUES "
        + ", ".join(f"({i}, 'First{i} Last{i}')" for i in range(2, 152))
    )
    started = threading.Barrier(3)
    failed: list[BaseException] = []

    def work(seed: int, statement: str) -> None:
        picked = random.Random(seed)
        engine = split.database.engine()
        try:
            started.wait()
            for turn in range(150):
                sql = statement.format(id=picked.randint(1, 151), n=f"{seed}x{turn}")
                with engine.begin() as connection:
                    connection.exec_driver_sql(sql)
        except BaseException as error:
            failed.append(error)

    old = "UPDATE people SET full_name = 'Old{n} Name{n}' WHERE id = {id}"
    new = "UPDATE people SET first_name = 'New{n}', last_name = 'Code' WHERE id = {id}"
    writers = [
        threading.Thread(target=work, args=(seed, statement))
        for seed, statement in enumerate((old, new))
    ]
    for writer in writers:
        writer.start()
    started.wait()
    split.upgrade()
    for writer in writers:
        writer.join()
    assert failed == []
    rows = split.database.rows("SELECT full_name, first_name, last_name FROM people")
    differing = [
        row
        for row in rows
        if row[0] != f"{row[1]} {row[2]}" and row[0] != "Ada King Lovelace"
    ]
    assert differing == []
    assert {row[1][:3] for row in rows} >= {"Old", "New", "Fir"}


@pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
def test_a_column_in_sync_is_not_archived(split: Split) -> None:
    archive = 'def upgrade():\n    op.archive_column("people", "full_name")\n'
    split.chain(PEOPLE, EXPAND, archive)
    split.upgrade("r2")
    with pytest.raises(DataMigrateError, match="trigger datamigrate_sync_"):
        split.upgrade()
    assert names(split, 1)[0] == "Ada King Lovelace"
