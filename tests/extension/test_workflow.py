"""The workflow of Flask-Migrate's documentation, through DataMigrate."""

from __future__ import annotations

import pathlib
import re
import typing as t

import pytest
import sqlalchemy as sa

from tests.apps import Project
from tests.databases.database import Database

from .conftest import Site
from .conftest import revisions

MakeSite = t.Callable[..., Site]


def users_with_email(db: t.Any) -> None:
    db.Table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50)),
        sa.Column("email", sa.String(80)),
    )


def own_tables(database: Database) -> list[str]:
    return [name for name in database.tables() if not name.startswith("datamigrate_")]


def current(site: Site) -> str:
    return site.flask("db", "current").strip().splitlines()[-1]


def test_init_migrate_upgrade_downgrade(
    make_site: MakeSite, database: Database
) -> None:
    site = make_site(database.url)
    site.flask("db", "init")
    site.flask("db", "migrate", "-m", "users", "--rev-id", "one")
    assert "users" not in database.tables()

    site.flask("db", "upgrade")

    assert own_tables(database) == ["alembic_version", "users"]
    assert current(site) == "one (head)"
    later = make_site(database.url, users_with_email)
    later.flask("db", "migrate", "-m", "e-mail", "--rev-id", "two")
    later.flask("db", "upgrade")
    database.execute("INSERT INTO users (name, email) VALUES ('Ana', 'a@b')")
    later.flask("db", "downgrade")
    assert database.rows("SELECT * FROM users") == [(1, "Ana")]
    assert current(later) == "one"
    later.flask("db", "downgrade", "base")
    assert "users" not in database.tables()


def test_check_tells_whether_models_and_database_differ(
    make_site: MakeSite, database: Database
) -> None:
    site = make_site(database.url)
    site.flask("db", "init")
    site.flask("db", "migrate")
    site.flask("db", "upgrade")
    assert "No new upgrade operations" in site.flask("db", "check")
    ran = make_site(database.url, users_with_email).run("db", "check")
    assert ran.exit_code == 1
    assert ran.exception is None or isinstance(ran.exception, SystemExit)


def test_upgrade_then_migrate_in_one_process_writes_no_empty_revision(
    make_site: MakeSite, database: Database
) -> None:
    site = make_site(database.url)
    site.flask("db", "init")
    site.flask("db", "migrate")
    site.flask("db", "upgrade")
    assert len(revisions()) == 1
    site.flask("db", "migrate", "-m", "nothing")
    assert len(revisions()) == 1


def test_stamp_marks_a_database_without_touching_it(
    make_site: MakeSite, database: Database
) -> None:
    site = make_site(database.url)
    site.flask("db", "init")
    site.flask("db", "migrate", "--rev-id", "one")
    site.flask("db", "stamp")
    assert own_tables(database) == ["alembic_version"]
    assert current(site) == "one (head)"
    site.flask("db", "upgrade")
    assert own_tables(database) == ["alembic_version"]
    site.flask("db", "stamp", "--purge", "base")
    site.flask("db", "upgrade")
    assert "users" in database.tables()


