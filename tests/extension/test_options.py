"""Every option and hook of ``Migrate`` works through ``DataMigrate``."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_datamigrate import DataMigrate
from tests.databases.database import Database

from .conftest import Site
from .conftest import revisions
from .conftest import users

MakeSite = t.Callable[..., Site]

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def longer_names(db: SQLAlchemy) -> None:
    db.Table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
    )


@on_sqlite
def test_batches_and_types_are_on_by_default(
    make_site: MakeSite, database: Database
) -> None:
    site = make_site(database.url)
    site.flask("db", "init")
    site.flask("db", "migrate", "--rev-id", "one")
    site.flask("db", "upgrade")
    make_site(database.url, longer_names).flask("db", "migrate", "--rev-id", "two")
    text = pathlib.Path("migrations/versions/two_.py").read_text()
    assert "batch_alter_table" in text
    assert "type_=sa.String(length=80)" in text


@on_sqlite
def test_they_can_be_turned_off(make_site: MakeSite, database: Database) -> None:
    site = make_site(database.url)
    site.flask("db", "init")
    site.flask("db", "migrate", "--rev-id", "one")
    site.flask("db", "upgrade")
    off = {"compare_type": False, "render_as_batch": False}
    make_site(database.url, longer_names, **off).flask(
        "db", "migrate", "--rev-id", "two"
    )
    text = pathlib.Path("migrations/versions/two_.py").read_text()
    assert "batch_alter_table" not in text
    assert "type_=" not in text
    assert "nullable=False" in text


def test_the_version_table_may_have_another_name(
    make_site: MakeSite, database: Database
) -> None:
    site = make_site(database.url, version_table="applied")
    site.flask("db", "init")
    site.flask("db", "migrate", "--rev-id", "one")
    site.flask("db", "upgrade")
    assert database.rows("SELECT version_num FROM applied") == [("one",)]
    assert "alembic_version" not in database.tables()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("each", [True, False])
def test_a_transaction_for_each_migration(
    make_site: MakeSite, database: Database, each: bool
) -> None:
    site = make_site(database.url, transaction_per_migration=each)
    site.flask("db", "init")
    site.flask("db", "migrate", "--rev-id", "one")
    site.flask("db", "revision", "--rev-id", "two")
    path = pathlib.Path("migrations/versions/two_.py")
    path.write_text(path.read_text().replace("pass", "op.execute('SELECT wrong')", 1))
    ran = site.run("db", "upgrade")
    assert ran.exit_code == 1
    assert ("users" in database.tables()) is each


@on_sqlite
def test_configure_callbacks_are_called(
    make_site: MakeSite, database: Database
) -> None:
    site = make_site(database.url)

    @site.migrate.configure
    def named_by_revision_only(config: t.Any) -> t.Any:
        config.set_main_option("file_template", "v_%%(rev)s")
        return config

    site.flask("db", "init")
    site.flask("db", "migrate", "--rev-id", "one")
    assert [path.name for path in revisions()] == ["v_one.py"]
    site.flask("db", "upgrade")
    assert "users" in database.tables()


@on_sqlite
def test_directives_of_the_app_rewrite_what_is_written(
    make_site: MakeSite, database: Database
) -> None:
    def numbered(context: t.Any, revision: t.Any, directives: list[t.Any]) -> None:
        directives[0].rev_id = "0001"

    site = make_site(database.url, process_revision_directives=numbered)
    site.flask("db", "init")
    site.flask("db", "migrate")
    assert [path.name for path in revisions()] == ["0001_.py"]


@on_sqlite
def test_one_extension_serves_several_apps(
    make_site: MakeSite, database: Database, second_database: Database
) -> None:
    migrate = DataMigrate()
    first = make_site(database.url, migrate=migrate)
    first.flask("db", "init")
    first.flask("db", "migrate", "--rev-id", "one")
    second = make_site(second_database.url, migrate=migrate)
    second.flask("db", "upgrade")
    assert "users" in second_database.tables()
    assert "users" not in database.tables()
    first.flask("db", "upgrade")
    assert "users" in database.tables()


@on_sqlite
def test_the_group_of_flask_migrate_stays_as_it_was(
    make_site: MakeSite, database: Database
) -> None:
    from flask_migrate.cli import db as stock

    make_site(database.url)
    assert "data" not in stock.commands
    assert stock.commands["upgrade"].callback.__module__ == "flask_migrate.cli"


@on_sqlite
def test_an_app_factory(
    database: Database, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    db = SQLAlchemy()
    users(db)
    migrate = DataMigrate(directory="changes", compare_type=False)

    def create_app() -> Flask:
        app = Flask("made")
        app.config["SQLALCHEMY_DATABASE_URI"] = database.url
        db.init_app(app)
        migrate.init_app(app, db)
        return app

    app = create_app()
    runner = app.test_cli_runner()
    for command in ("init", "migrate", "upgrade"):
        result = runner.invoke(args=["db", command])
        assert result.exit_code == 0, result.output
    assert pathlib.Path("changes/env.py").exists()
    assert "users" in database.tables()
    with app.app_context():
        db.engine.dispose()


@on_sqlite
def test_app_and_database_may_go_to_the_constructor(
    database: Database, tmp_path: pathlib.Path
) -> None:
    app = Flask("made")
    app.config["SQLALCHEMY_DATABASE_URI"] = database.url
    db = SQLAlchemy(app)
    DataMigrate(app, db, directory=tmp_path / "changes", command="schema")
    result = app.test_cli_runner().invoke(args=["schema", "init"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "changes" / "env.py").exists()
    with app.app_context():
        db.engine.dispose()
