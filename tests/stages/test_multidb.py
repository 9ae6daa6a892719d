"""A change of several databases: each has to be ready."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from flask_datamigrate.errors import GateError
from tests.apps import Project
from tests.databases.database import Database
from tests.upgrading.test_multidb import ADD_TO
from tests.upgrading.test_multidb import BOTH
from tests.upgrading.test_multidb import CREATE_BOTH
from tests.upgrading.test_multidb import DISPATCH
from tests.upgrading.test_multidb import NEITHER
from tests.upgrading.test_multidb import version

from .conftest import Split

CONTRACT = (
    DISPATCH
    + """
change = "split"
stage = "contract"

def upgrade_():
    pass

def upgrade_other():
    op.drop_table("counters")

downgrade_ = downgrade_other = upgrade_
"""
)


@pytest.fixture
def multi(
    tmp_path: pathlib.Path, database: Database, second_database: Database
) -> t.Iterator[Split]:
    project = Project(tmp_path, database.url, binds={"other": second_database.url})
    bench = Split(project, database)
    yield bench
    bench.close()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_a_backfill_of_one_database_holds_the_contract_of_both(
    multi: Split, database: Database, second_database: Database
) -> None:
    migrate = ADD_TO.format(by=1, first=NEITHER, second=BOTH)
    migrate = migrate.replace("undo=True", "undo=True, deferred=True, name='fill'")
    multi.chain(
        CREATE_BOTH, f'change = "split"\nstage = "migrate"\n{migrate}', CONTRACT
    )
    multi.at("contract").upgrade("r1")
    with pytest.raises(GateError, match="held is r3 .* backfill fill is pending"):
        multi.upgrade()
    assert (version(database), version(second_database)) == ("r2", "r2")
    multi.at("migrate", DATAMIGRATE_STAGE_TTL=0)
    change = multi.app.extensions["migrate"].migrate.change("split")
    with multi.app.app_context():
        assert not change.reads_new
    assert multi.flask("db", "data", "run").exit_code == 0
    with multi.app.app_context():
        assert change.reads_new
    multi.at("contract").upgrade()
    assert (version(database), version(second_database)) == ("r3", "r3")
    assert "counters" not in second_database.tables()
