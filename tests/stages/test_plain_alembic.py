"""Plain Alembic and Flask-Migrate's own functions do not slip past a gate."""

from __future__ import annotations

import flask_migrate
import pytest
from alembic import command
from flask import current_app

from flask_datamigrate.errors import GateError

from .conftest import DEFERRED
from .conftest import Split


def alembic(split: Split, name: str, revision: str) -> None:
    """Run a command of plain Alembic."""
    with split.app.app_context():
        config = current_app.extensions["migrate"].migrate.get_config()
        getattr(command, name)(config, revision)


def test_a_contract_revision_is_refused_by_the_config(split: Split) -> None:
    split.write()
    split.at("migrate").upgrade()
    with pytest.raises(GateError, match="held is r4, since the config says migrate"):
        alembic(split, "upgrade", "head")
    with split.app.app_context(), pytest.raises(SystemExit):
        flask_migrate.upgrade()
    assert split.heads == {"r3"}
    assert "full_name" in split.columns
    split.at("contract")
    alembic(split, "upgrade", "head")
    assert split.heads == {"r5"}


def test_a_contract_revision_is_refused_by_the_data(split: Split) -> None:
    split.write(migrate=DEFERRED)
    split.at("contract")
    alembic(split, "upgrade", "r3")
    with pytest.raises(GateError, match="since backfill fill is pending"):
        alembic(split, "upgrade", "head")
    assert "full_name" in split.columns


def test_the_app_is_told_by_plain_alembic_too(split: Split) -> None:
    split.write()
    split.at("migrate", DATAMIGRATE_STAGE_TTL=0)
    change = split.app.extensions["migrate"].migrate.change("split")

    def reads_new() -> bool:
        with split.app.app_context():
            return bool(change.reads_new)

    alembic(split, "upgrade", "r2")
    assert not reads_new()
    alembic(split, "upgrade", "r3")
    assert reads_new()
    alembic(split, "downgrade", "r2")
    assert not reads_new()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_empty_database_gets_all(split: Split) -> None:
    split.write()
    alembic(split.at(None), "upgrade", "head")
    assert split.heads == {"r5"}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_script_stops_in_front_of_the_gate(split: Split) -> None:
    split.write()
    ran = split.at("migrate").flask("db", "upgrade", "--sql")
    assert ran.exit_code == 0
    assert "Running upgrade r2 -> r3" in ran.stderr + ran.stdout
    assert "r3 -> r4" not in ran.stderr + ran.stdout
    assert "Held: change split: held is r4 (contract)" in ran.stderr
