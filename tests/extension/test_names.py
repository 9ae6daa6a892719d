"""Changing the import line is enough."""

from __future__ import annotations

import subprocess
import sys

import flask_migrate
import pytest

import flask_datamigrate


def test_every_public_name_of_flask_migrate_is_there() -> None:
    public = [name for name in vars(flask_migrate) if not name.startswith("_")]
    assert {"Migrate", "init", "stamp", "check", "Config"} <= set(public)
    for name in public:
        assert hasattr(flask_datamigrate, name), name
        assert name in dir(flask_datamigrate)


def test_the_changed_line_gives_the_whole_product() -> None:
    from flask_datamigrate import Migrate
    from flask_datamigrate import downgrade
    from flask_datamigrate import stamp
    from flask_datamigrate import upgrade

    assert Migrate is flask_datamigrate.DataMigrate
    assert issubclass(Migrate, flask_migrate.Migrate)
    assert stamp is flask_migrate.stamp
    assert upgrade is not flask_migrate.upgrade
    assert downgrade is not flask_migrate.downgrade


def test_a_name_that_neither_has_is_an_import_error() -> None:
    with pytest.raises(ImportError, match="flask_datamigrate"):
        from flask_datamigrate import upgarde  # noqa: F401


def test_importing_it_loads_no_engine_and_no_database() -> None:
    code = (
        "import sys, flask_migrate; before = set(sys.modules); "
        "from flask_datamigrate import DataMigrate; "
        "print(sorted(m for m in set(sys.modules) - before))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert "flask_datamigrate.extension" in loaded
    for name in ("backfill", "upgrading", "authoring", "psycopg", "pymysql"):
        assert name not in loaded
