"""What a user can get wrong: one clear message, an exit code, no traceback."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import typing as t

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

import flask_datamigrate.extension  # noqa: F401
from flask_datamigrate import errors
from tests.apps import Project
from tests.apps import Ran
from tests.databases.database import Database
from tests.upgrading.conftest import ADD
from tests.upgrading.conftest import CREATE

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def project(tmp_path: pathlib.Path, database: Database) -> Project:
    project = Project(tmp_path, database.url).init()
    project.revision("r1", CREATE)
    project.revision("r2", ADD.format(by=1), down="r1")
    return project


def one_message(ran: Ran, *parts: str, code: int = 1) -> None:
    assert ran.code == code, (ran.code, ran.err)
    for part in parts:
        assert part in ran.err, ran.err
    assert "Traceback" not in ran.err, ran.err
    assert ran.err.count("Error: ") == 1, ran.err


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        (
            "DATAMIGRATE_BACKFILL",
            "deferred",
            ["no configuration key DATAMIGRATE_BACKFILL", "DATAMIGRATE_BACKFILLS?"],
        ),
        ("DATAMIGRATE_LOCK", "table", ["DATAMIGRATE_LOCK is 'table'", '"session" or']),
        ("DATAMIGRATE_BATCH_SIZE", "0", ["DATAMIGRATE_BATCH_SIZE is 0", "from 1 to"]),
        (
            "DATAMIGRATE_MAX_BATCH_SIZE",
            "1000000000000",
            ["DATAMIGRATE_MAX_BATCH_SIZE is 1000000000000", "from 1 to 10,000,000"],
        ),
        ("DATAMIGRATE_LOCK_WAIT", "-1", ["DATAMIGRATE_LOCK_WAIT is -1"]),
    ],
)
def test_a_wrong_key_or_value_of_the_config(
    project: Project, key: str, value: str, parts: list[str]
) -> None:
    entry = project.path / "entry.py"
    given = value if value.lstrip("-").isdigit() else repr(value)
    text = entry.read_text()
    assert "app = make_app(" in text
    entry.write_text(
        text.replace("app = make_app(", f"app = make_app({key}={given}, url=", 1)
    )
    one_message(project.run("db", "upgrade"), *parts)


# Stands in for a machine where a driver was never installed.
BLOCKER = """
import sys
from importlib.machinery import PathFinder


class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            return None
        return super().find_spec(name, path, target)


sys.meta_path[sys.meta_path.index(PathFinder)] = Without
"""
FACTORY = """
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_datamigrate import DataMigrate

db = SQLAlchemy()
migrate = DataMigrate()

def create_app():
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = {url!r}
    db.init_app(app)
    migrate.init_app(app, db)
    return app