@pytest.fixture
def branched(make_site: MakeSite, database: Database) -> Site:
    site = make_site(database.url)
    site.flask("db", "init")
    site.flask("db", "revision", "-m", "first", "--rev-id", "one")
    site.flask("db", "revision", "-m", "left", "--rev-id", "two", "--head", "one")
    site.flask(
        *("db", "revision", "-m", "right", "--rev-id", "three"),
        *("--head", "one", "--splice", "--branch-label", "rightly"),
    )
    return site


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_commands_that_look(branched: Site) -> None:
    assert set(branched.flask("db", "heads").split("\n")) == {
        "three (rightly) (head)",
        "two (head)",
        "",
    }
    assert "Rev: two (head)" in branched.flask("db", "history", "-v")
    assert "one -> two (head), left" in branched.flask("db", "history")
    assert "one (branchpoint)" in branched.flask("db", "branches")
    branched.flask("db", "upgrade", "one")
    history = branched.flask("db", "history", "-r", "base:one", "-i")
    assert history.strip().endswith("<base> -> one (current) (branchpoint), first")
    assert "Revision ID: three" in branched.flask("db", "show", "three")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_heads_and_merge(branched: Site, database: Database) -> None:
    ran = branched.run("db", "upgrade")
    assert ran.exit_code == 1
    assert "Multiple head revisions are present" in ran.output
    assert "Traceback" not in ran.output
    branched.flask("db", "upgrade", "heads")
    branched.flask("db", "merge", "-m", "both", "--rev-id", "four", "two", "three")
    branched.flask("db", "upgrade")
    assert database.rows("SELECT version_num FROM alembic_version") == [("four",)]
    branched.flask("db", "downgrade", "rightly@one")
    assert database.rows("SELECT version_num FROM alembic_version") == [("two",)]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_edit_opens_the_revision(
    branched: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "true")
    branched.flask("db", "edit", "three")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_revision_may_be_written_by_autogenerate(
    make_site: MakeSite, database: Database
) -> None:
    site = make_site(database.url)
    site.flask("db", "init", "--package")
    assert pathlib.Path("migrations", "__init__.py").exists()
    site.flask("db", "revision", "--autogenerate", "--rev-id", "one")
    assert "create_table" in pathlib.Path("migrations/versions/one_.py").read_text()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_directory_may_be_another(make_site: MakeSite, database: Database) -> None:
    site = make_site(database.url, directory="first")
    site.flask("db", "init")
    site.flask("db", "migrate", "--rev-id", "one")
    site.flask("db", "init", "-d", "second")
    site.flask("db", "-d", "second", "revision", "--rev-id", "two")
    assert [path.name for path in revisions("first")] == ["one_.py"]
    assert [path.name for path in revisions("second")] == ["two_.py"]

    site.flask("db", "-d", "second", "upgrade")
    assert own_tables(database) == ["alembic_version"]
    site.flask("db", "downgrade", "-d", "second")
    site.flask("db", "upgrade")
    assert "users" in database.tables()
    assert "No backfills" in site.flask("db", "data", "status", "-d", "second")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_command_may_be_called_otherwise(
    make_site: MakeSite, database: Database
) -> None:
    site = make_site(database.url, command="database")
    site.flask("database", "init")
    site.flask("database", "migrate")
    site.flask("database", "upgrade")
    assert "users" in database.tables()
    assert "No backfills" in site.flask("database", "data", "status")
    assert site.run("db", "upgrade").exit_code == 2


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_help_lists_the_commands_of_both(
    make_site: MakeSite, database: Database
) -> None:
    text = make_site(database.url).flask("db", "--help")
    assert "Perform database migrations." in text
    commands = set(re.findall(r"^  ([a-z-]+)  ", text, re.M))
    assert commands >= {
        *("branches", "check", "current", "data", "downgrade", "edit", "heads"),
        *("history", "init", "list-templates", "merge", "migrate", "revision"),
        *("show", "stamp", "upgrade"),
    }


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_upgrade_and_downgrade_take_every_option_of_flask_migrate(
    make_site: MakeSite, database: Database
) -> None:
    from flask_migrate.cli import db as stock

    site = make_site(database.url)
    for name in ("upgrade", "downgrade"):
        text = site.flask("db", name, "--help")
        for parameter in stock.commands[name].params:
            for option in parameter.opts if parameter.param_type_name else ():
                if option.startswith("-"):
                    assert option in text


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "arguments",
    [("-x", "a=1", "upgrade"), ("upgrade", "-x", "a=1"), ("upgrade", "--x-arg", "a=1")],
)
def test_x_arguments_reach_env_py(
    make_site: MakeSite, database: Database, arguments: tuple[str, ...]
) -> None:
    site = make_site(database.url)
    site.flask("db", "init")
    site.flask("db", "revision")
    env = pathlib.Path("migrations/env.py")
    env.write_text(
        f"{env.read_text()}\n"
        "print('x is', context.get_x_argument(as_dictionary=True), "
        "context.get_tag_argument())\n"
    )
    assert "x is {'a': '1'} None" in site.flask("db", *arguments)
    down = site.flask("db", "downgrade", "base", "--tag", "blue", *arguments[1:-2])
    assert "blue" in down


def test_list_templates(tmp_path: pathlib.Path) -> None:
    printed = Project(tmp_path, "sqlite://").flask("db", "list-templates").out
    assert "flask-multidb - Multi-database" in printed
