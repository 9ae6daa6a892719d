"""The tables the package keeps are no difference between models and database."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import sqlalchemy as sa

from tests.databases.database import Database

from .conftest import Site
from .conftest import revisions

MakeSite = t.Callable[..., Site]

UPPER = """
import sqlalchemy as sa
from alembic import op
from flask_datamigrate import Backfill
from flask_datamigrate import frozen

revision = "two"
down_revision = "one"

users = frozen.table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50)),
)
# A check would read the names again.
backfill = Backfill(
    sa.update(users).values(name=sa.func.upper(users.c.name)), undo=True
)


def upgrade():
    op.backfill(backfill)


def downgrade():
    op.undo_backfill(backfill)
"""


def migrated(site: Site, database: Database) -> None:
    """Leave a database with every table the package makes."""
    site.flask("db", "init")
    site.flask("db", "migrate", "--rev-id", "one")
    site.flask("db", "upgrade")
    database.execute("INSERT INTO users (name) VALUES ('ana')")
    pathlib.Path("migrations/versions/two.py").write_text(UPPER)
    site.flask("db", "upgrade")
    assert database.rows("SELECT name FROM users") == [("ANA",)]
    own = [name for name in database.tables() if name.startswith("datamigrate_")]
    assert len(own) >= 4, own


def assert_no_difference(site: Site) -> None:
    before = len(revisions())
    text = site.flask("db", "check")
    assert "No new upgrade operations detected" in text
    assert "datamigrate_" not in text
    site.flask("db", "migrate", "-m", "nothing")
    assert len(revisions()) == before


def test_migrate_and_check_pass_over_them(
    make_site: MakeSite, database: Database
) -> None:
    site = make_site(database.url)
    migrated(site, database)
    assert_no_difference(site)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            "connection=connection,",
            "connection=connection, include_name=lambda *a: a[0] != 'mine',",
            id="passes include_name",
        ),
        pytest.param(
            "connection=connection,",
            "connection=connection, include_name=lambda *a: a[0] != 'mine', "
            "include_object=lambda *a: True,",
            id="passes both filters",
        ),
        pytest.param(
            "    connectable = get_engine()",
            "    conf_args['include_name'] = lambda *a: a[0] != 'mine'\n"
            "    connectable = get_engine()",
            id="sets include_name",
        ),
    ],
)
def test_an_env_py_with_filters_of_its_own(
    make_site: MakeSite, database: Database, old: str, new: str
) -> None:
    site = make_site(database.url)
    migrated(site, database)
    database.execute("CREATE TABLE mine (id INTEGER)")
    env = pathlib.Path("migrations/env.py")
    text = env.read_text()
    assert text.count(old) == 1
    env.write_text(text.replace(old, new))
    assert_no_difference(site)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "option",
    [
        {"include_name": lambda name, type_, parents: name != "mine"},
        {"include_object": lambda item, name, *rest: name != "mine"},
    ],
    ids=lambda option: next(iter(option)),
)
def test_a_filter_given_to_the_extension(
    make_site: MakeSite, database: Database, option: dict[str, t.Any]
) -> None:
    site = make_site(database.url, **option)
    migrated(site, database)
    database.execute("CREATE TABLE mine (id INTEGER)")
    assert_no_difference(site)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_in_the_schema_of_the_version_table(
    make_site: MakeSite, database: Database
) -> None:
    database.execute("CREATE SCHEMA bookkeeping")
    site = make_site(
        database.url,
        version_table="applied",
        version_table_schema="bookkeeping",
        include_schemas=True,
    )
    site.flask("db", "init")
    site.flask("db", "migrate", "--rev-id", "one")
    site.flask("db", "upgrade")
    database.execute("INSERT INTO users (name) VALUES ('ana')")
    pathlib.Path("migrations/versions/two.py").write_text(UPPER)
    site.flask("db", "upgrade")
    assert database.tables() == ["users"] or set(database.tables()) == {
        *["users"],
        *[n for n in database.tables() if n.startswith("datamigrate_undo")],
    }
    kept = sa.inspect(database.engine()).get_table_names(schema="bookkeeping")
    assert {"applied", "datamigrate_backfills"} <= set(kept)
    assert_no_difference(site)
    site.flask("db", "downgrade")
    assert database.rows("SELECT name FROM users") == [("ana",)]
    assert '"state": "undone"' in site.flask("db", "data", "status", "--json")
