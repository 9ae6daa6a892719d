"""Indexes that are dropped for a run are there again after it, whatever dies when."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sqlite3
import typing as t

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from tests.backfill.engine import REVISION
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.backfill.engine import fill
from tests.databases.database import Database
from tests.upgrading.conftest import ADD
from tests.upgrading.conftest import CREATE
from tests.upgrading.conftest import Bench
from tests.upgrading.conftest import bench as bench  # noqa: PLC0414

USERS = frozen.table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("city", sa.String(20)),
    sa.Column("n", sa.Integer),
)
TABLES = (
    "CREATE TABLE teams (id INTEGER PRIMARY KEY)",
    "CREATE TABLE users (id INTEGER PRIMARY KEY, city VARCHAR(20), n INTEGER, "
    "email VARCHAR(50), team_id INTEGER, FOREIGN KEY (team_id) REFERENCES teams (id))",
    "CREATE UNIQUE INDEX ix_email ON users (email)",
    "CREATE INDEX ix_team ON users (team_id)",
    "CREATE INDEX ix_city ON users (city, n)",
)
SECOND = {
    "postgresql": 'CREATE INDEX "ix Odd" ON users USING btree (lower(city) DESC, n) '
    "WITH (fillfactor=70) WHERE n > 0",
    "mysql": "CREATE INDEX `ix Odd` ON users (city(5), n DESC) COMMENT 'it''s, (odd)'",
    "sqlite": 'CREATE INDEX "ix Odd" ON users (lower(city) DESC, n) WHERE n > 0',
}
BOTH = ["ix Odd", "ix_city"]
DEFINITIONS = {
    "postgresql": "SELECT indexdef, coalesce(obj_description(to_regclass("
    "quote_ident(indexname))), '') FROM pg_indexes WHERE tablename = 'users' "
    "ORDER BY indexname",
    "mysql": "SELECT index_name, seq_in_index, column_name, sub_part, collation, "
    "index_comment FROM information_schema.statistics WHERE table_name = 'users' "
    "AND table_schema = DATABASE() ORDER BY index_name, seq_in_index",
    "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'index' "
    "AND tbl_name = 'users' ORDER BY name",
}


def users(database: Database, rows: int = 12) -> list[t.Any]:
    """Make the table, and return its indexes as they have to be again."""
    for statement in (*TABLES, SECOND[database.name]):
        database.execute(statement)
    if database.name == "postgresql":
        database.execute("COMMENT ON INDEX ix_city IS 'the city''s'")
    fill(database, USERS, [{"id": i, "city": f"c{i}", "n": i} for i in range(rows)])
    return definitions(database)


def definitions(database: Database) -> list[t.Any]:
    return database.rows(sa.text(DEFINITIONS[database.name]))


def there(database: Database) -> set[str]:
    found = sa.inspect(database.engine(poolclass=sa.NullPool)).get_indexes("users")
    return {str(index["name"]) for index in found}


def plus_one(**options: t.Any) -> Backfill:
    options = {"set_aside": BOTH, "batch_size": 5, "undo": True, **options}
    return Backfill(sa.update(USERS).values(n=USERS.c.n + 1), **options)


@pytest.mark.filterwarnings("ignore:.*expression-based index.*")
def test_they_are_gone_meanwhile_and_there_again_as_they_were(
    database: Database,
) -> None:
    before = users(database)
    engine = Engine(database, config={"max_batch_size": 5})
    seen: list[set[str]] = []

    with at_each_batch(lambda progress: seen.append(there(database))):
        engine.run(plus_one())

    assert len(seen) == 3
    assert all("ix_city" not in names for names in seen)
    assert all("ix Odd" not in names for names in seen)
    assert definitions(database) == before
    assert engine.record().state.value == "finished"
    assert aside(database) == []
    assert any("set aside 2 indexes" in line for line in engine.notes.lines)


@pytest.mark.filterwarnings("ignore:.*expression-based index.*")
@pytest.mark.parametrize("way", ["run", "undo", "cancel"])
def test_a_run_that_stopped_leaves_them_aside_until_it_ends(
    database: Database, way: str
) -> None:
    before = users(database)
    engine = Engine(database, config={"max_batch_size": 5})
    with at_each_batch(lambda progress: engine.stop.set()):
        with pytest.raises(errors.InterruptedRun):
            engine.run(plus_one())
    engine.stop.clear()
    assert aside(database) == BOTH
    assert "ix_city" not in there(database)

    with engine.runner() as runner:
        if way == "cancel":
            runner.cancel(REVISION)
    if way == "run":
        engine.run(plus_one())
    elif way == "undo":
        engine.undo(plus_one())

    assert definitions(database) == before
    assert aside(database) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("ix_email", "it is unique"),
        ("ix_team", "the foreign key of .* needs it"),
        ("ix_cty", 'has no index ix_cty.*(D|d)id you mean "ix_city"'),
    ],
)
@pytest.mark.filterwarnings("ignore:.*expression-based index.*")
def test_what_has_to_stay_is_refused(database: Database, name: str, why: str) -> None:
    before = users(database)

    with pytest.raises(errors.BackfillError, match=why):
        Engine(database).run(plus_one(set_aside=["ix_city", name]))

    assert definitions(database) == before
    assert aside(database) == []
    n = database.rows(sa.text("SELECT n FROM users ORDER BY id"))
    assert n == [(i,) for i in range(12)]


def test_a_name_that_is_no_list_is_refused() -> None:
    for wrong in ("ix_city", 5):
        with pytest.raises(errors.DefinitionError, match=f"set_aside is {wrong!r}"):
            plus_one(set_aside=wrong)


def test_one_that_another_backfill_has_dropped_is_named(database: Database) -> None:
    users(database)
    engine = Engine(database, config={"max_batch_size": 5})
    with at_each_batch(lambda progress: engine.stop.set()):
        with pytest.raises(errors.InterruptedRun):
            engine.run(plus_one())
    from flask_datamigrate.backfill.runner import Task

    with Engine(database).runner() as runner:
        with pytest.raises(errors.BackfillError, match=f"set aside by .* {REVISION}"):
            runner.run(Task(plus_one(undo=False), "other", None))


@contextlib.contextmanager
def undroppable(database: Database) -> t.Iterator[sa.Engine]:
    """Let no index be dropped in a block, nor by the engine it gets."""
    engine = database.engine(poolclass=sa.NullPool)
    if database.name == "sqlite":

        @event.listens_for(engine, "connect")
        def connected(raw: t.Any, record: t.Any) -> None:
            refused = {sqlite3.SQLITE_DROP_INDEX: sqlite3.SQLITE_DENY}
            raw.set_authorizer(lambda what, *_: refused.get(what, sqlite3.SQLITE_OK))

        yield engine
    elif database.name == "mysql":
        # The lock of a reader's transaction.
        with database.engine(poolclass=sa.NullPool).connect() as reader:
            reader.execute(sa.select(USERS.c.id)).all()
            yield engine
    else:
        database.execute(
            "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'not now'; END $$"
        )
        database.execute(
            "CREATE EVENT TRIGGER refusing ON ddl_command_start "
            "WHEN TAG IN ('DROP INDEX') EXECUTE FUNCTION refuse()"
        )
        try:
            yield engine
        finally:
            database.execute("DROP EVENT TRIGGER refusing")


@pytest.mark.filterwarnings("ignore:.*expression-based index.*")
def test_one_that_could_not_be_dropped_is_not_said_to_be_aside(
    database: Database,
) -> None:
    before = users(database)
    config = {"ddl_lock_timeout": 1, "ddl_retry_seconds": 0}

    with undroppable(database) as sa_engine:
        engine = Engine(database, sa_engine=sa_engine, config=config)
        with pytest.raises(errors.BackfillError, match="index ix Odd: ") as caught:
            engine.run(plus_one())

    if database.name == "mysql":
        assert re.search(r"It is held by pid \d+ \(", str(caught.value))
    assert aside(database) == []
    assert definitions(database) == before
    Engine(database).run(plus_one())
    assert definitions(database) == before


DROP_OR_MAKE = (
    "DROP INDEX",
    "CREATE INDEX",
    "ALTER TABLE users",
    "ALTER TABLE `users`",
)


@pytest.mark.filterwarnings("ignore:.*expression-based index.*")
def test_a_process_killed_behind_any_step_loses_no_index(database: Database) -> None:
    survived = 0
    while True:
        before = users(database)
        killed = dies(database, survived)
        if killed:
            Engine(database).run(plus_one())
        assert definitions(database) == before
        assert aside(database) == []
        n = database.rows(sa.text("SELECT n FROM users ORDER BY id"))
        assert n == [(i + 1,) for i in range(12)]
        if not killed:
            break
        survived += 1
        for table in ("users", "teams", *own_tables(database)):
            database.execute(f"DROP TABLE {table}")
    # Written down, dropped, made and forgotten, each of them twice.
    assert survived >= 8


def own_tables(database: Database) -> list[str]:
    return [name for name in database.tables() if name.startswith("datamigrate_")]


def dies(database: Database, survived: int) -> bool:
    """Run the backfill in a child that is killed behind a statement; tell if it was."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            count = [0]
            sa_engine = sa.create_engine(database.url, poolclass=sa.NullPool)

            def statement_done(*arguments: t.Any) -> None:
                sql = arguments[2]
                about = "datamigrate_indexes" in sql and not sql.startswith("SELECT")
                if about or sql.startswith(DROP_OR_MAKE):
                    count[0] += 1
                    if count[0] > survived:
                        os.kill(os.getpid(), signal.SIGKILL)

            event.listen(sa_engine, "after_cursor_execute", statement_done)
            config = {"max_batch_size": 5}
            Engine(database, sa_engine=sa_engine, config=config).run(plus_one())
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


