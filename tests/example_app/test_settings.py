"""Which database the app uses, and where its configuration comes from."""

from __future__ import annotations

import pathlib

import pytest
import sqlalchemy as sa

from example_app import create_app
from example_app import settings
from example_app.database import db
from flask_datamigrate.errors import ConfigError


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("postgres://u:p@h/d", "postgresql+psycopg2"),
        ("postgresql://u:p@h/d", "postgresql+psycopg2"),
        ("postgresql+psycopg://u:p@h/d", "postgresql+psycopg"),
        ("mysql://u:p@h/d", "mysql+pymysql"),
        ("mariadb://u:p@h/d", "mariadb+pymysql"),
        ("mysql+pymysql://u:p@h/d", "mysql+pymysql"),
    ],
)
def test_a_url_without_a_driver_gets_one(given: str, driver: str) -> None:
    assert settings.database_url(given) == f"{driver}://u:p@h/d"


@pytest.mark.parametrize(
    "given", ["secret", "nosuch://u:secret@h/d", "mysql+nosuch://u:secret@h/d"]
)
def test_a_url_that_cannot_be_read_is_explained_without_its_password(
    given: str,
) -> None:
    with pytest.raises(ConfigError, match="postgresql://") as caught:
        settings.database_url(given)
    assert "secret" not in str(caught.value)


def test_the_database_is_a_file_in_the_instance_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    app = create_app()
    with app.app_context():
        file = pathlib.Path(db.engine.url.database or "")
    assert file == pathlib.Path(app.instance_path, "bugs.db")


def test_the_environment_names_the_database_and_any_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@h/d")
    monkeypatch.setenv("FLASK_DATAMIGRATE_BATCH_SIZE", "77")
    app = create_app()
    assert app.config["DATAMIGRATE_BATCH_SIZE"] == 77
    with app.app_context():
        assert db.engine.url == sa.make_url("postgresql+psycopg2://u:p@h/d")


def test_what_the_caller_gives_has_the_last_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@h/d")
    monkeypatch.setenv("FLASK_TESTING", "false")
    app = create_app({"SQLALCHEMY_DATABASE_URI": "sqlite://", "TESTING": True})
    assert app.testing
    with app.app_context():
        assert db.engine.dialect.name == "sqlite"


def test_sqlite_checks_foreign_keys() -> None:
    app = create_app({"SQLALCHEMY_DATABASE_URI": "sqlite://"})
    with app.app_context(), db.engine.connect() as connection:
        assert connection.scalar(sa.text("PRAGMA foreign_keys")) == 1
    with app.app_context():
        db.engine.dispose()
