"""The revisions in the guides, each run and taken back on each database."""

from __future__ import annotations

import pathlib
import threading
import typing as t

import pytest
import sqlalchemy as sa

import flask_datamigrate
from flask_datamigrate.backfill.reporting import Reporter
from flask_datamigrate.upgrading import deferred
from tests.apps import Project
from tests.databases import Database
from tests.docs.blocks import all_blocks

# The recipes of the cookbook are several revisions each, see tests/docs/cookbook.
REVISIONS = {
    block.name: block.text
    for block in all_blocks("revision")
    if not block.page.startswith("docs/cookbook/")
}

TABLES = """
def upgrade():
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", sa.String(200)),
        sa.Column("email_lower", sa.String(200)),
        sa.Column("full_name", sa.String(100)),
        sa.Column("first_name", sa.String(50)),
        sa.Column("sort_name", sa.String(100)),
        sa.Column("label", sa.String(200)),
        sa.Column("born", sa.Date),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer),
        sa.Column("ship_to", sa.String(200)),
        sa.Column("customer", sa.String(100)),
    )
    op.create_table(
        "addresses",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("order_id", sa.Integer),
        sa.Column("line", sa.String(200)),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("created_at", sa.DateTime),
    )
    op.create_table(
        "visits",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("page", sa.String(50), primary_key=True),
        sa.Column("hits", sa.Integer),
    )
    op.create_table(
        "places",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(200), unique=True),
    )
    op.create_table(
        "tickets",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "status",
            sa.Enum("open", "closed", name="ticket_status", create_constraint=True),
        ),
        sa.Column("updated_at", sa.DateTime),
    )

def downgrade():
    pass
"""

ROWS = (
    "INSERT INTO users (id, email, full_name, born) VALUES "
    "(1, 'Ada@X.org', 'Ada Lovelace', '1815-12-10'), "
    "(2, NULL, NULL, NULL), "
    "(3, 'JOSE@x.org', ' José Núñez ', '1990-01-01')",
    "INSERT INTO orders (id, user_id, ship_to) VALUES "
    "(1, 1, '12 Oak Lane'), (2, 2, NULL), (3, 3, 'Elm Street 1')",
    "INSERT INTO events (id, created_at) VALUES "
    "(1, '2019-12-31 23:59:59'), (2, '2020-01-01 00:00:01'), (3, NULL)",
    "INSERT INTO visits (day, page, hits) VALUES "
    "('2024-01-01', 'a', 1), ('2024-01-01', 'b', 5), ('2024-01-02', 'a', 9)",
)


class Check(t.NamedTuple):
    """What a revision does, and what is there again when it was taken back.

    :param query: what to look at.
    :param after: its rows after the upgrade.
    :param back: its rows after the downgrade.
    """

    query: str
    after: list[tuple[t.Any, ...]]
    back: list[tuple[t.Any, ...]]


NOTHING: list[tuple[t.Any, ...]] = [(None,), (None,), (None,)]
LOWER = Check(
    "SELECT email_lower FROM users ORDER BY id",
    [("ada@x.org",), (None,), ("jose@x.org",)],
    NOTHING,
)

FIRST_NAME = Check(
    "SELECT first_name FROM users ORDER BY id", [("Ada",), (None,), ("",)], NOTHING
)
ORDERS = Check(
    "SELECT id FROM orders ORDER BY id", [(1,), (2,), (3,)], [(1,), (2,), (3,)]
)
VISITS = Check("SELECT sum(hits) FROM visits", [(15,)], [(15,)])

TICKETS = Check("SELECT count(*) FROM tickets", [(0,)], [(0,)])

