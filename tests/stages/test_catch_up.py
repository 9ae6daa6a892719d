"""``op.create_sync(..., catch_up=…)``: what it refuses, and its script."""

from __future__ import annotations

import io
import typing as t

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from flask_datamigrate import frozen
from flask_datamigrate.errors import DefinitionError
from tests.databases.database import Database

USERS = frozen.table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("nick", sa.String(20)),
    sa.Column("handle", sa.String(20)),
)
WITHOUT_KEY = frozen.table("users", sa.Column("nick"), sa.Column("handle"))
OTHERS = frozen.table("others", sa.Column("nick"))


def create(operations: t.Any, catch_up: t.Any) -> None:
    operations.create_sync(
        "users",
        change="rename",
        forward={"handle": USERS.c.nick},
        backward={"nick": USERS.c.handle},
        catch_up=catch_up,
    )


@pytest.mark.parametrize(
    ("catch_up", "message"),
    [
        ("UPDATE users SET nick = handle", "is no update of table users"),
        (sa.update(OTHERS).values(nick=""), "is no update of table users"),
        (sa.update(WITHOUT_KEY).values(nick=""), "the frozen table lacks id"),
    ],
)
def test_what_is_no_update_along_the_key_is_refused(
    database: Database, catch_up: t.Any, message: str
) -> None:
    database.execute(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, nick VARCHAR(20), "
        "handle VARCHAR(20))"
    )
    with database.engine().connect() as connection:
        context = MigrationContext.configure(connection)
        with pytest.raises(DefinitionError, match=message) as caught:
            create(Operations(context), catch_up)
    assert "Nothing was changed by it" in str(caught.value)
    # Without a trigger, nothing follows.
    database.execute("INSERT INTO users (id, nick) VALUES (1, 'ada')")
    assert database.scalar("SELECT handle FROM users") is None


@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "sqlite"])
def test_a_script_keeps_the_triggers_quiet_for_it(dialect: str) -> None:
    script = io.StringIO()
    context = MigrationContext.configure(
        dialect_name=dialect,
        opts={"as_sql": True, "literal_binds": True, "output_buffer": script},
    )
    create(Operations(context), sa.update(USERS).values(nick=USERS.c.handle))
    text = script.getvalue()
    begin, end = {
        "postgresql": ("SET datamigrate.sync = 'both off'", "sync = 'on'"),
        "mysql": ("SET @datamigrate_sync_off = 2", "sync_off = NULL"),
        "sqlite": ("INSERT OR REPLACE INTO datamigrate_sync", "who = 'trigger';"),
    }[dialect]
    last = text.rindex("CREATE ")
    updated = text.index("UPDATE users SET nick=users.handle", last)
    assert last < text.index(begin, last) < updated < text.index(end, updated)