def aside(database: Database) -> list[str]:
    found = database.rows(sa.text("SELECT name FROM datamigrate_indexes ORDER BY name"))
    return sorted(name for (name,) in found)


def test_the_status_says_what_is_set_aside(bench: Bench) -> None:
    index = """
def upgrade():
    op.create_index("ix_n", "counters", ["n"])

def downgrade():
    op.drop_index("ix_n", "counters")
"""
    # NULL, which the column does not take.
    fails = ADD.format(by=1).replace("counters.c.n + 1", "sa.null()")
    bench.chain(CREATE, index, fails.replace("undo=True", 'set_aside=["ix_n"]'))

    failed = bench.flask("db", "upgrade")

    assert failed.exit_code == 1
    status = bench.flask("db", "data", "status").output
    assert "r3: 1 index set aside: ix_n" in status
    cancelled = bench.flask("db", "data", "cancel", "r3")
    assert cancelled.exit_code == 0, cancelled.output
    assert "set aside" not in bench.flask("db", "data", "status").output
    assert "made ix_n again" in bench.flask("db", "data", "log", "r3").output


def test_names_with_percent_signs(database: Database) -> None:
    table = frozen.table(
        "a%b",
        sa.Column("i%d", sa.Integer, primary_key=True),
        sa.Column("n%", sa.Integer),
    )
    sa.Index("ix%s", table.c["n%"])
    with database.engine(poolclass=sa.NullPool).begin() as connection:
        table.create(connection)
    fill(database, table, [{"i%d": i, "n%": i} for i in range(1, 13)])

    Engine(database).run(
        Backfill(
            sa.update(table).values({"n%": table.c["n%"] + 1}),
            set_aside=["ix%s"],
            batch_size=5,
            undo=True,
        )
    )

    with database.engine(poolclass=sa.NullPool).connect() as connection:
        found = connection.scalars(sa.select(table.c["n%"])).all()
        indexes = sa.inspect(connection).get_indexes("a%b")
    assert sorted(found) == list(range(2, 14))
    assert [index["name"] for index in indexes] == ["ix%s"]