"""


@pytest.mark.parametrize(
    ("url", "missing", "install"),
    [
        (
            "postgresql://me:hidden@127.0.0.1/app",
            ("psycopg", "psycopg2"),
            "pip install 'Flask-DataMigrate[postgresql]'",
        ),
        (
            "mysql://me:hidden@127.0.0.1/app",
            ("MySQLdb", "pymysql"),
            "pip install 'Flask-DataMigrate[mysql]'",
        ),
    ],
)
def test_a_driver_that_is_not_installed(
    tmp_path: pathlib.Path, url: str, missing: tuple[str, ...], install: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(BLOCKER.format(missing=missing))
    (tmp_path / "entry.py").write_text(FACTORY.format(url=url))
    root = str(pathlib.Path(__file__).parent.parent.parent)
    process = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "entry", "db", "upgrade"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{root}"},
        capture_output=True,
        text=True,
    )
    ran = Ran(process.returncode, process.stdout, process.stderr)
    scheme = url.partition(":")[0]
    one_message(ran, f"begins with {scheme}://", "is not installed", install)
    assert "hidden" not in ran.err + ran.out


def test_the_scheme_that_sqlalchemy_took_out() -> None:
    app = Flask("tests")
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgres://me:hidden@127.0.0.1/app"
    write = "Write postgresql.psycopg2://"
    with pytest.raises(errors.ConfigError, match=write) as raised:
        SQLAlchemy(app)
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_bare_url_whose_driver_is_there(database: Database) -> None:

    bare = sa.make_url(database.url).set(drivername="postgresql")
    engine = sa.create_engine(bare)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1
    engine.dispose()


@pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
@pytest.mark.parametrize(
    "command",
    [("upgrade",), ("downgrade",), ("current",), ("data", "status"), ("data", "run")],
)
def test_a_server_that_is_down(project: Project, command: tuple[str, ...]) -> None:
    url = sa.make_url(project.url).set(port=1, password="hidden")
    project.url = url.render_as_string(hide_password=False)
    ran = project.run("db", *command)
    one_message(ran, "the database does not answer", "that the server runs")
    assert "hidden" not in ran.err + ran.out


@pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
def test_a_database_that_does_not_exist(project: Project) -> None:
    url = sa.make_url(project.url).set(database="datamigrate_is_not_there")
    project.url = url.render_as_string(hide_password=False)
    one_message(project.run("db", "upgrade"), "datamigrate_is_not_there")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_database_that_may_only_be_read(project: Project, database: Database) -> None:
    project.flask("db", "upgrade", "r1")
    name = sa.make_url(database.url).database
    database.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    one_message(project.run("db", "upgrade"), "the database is read-only")
    # A login that is in the database already goes on writing.
    database.execute(
        f'BEGIN READ WRITE; ALTER DATABASE "{name}" RESET default_transaction_read_only'
    )
    project.flask("db", "upgrade")


@on_sqlite
def test_a_file_that_may_only_be_read(project: Project) -> None:
    project.flask("db", "upgrade", "r1")
    path = sa.make_url(project.url).database
    writable = project.url
    project.url = f"sqlite:///file:{path}?mode=ro&uri=true"
    one_message(project.run("db", "upgrade"), "the database is read-only")
    project.url = writable
    project.flask("db", "upgrade")


@on_sqlite
def test_a_directory_that_is_not_there(project: Project) -> None:
    project.url = "sqlite:////nowhere/at/all.db"
    one_message(project.run("db", "upgrade"), "no such database", "its folder")


@on_sqlite
@pytest.mark.parametrize(
    ("command", "part"),
    [
        (("upgrade", "r9"), "r9"),
        (("downgrade", "r9"), "r9"),
        (("upgrade", "+9"), "+9"),
        (("downgrade", "--", "-9"), "-9"),
        (("upgrade", "-d", "nowhere"), "nowhere"),
    ],
)
def test_a_target_that_does_not_exist(
    project: Project, command: tuple[str, ...], part: str
) -> None:
    project.flask("db", "upgrade", "r1")
    one_message(project.run("db", *command), part)


@on_sqlite
def test_a_version_in_the_database_that_no_file_has(
    project: Project, database: Database
) -> None:
    project.flask("db", "upgrade", "r1")
    database.execute("UPDATE alembic_version SET version_num = 'gone'")
    one_message(project.run("db", "upgrade"), "gone")


@on_sqlite
@pytest.mark.parametrize(
    "command", [("upgrade",), ("data", "status"), ("data", "check"), ("data", "run")]
)
def test_a_revision_missing_from_the_middle(
    project: Project, command: tuple[str, ...]
) -> None:
    project.revision("r3", ADD.format(by=1), down="r2")
    (project.migrations / "versions" / "r2.py").unlink()
    ran = project.run("db", *command)
    said = " ".join(ran.err.split())
    assert ran.code == 1 and "Traceback" not in said, said
    assert "r2" in said and "no file has that" in said, said
    assert "Bring the file back" in said, said


@on_sqlite
@pytest.mark.parametrize(
    "arguments",
    [
        ("upgrade", "--nonsense"),
        ("upgrade", "--wait", "-1"),
        ("upgrade", "--wait", "soon"),
        ("data", "nonsense"),
        ("data", "accept"),
    ],
)
def test_wrong_usage_is_2(project: Project, arguments: tuple[str, ...]) -> None:
    ran: t.Any = project.run("db", *arguments)
    assert ran.code == 2
    assert "Traceback" not in ran.err