CHECKS = {
    "add-check": VISITS,
    "add-foreign-key": ORDERS,
    "archive": Check("SELECT count(*) FROM users", [(3,)], [(3,)]),
    "atomic": Check("SELECT count(*) FROM users", [(3,)], [(3,)]),
    "branch": FIRST_NAME,
    "conditional": Check("SELECT count(*) FROM users", [(3,)], [(3,)]),
    "deferred": LOWER,
    "delete": Check(
        "SELECT id FROM events ORDER BY id", [(2,), (3,)], [(1,), (2,), (3,)]
    ),
    "enum-value": TICKETS,
    "index-online": ORDERS,
    "insert": Check(
        "SELECT order_id, line FROM addresses ORDER BY order_id",
        [(1, "12 Oak Lane"), (3, "Elm Street 1")],
        [],
    ),
    "key": Check(
        "SELECT hits FROM visits ORDER BY day, page",
        [(2,), (6,), (10,)],
        [(1,), (5,), (9,)],
    ),
    "joined": Check(
        "SELECT customer FROM orders ORDER BY id",
        [("Ada Lovelace",), ("nobody",), (" José Núñez ",)],
        NOTHING,
    ),
    "logged": Check(
        "SELECT full_name FROM users ORDER BY id",
        [("Ada Lovelace",), ("nobody",), (" José Núñez ",)],
        [("Ada Lovelace",), (None,), (" José Núñez ",)],
    ),
    "missing": Check(
        "SELECT name FROM places ORDER BY name",
        [("12 Oak Lane",), ("Elm Street 1",)],
        [],
    ),
    "portable": Check(
        "SELECT label FROM users ORDER BY id",
        [("Ada Lovelace, long ago",), ("nobody, ?",), (" José Núñez , recently",)],
        NOTHING,
    ),
    "returned": Check(
        "SELECT email FROM users ORDER BY id",
        [("Ada@X.org",), ("",), ("JOSE@x.org",)],
        [("Ada@X.org",), (None,), ("JOSE@x.org",)],
    ),
    "rows": Check(
        "SELECT sort_name FROM users ORDER BY id",
        [("ada lovelace",), (None,), (" jose nunez ",)],
        NOTHING,
    ),
    "session": Check(
        "SELECT full_name FROM users ORDER BY id",
        [("Ada Lovelace",), ("",), ("José Núñez",)],
        [("Ada Lovelace",), ("",), ("José Núñez",)],
    ),
    "snippets": FIRST_NAME,
    "rename-table": Check("SELECT count(*) FROM users", [(3,)], [(3,)]),
    "set-not-null": ORDERS,
    "statement": Check(
        "SELECT customer FROM orders ORDER BY id", [("x",), (None,), (None,)], NOTHING
    ),
    "subquery": Check(
        "SELECT customer FROM orders ORDER BY id",
        [("Ada Lovelace",), (None,), (" José Núñez ",)],
        NOTHING,
    ),
    "throttle": LOWER,
    "update": LOWER,
    "upsert": Check(
        "SELECT page, hits FROM visits ORDER BY day, page",
        [("a", 11), ("b", 5), ("a", 9), ("c", 30)],
        [("a", 1), ("b", 5), ("a", 9)],
    ),
    "updated-at": TICKETS,
    "verify": LOWER,
}


def test_each_revision_of_the_guides_has_a_check() -> None:
    assert REVISIONS.keys() == CHECKS.keys()


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_a_revision_of_the_guides_does_what_it_says(
    name: str, tmp_path: pathlib.Path, database: Database
) -> None:
    check = CHECKS[name]
    project = Project(tmp_path, database.url)
    with project.app().app_context():
        flask_datamigrate.init(str(project.migrations))
    project.revision("t1", TABLES)
    project.revision("t2", REVISIONS[name], down="t1")
    app = project.app()
    with app.app_context():
        flask_datamigrate.upgrade(revision="t1")
        for statement in ROWS:
            database.execute(statement)

        flask_datamigrate.upgrade()
        run_deferred()

        assert database.rows(check.query) == check.after
        flask_datamigrate.downgrade()
        assert database.rows(check.query) == check.back

        flask_datamigrate.upgrade()
        run_deferred()
        assert database.rows(check.query) == check.after
    dispose(app)


def test_the_atomic_revision_leaves_a_column_that_takes_no_null(
    tmp_path: pathlib.Path, database: Database
) -> None:
    project = Project(tmp_path, database.url)
    with project.app().app_context():
        flask_datamigrate.init(str(project.migrations))
    project.revision("t1", TABLES)
    project.revision("t2", REVISIONS["atomic"], down="t1")
    app = project.app()
    with app.app_context():
        flask_datamigrate.upgrade(revision="t1")
        database.execute(ROWS[0])
        flask_datamigrate.upgrade()

    with pytest.raises(Exception, match="(?i)null"):
        database.execute("UPDATE users SET plan = NULL")
    assert database.rows("SELECT DISTINCT plan FROM users") == [("free",)]
    dispose(app)


FORBIDDEN = {
    "add-check": "UPDATE visits SET hits = -1",
    "add-foreign-key": "UPDATE orders SET user_id = 99",
    "set-not-null": "UPDATE orders SET user_id = NULL",
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_revision_of_safe_ddl_forbids_what_it_says(
    name: str, tmp_path: pathlib.Path, database: Database
) -> None:
    project = Project(tmp_path, database.url)
    with project.app().app_context():
        flask_datamigrate.init(str(project.migrations))
    project.revision("t1", TABLES)
    project.revision("t2", REVISIONS[name], down="t1")
    app = project.app(DATAMIGRATE_ATOMIC_ROWS=1)
    with app.app_context():
        flask_datamigrate.upgrade(revision="t1")
        for statement in ROWS:
            database.execute(statement)
        flask_datamigrate.upgrade()
        with database.engine().connect() as connection:
            if database.name == "sqlite":
                connection.exec_driver_sql("PRAGMA foreign_keys = ON")
            with pytest.raises(sa.exc.DBAPIError):
                connection.exec_driver_sql(FORBIDDEN[name])
        flask_datamigrate.downgrade()
    database.execute(FORBIDDEN[name])
    dispose(app)


def run_deferred() -> None:
    deferred.run(None, [], Reporter(), threading.Event())


def dispose(app: t.Any) -> None:
    with app.app_context():
        for engine in app.extensions["migrate"].db.engines.values():
            engine.dispose()
