"""A lock that somebody else holds: waited for briefly, again, and named."""

from __future__ import annotations

import contextlib
import logging
import threading
import typing as t

import pytest

import flask_datamigrate
from flask_datamigrate import errors
from tests.databases.database import Database
from tests.operations.ddl.conftest import Family

CALLS = {
    "set_not_null": 'op.set_not_null("parents", "name")',
    "a foreign key": (
        'op.add_foreign_key_online("fk_new", "children", "parents", '
        '["parent_id"], ["id"])'
    ),
    "a check": 'op.add_check_online("ck_new", "parents", "n > 0")',
    "Alembic's own": 'op.add_column("parents", sa.Column("more", sa.Integer))',
}

each = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
servers = pytest.mark.parametrize(
    ("database", "form"),
    [("postgresql", "in use"), ("postgresql", "small"), ("mysql", "in use")],
    indirect=True,
)

SAVEPOINT = """
def upgrade():
    op.create_table("more", sa.Column("id", sa.Integer, primary_key=True))
    connection = op.get_bind()
    for statement in ("SELECT 1 / 0", "INSERT INTO more VALUES ('x')"):
        try:
            with connection.begin_nested():
                connection.execute(sa.text(statement))
        except sa.exc.DBAPIError:
            connection.execute(sa.text("SELECT 1"))
    connection.execute(sa.text("INSERT INTO more VALUES (1)"))
"""

WRITER = """
import sqlite3

def upgrade():
    path = op.get_bind().engine.url.database
    other = sqlite3.connect(path, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    try:
        {call}
    finally:
        other.close()
"""
"""SQLite has one lock, and the migration lock takes it too: the other writer comes
when the upgrade has begun."""


@contextlib.contextmanager
def held(database: Database) -> t.Iterator[str]:
    """Hold both tables against changes of the schema; tells the session's id."""
    ask = {
        "postgresql": "SELECT pg_backend_pid()",
        "mysql": "SELECT CONNECTION_ID()",
    }
    with database.engine().connect() as connection:
        pid = connection.exec_driver_sql(ask[database.name]).scalar()
        for table in ("children", "parents"):
            connection.exec_driver_sql(f"UPDATE {table} SET id = id WHERE id = 1")
        yield str(pid)


@servers
@each
def test_it_gives_up_and_names_who_holds_the_lock(
    family: Family, form: str, call: str
) -> None:
    family.config.update(
        DATAMIGRATE_DDL_LOCK_TIMEOUT=1, DATAMIGRATE_DDL_RETRY_SECONDS=1
    )
    family.revision(call)
    columns = [column.name for column in family.table().columns]

    with (
        held(family.database) as pid,
        pytest.raises(errors.SchemaLockError) as caught,
    ):
        family.upgrade()

    message = str(caught.value)
    assert "revision r2" in message
    assert "it did not get its lock (tried 2 times" in message
    assert "run the same command again" in message
    assert f"pid {pid} (" in message
    if family.database.name == "postgresql":
        assert "idle in transaction" in message
        assert "UPDATE parents SET id = id" in message
    assert [column.name for column in family.table().columns] == columns
    assert len(family.table().constraints) == 1
    assert family.version == "r1"

    family.upgrade()
    assert family.version == "r2"


@pytest.mark.parametrize("form", ["in use", "small"], indirect=True)
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@each
def test_a_table_that_cannot_even_be_looked_at_is_given_up_too(
    family: Family, form: str, call: str
) -> None:
    family.config.update(
        DATAMIGRATE_DDL_LOCK_TIMEOUT=0.2, DATAMIGRATE_DDL_RETRY_SECONDS=0.5
    )
    family.revision(call)
    with family.database.engine().connect() as other:
        other.exec_driver_sql("LOCK TABLE parents, children IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(errors.SchemaLockError, match="ACCESS EXCLUSIVE MODE"):
            family.upgrade()
    family.upgrade()
    assert family.version == "r2"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_savepoint_behind_a_schema_change_is_rolled_back(family: Family) -> None:
    family.project.revision("r2", SAVEPOINT, down="r1")
    family.upgrade()
    assert family.version == "r2"
    assert family.database.scalar("SELECT count(*) FROM more") == 1


@servers
@each
def test_it_goes_on_when_the_lock_is_let_go(
    family: Family, form: str, call: str
) -> None:
    family.config.update(DATAMIGRATE_DDL_LOCK_TIMEOUT=0.3)
    # MariaDB counts whole seconds.
    waited = "1.0 s" if family.database.name == "mysql" else "0.3 s"
    family.revision(call)
    failed: list[BaseException] = []
    tried = threading.Event()

    def heard(record: logging.LogRecord) -> bool:
        said = record.getMessage()
        if f"no lock within {waited}; trying again" in said or "rolled back" in said:
            tried.set()
        return True

    # Not a handler: the alembic.ini of the project takes those away.
    logger = logging.getLogger("flask_migrate.data")
    logger.addFilter(heard)

    def upgrade() -> None:
        try:
            family.upgrade()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=upgrade)
    try:
        with held(family.database):
            thread.start()
            assert tried.wait(60)
    finally:
        thread.join()
        logger.removeFilter(heard)

    assert not failed
    assert family.version == "r2"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@each
def test_the_one_lock_of_sqlite(family: Family, call: str) -> None:
    family.config.update(
        DATAMIGRATE_DDL_LOCK_TIMEOUT=1, DATAMIGRATE_DDL_RETRY_SECONDS=1
    )
    family.project.revision("r2", WRITER.format(call=call), down="r1")

    with pytest.raises(errors.SchemaLockError, match="tried 2 times"):
        family.upgrade()

    assert family.version == "r1"
    family.revision(call)
    family.upgrade()
    assert family.version == "r2"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@each
def test_the_one_lock_of_sqlite_when_it_is_let_go(family: Family, call: str) -> None:
    body = WRITER.replace(
        "    try:\n", "    threading.Timer(2.5, other.close).start()\n"
    )
    body = body.replace(
        "        {call}\n    finally:\n        other.close()", "    {call}"
    )
    family.project.revision(
        "r2", "import threading\n" + body.format(call=call), down="r1"
    )

    family.upgrade()

    assert family.version == "r2"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_was_committed_of_a_revision_is_not_run_twice(family: Family) -> None:
    family.config.update(DATAMIGRATE_DDL_LOCK_TIMEOUT=0.2)
    family.revision(
        'op.execute("UPDATE children SET parent_id = parent_id + 1 WHERE id = 9")\n'
        "    with op.get_context().autocommit_block():\n        pass\n    "
        + CALLS["Alembic's own"]
    )
    with (
        held(family.database),
        pytest.raises(errors.SchemaLockError, match="tried once"),
    ):
        family.upgrade()

    assert family.database.scalar("SELECT parent_id FROM children WHERE id = 9") == 10
    assert family.version == "r1"


@each
def test_the_session_has_its_own_setting_again(family: Family, call: str) -> None:
    ask = {
        "postgresql": "SELECT current_setting('lock_timeout')",
        "mysql": "SELECT @@SESSION.lock_wait_timeout",
        "sqlite": "PRAGMA busy_timeout",
    }[family.database.name]
    family.revision(call)
    app = family.project.app(**family.config)
    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine
        with engine.connect() as connection:
            before = connection.exec_driver_sql(ask).scalar()
        flask_datamigrate.upgrade()
        with engine.connect() as connection:
            assert connection.exec_driver_sql(ask).scalar() == before
        engine.dispose()
