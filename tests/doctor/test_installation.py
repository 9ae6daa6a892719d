"""What the doctor sees of an app and its migrations, and when it cannot look."""

from __future__ import annotations

import pathlib

import pytest
import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy

from tests.databases.database import Database
from tests.extension.test_old_projects import OLD_ENV
from tests.stages.conftest import CONTRACT
from tests.stages.conftest import EXPAND
from tests.stages.conftest import MIGRATE
from tests.stages.conftest import PEOPLE
from tests.upgrading.conftest import COLUMN
from tests.upgrading.conftest import CREATE

from .conftest import Clinic

sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@sqlite
def test_a_library_that_is_too_old(
    clinic: Clinic, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "site" / "alembic-1.9.dist-info"
    there.mkdir(parents=True)
    (there / "METADATA").write_text("Name: alembic\nVersion: 1.9\n")
    monkeypatch.syspath_prepend(there.parent)
    level, what, mend = clinic.doctor().one("libraries")
    assert level == "problem" and "alembic 1.9 is older than 1.18" in what
    assert mend == "pip install 'alembic>=1.18'"


@sqlite
def test_a_key_that_came_after_the_start(clinic: Clinic) -> None:
    clinic.app.config["DATAMIGRATE_BATCH_SIZ"] = 5
    level, what, mend = clinic.doctor().one("keys")
    assert level == "problem" and "no configuration key DATAMIGRATE_BATCH_SIZ" in what
    assert "DATAMIGRATE_BATCH_SIZE" in mend


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_a_lag_that_nobody_can_know(clinic: Clinic) -> None:
    clinic.app.config["DATAMIGRATE_MAX_LAG"] = 5
    assert "DATAMIGRATE_REPLICAS" in clinic.doctor().one("keys")[2]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_url_that_names_no_driver(clinic: Clinic) -> None:
    bare = sa.make_url(clinic.database.url).set(drivername="postgresql")
    clinic.project.url = bare.render_as_string(hide_password=False)
    clinic.app = clinic.make_app()
    level, what, mend = clinic.doctor().one("drivers")
    assert level == "warning" and "begins with postgresql://" in what
    assert "postgresql+psycopg" in mend


def test_several_heads(clinic: Clinic) -> None:
    clinic.chain(CREATE, COLUMN.format(name="a"))
    clinic.revision("r9", COLUMN.format(name="b"), down="r1")
    said = clinic.doctor()
    level, what, mend = said.one("revisions")
    assert (said.exit_code, level) == (3, "warning")
    assert "2 heads (r2, r9)" in what and "r2 r9" in mend
    clinic.upgrade("heads")
    assert clinic.doctor().of("version") == []


def test_an_env_py_of_2_x(clinic: Clinic) -> None:
    path = clinic.project.migrations / "env.py"
    path.write_text(OLD_ENV.replace("**current_app", "# **current_app"))
    text = path.read_text().replace(".configure_args", ".others")
    path.write_text(text)
    level, what, _ = clinic.doctor().one("env.py")
    assert level == "warning" and "does not pass on configure_args" in what


def test_an_env_py_with_ways_of_its_own(clinic: Clinic) -> None:
    path = clinic.project.migrations / "env.py"
    text = path.read_text()
    assert clinic.doctor().of("env.py") == []
    options = "include_object=lambda *a: True, **conf_args"
    path.write_text(
        text.replace("**conf_args", options).replace(
            " as connection:\n", " as connection:\n        connection.begin()\n"
        )
    )
    found = clinic.doctor().of("env.py")
    assert {f["level"] for f in found} == {"note"}
    changed, begins, own = (f["what"] for f in found)
    assert "was changed" in changed
    assert "begins a transaction" in begins
    assert "include_object" in own


def test_a_bind_that_is_not_migrated(clinic: Clinic, second_database: Database) -> None:
    clinic.project.binds = {"other": second_database.url}
    clinic.app = clinic.make_app()
    db: SQLAlchemy = clinic.app.extensions["sqlalchemy"]
    sa.Table("things", db.metadatas["other"], sa.Column("id", sa.Integer))
    (found,) = clinic.doctor().of("env.py")
    assert (found["level"], found["bind"]) == ("warning", "other")


def test_code_that_cannot_live_with_the_database(clinic: Clinic) -> None:
    clinic.chain(PEOPLE, EXPAND, MIGRATE, CONTRACT)
    clinic.app = clinic.make_app(DATAMIGRATE_STAGES={"split": "migrate"})
    clinic.upgrade()
    said = clinic.doctor()
    assert said.exit_code == 0
    assert "1 revision held" in said.one("version")[1]
    clinic.app = clinic.make_app(DATAMIGRATE_STAGES={"split": "contract"})
    clinic.upgrade()
    clinic.app = clinic.make_app(DATAMIGRATE_STAGES={"split": "expand"})
    level, what, mend = clinic.doctor().one("stages")
    assert level == "problem" and "the code is at expand" in what
    assert "flask db downgrade" in mend


def test_a_change_that_no_revision_has(clinic: Clinic) -> None:
    clinic.chain(PEOPLE, EXPAND, MIGRATE, CONTRACT)
    clinic.app.config["DATAMIGRATE_STAGES"] = {"spilt": "migrate"}
    level, what, _ = clinic.doctor().one("stages")
    assert level == "problem" and "split" in what


def test_an_error_of_the_revisions_is_told_once(clinic: Clinic) -> None:
    clinic.chain(PEOPLE, EXPAND, CONTRACT)
    said = clinic.doctor()
    assert [f["check"] for f in said.findings if f["level"] == "problem"] == ["stages"]
    assert "same reason as stages" in said.one("version")[1]


def test_a_script_that_cannot_be_read(clinic: Clinic) -> None:
    clinic.revision("r1", "def upgrade(:")
    said = clinic.doctor()
    assert said.exit_code == 1
    assert "r1.py, line" in said.one("scripts")[1]


def test_an_alembic_version_that_cannot_be_read(clinic: Clinic) -> None:
    clinic.database.execute("CREATE TABLE alembic_version (other INTEGER)")
    said = clinic.doctor()
    assert said.exit_code == 1
    assert "version_num" in said.one("scripts")[1]


@sqlite
def test_no_migrations(clinic: Clinic) -> None:
    ran = clinic.flask("db", "data", "doctor", "-d", "nowhere")
    assert ran.exit_code == 1
    assert "problem  scripts: " in ran.stdout and "flask db init" in ran.stdout


def test_a_database_that_does_not_answer(two: Clinic) -> None:
    two.chain("def upgrade(engine_name): pass\ndef downgrade(engine_name): pass")
    url = sa.make_url(two.database.url)
    if two.database.name == "sqlite":
        url = url.set(database="/nowhere/at/all.db")
    else:
        url = url.set(port=1, password="secret")
    two.project.binds["other"] = url.render_as_string(hide_password=False)
    two.app = two.make_app()
    ran = two.flask("db", "data", "doctor")
    assert ran.exit_code == 1
    assert "problem  connection (other): " in ran.stdout
    assert "note     scripts: not looked at" in ran.stdout
    assert "secret" not in ran.output
