"""The Python functions that stand in on SQLite are there wherever they are needed."""

from __future__ import annotations

import io
import pathlib
import threading

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn
from tests.apps import Project
from tests.databases.database import Database

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

DIGEST = "0cc175b9c0f1b6a831c399e269772661"
NEEDS = [
    sn.md5("a"),
    sn.initcap("a"),
    sn.regexp_replace("a", "a", "b"),
    sn.string_agg("a", ","),
]

SCHEMA = """
def upgrade():
    op.create_table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(40)),
        sa.Column("digest", sa.String(40)),
    )
    op.execute("INSERT INTO people VALUES (1, 'a', NULL), (2, 'b', NULL)")

def downgrade():
    op.drop_table("people")
"""

BACKFILL = """
people = frozen.table(
    "people",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(40)),
    sa.Column("digest", sa.String(40)),
)
backfill = Backfill(
    sa.update(people).where(people.c.digest.is_(None)).values(
        digest=sn.md5(people.c.name)
    )
)

def upgrade():
    op.backfill(backfill)

def downgrade():
    op.execute(people.update().values(digest=sn.md5(people.c.name)))
"""

STATEMENT = BACKFILL.replace(
    "op.backfill(backfill)", "op.execute(backfill.job.statement)"
)


@pytest.fixture
def project(tmp_path: pathlib.Path, database: Database) -> Project:
    made = Project(tmp_path, database.url).init()
    made.revision("r1", SCHEMA)
    return made


def digests(database: Database) -> list[str]:
    return [row[0][:4] for row in database.rows("SELECT digest FROM people")]


def test_a_connection_that_was_open_before_has_them(database: Database) -> None:
    engine = database.engine()
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
        assert connection.scalar(sa.select(sn.md5("a"))) == DIGEST


def test_every_connection_of_a_pool_has_them(database: Database) -> None:
    """The second one finds the statement compiled, by the first."""
    engine = database.engine()
    with engine.connect() as first, engine.connect() as second:
        for connection in (first, second, first):
            for expression in NEEDS:
                assert connection.scalar(sa.select(expression)) is not None


def test_a_connection_that_was_opened_again_has_them(database: Database) -> None:
    engine = database.engine()
    for _ in range(2):
        with engine.connect() as connection:
            assert connection.scalar(sa.select(sn.md5("a"))) == DIGEST
            connection.invalidate()


def test_a_database_in_memory_has_them(database: Database) -> None:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sn.md5("a"))) == DIGEST
    engine.dispose()


def test_a_detached_connection_has_them(database: Database) -> None:
    with database.engine().connect() as connection:
        connection.detach()
        for _ in range(2):
            assert connection.scalar(sa.select(sn.md5("a"))) == DIGEST


def test_they_come_while_another_result_is_read(database: Database) -> None:
    with database.engine().connect() as connection:
        reading = connection.execute(sa.text("SELECT 1 UNION ALL SELECT 2"))
        assert reading.fetchone() == (1,)
        assert connection.scalar(sa.select(sn.md5("a"))) == DIGEST
        assert reading.fetchone() == (2,)


def test_threads_may_need_them_at_once(database: Database) -> None:
    engine = database.engine()
    found: list[object] = []
    together = threading.Barrier(8)

    def ask() -> None:
        together.wait()
        with engine.connect() as connection:
            found.append(connection.scalar(sa.select(sn.initcap(sn.md5("a")))))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [DIGEST.capitalize()] * 8


def test_who_uses_none_pays_nothing(database: Database) -> None:
    engine = database.engine()
    with engine.connect() as connection:
        connection.execute(sa.select(sn.split_part("a b", " ", 2)))
        assert not engine.dialect.dispatch.do_execute
        connection.execute(sa.select(sn.md5("a")))
        assert engine.dialect.dispatch.do_execute


@pytest.mark.parametrize("body", [BACKFILL, STATEMENT], ids=["backfill", "execute"])
def test_flask_db_upgrade_has_them(
    project: Project, database: Database, body: str
) -> None:
    project.revision("r2", body, down="r1")

    project.flask("db", "upgrade")
    assert digests(database) == ["0cc1", "92eb"]
    database.execute("UPDATE people SET digest = 'none'")
    project.flask("db", "downgrade", "r1")
    assert digests(database) == ["0cc1", "92eb"]


@pytest.mark.parametrize("body", [BACKFILL, STATEMENT], ids=["backfill", "execute"])
def test_plain_alembic_has_them(
    project: Project, database: Database, body: str
) -> None:
    project.revision("r2", body, down="r1")

    with project.app().app_context():
        flask_migrate.upgrade()

    assert digests(database) == ["0cc1", "92eb"]


def test_the_engine_of_an_app_has_them(project: Project) -> None:
    app = project.app()
    with app.app_context():
        session = app.extensions["sqlalchemy"].session
        assert session.scalar(sa.select(sn.md5("a"))) == DIGEST


def test_a_script_cannot_have_them(project: Project, database: Database) -> None:
    project.revision("r2", STATEMENT, down="r1")

    ran = project.run("db", "upgrade", "r1:r2", "--sql")

    assert ran.code == 1
    assert "Error: snippets.md5: on SQLite it is computed in Python" in ran.err
    assert "Run flask db upgrade without --sql" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("expression", NEEDS, ids=lambda e: str(e.name))
def test_nor_can_what_the_database_keeps(
    database: Database, expression: sa.ColumnElement[str]
) -> None:
    table = frozen.table("people", sa.Column("name", sa.Text))
    table.append_constraint(sa.CheckConstraint(expression == table.c.name))

    with pytest.raises(errors.OfflineError, match="computed in Python"):
        table.create(database.engine())

    assert database.tables() == []


def test_alembic_writes_what_needs_no_python(database: Database) -> None:
    out = io.StringIO()
    options = {"as_sql": True, "output_buffer": out, "literal_binds": True}
    context = MigrationContext.configure(dialect_name="sqlite", opts=options)
    Operations(context).execute(sa.select(sn.split_part("a b", " ", 2)))

    assert database.scalar(out.getvalue().strip().rstrip(";")) == "b"
