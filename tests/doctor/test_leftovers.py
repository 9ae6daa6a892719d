"""What is left in a database by something that was cut off, or was kept."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy

from tests.stages import test_sync
from tests.upgrading.conftest import ADD
from tests.upgrading.conftest import ADD_FOR_GOOD
from tests.upgrading.conftest import CREATE

from .conftest import Clinic
from .test_databases import NOTHING

ARCHIVE = """
def upgrade():
    op.archive_column("counters", "n")

def downgrade():
    op.restore_column("counters", "n")
"""


def test_state_tables_of_an_older_layout(clinic: Clinic) -> None:
    clinic.chain(CREATE, ADD.format(by=1))
    clinic.upgrade()
    for column in ("unproven", "conflicts", "key_columns", "rows_left"):
        clinic.database.execute(
            f"ALTER TABLE datamigrate_backfills DROP COLUMN {column}"
        )
    found = clinic.doctor().of("state tables")
    assert {f["level"] for f in found} == {"problem"}
    for finding in found:
        clinic.database.execute(finding["next"])
    assert clinic.doctor().exit_code == 0


def test_a_state_table_that_is_missing(clinic: Clinic) -> None:
    clinic.chain(CREATE, ADD_FOR_GOOD.format(by=1, options=""))
    clinic.upgrade()
    clinic.database.execute("DROP TABLE datamigrate_orders")
    level, what, mend = clinic.doctor().one("state tables")
    assert level == "problem" and "datamigrate_orders is missing" in what
    clinic.database.execute(mend.partition("anew: ")[2])
    assert clinic.doctor().exit_code == 0


def test_revisions_that_were_stamped(clinic: Clinic) -> None:
    clinic.chain(CREATE, ADD.format(by=1))
    clinic.flask("db", "stamp", "head")
    level, what, _ = clinic.doctor().one("state tables")
    assert level == "note" and "(r2)" in what


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_an_invalid_index(clinic: Clinic) -> None:
    clinic.chain(CREATE)
    clinic.upgrade()
    clinic.database.execute("INSERT INTO counters VALUES (9, 10)")
    engine = clinic.database.engine(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        with pytest.raises(sa.exc.IntegrityError):
            connection.exec_driver_sql(
                "CREATE UNIQUE INDEX CONCURRENTLY one ON counters (n)"
            )
        level, what, mend = clinic.doctor().one("indexes")
        assert level == "problem" and what.startswith("one on counters is invalid")
        connection.exec_driver_sql(mend.partition("needed, ")[2])
    assert clinic.doctor().exit_code == 0


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_constraints_that_are_not_valid_or_left(clinic: Clinic) -> None:
    clinic.chain(CREATE)
    clinic.upgrade()
    add = "ALTER TABLE counters ADD CONSTRAINT {} CHECK (n > 0) NOT VALID"
    clinic.database.execute(add.format("positive"))
    clinic.database.execute(add.format("datamigrate_not_null_counters_n"))
    left, open_ = clinic.doctor().of("constraints")
    assert left["level"] == "problem" and "datamigrate_not_null" in left["what"]
    assert open_["level"] == "warning" and "NOT VALID" in open_["what"]
    clinic.database.execute("ALTER" + left["next"].partition("ALTER")[2])
    clinic.database.execute("ALTER" + open_["next"].partition("ALTER")[2])
    assert clinic.doctor().exit_code == 0


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_not_null_is_no_leftover_though_it_is_a_constraint(clinic: Clinic) -> None:
    clinic.chain(CREATE)
    clinic.upgrade()
    version = "SELECT CAST(current_setting('server_version_num') AS integer)"
    if clinic.database.scalar(version) < 180000:
        pytest.skip("NOT NULL is a constraint since PostgreSQL 18")
    assert clinic.doctor().of("constraints") == []
    name = "datamigrate_of_the_app"
    clinic.database.execute("ALTER TABLE counters ALTER COLUMN n DROP NOT NULL")
    clinic.database.execute(
        f"ALTER TABLE counters ADD CONSTRAINT {name} NOT NULL n NOT VALID"
    )
    level, what, mend = clinic.doctor().one("constraints")
    assert level == "warning" and f"{name} on counters is NOT VALID" in what
    clinic.database.execute("ALTER" + mend.partition("ALTER")[2])
    assert clinic.doctor().exit_code == 0


def test_sync_triggers_without_their_change(clinic: Clinic) -> None:
    clinic.chain(test_sync.PEOPLE, test_sync.EXPAND)
    clinic.upgrade()
    assert clinic.doctor().of("sync triggers") == []
    clinic.revision("r2", NOTHING, down="r1")
    found = clinic.doctor().of("sync triggers")
    assert {f["level"] for f in found} == {"warning"}
    for finding in found:
        clinic.database.execute(finding["next"].partition("or: ")[2])
    assert clinic.doctor().exit_code == 0


def test_sync_triggers_that_the_contract_left(clinic: Clinic) -> None:
    contract = f"change = 'split'\nstage = 'contract'\n{NOTHING}"
    fill = test_sync.FILL.replace("{options}", "")
    clinic.chain(test_sync.PEOPLE, test_sync.EXPAND, fill, contract)
    clinic.app = clinic.make_app(DATAMIGRATE_STAGES={"split": "contract"})
    clinic.upgrade()
    found = clinic.doctor().of("sync triggers")
    assert found
    assert "though the contract of its change split is applied" in found[0]["what"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_sync_triggers_that_are_kept_quiet(clinic: Clinic) -> None:
    clinic.chain(test_sync.PEOPLE, test_sync.EXPAND)
    clinic.upgrade()
    clinic.database.execute("INSERT INTO datamigrate_sync VALUES ('engine')")
    level, what, mend = clinic.doctor().one("sync triggers")
    assert level == "problem" and "the sync triggers rest" in what
    clinic.database.execute(mend.partition(";")[0])
    assert clinic.doctor().of("sync triggers") == []


def test_tables_that_a_batch_left(clinic: Clinic) -> None:
    clinic.chain(CREATE)
    clinic.upgrade()
    clinic.database.execute("CREATE TABLE _alembic_tmp_counters (id INTEGER)")
    level, what, mend = clinic.doctor().one("batch tables")
    assert level == "problem" and "the rows are in counters" in what
    clinic.database.execute(mend)
    assert clinic.doctor().exit_code == 0
    clinic.database.execute("ALTER TABLE counters RENAME TO _alembic_tmp_counters")
    level, what, mend = clinic.doctor().one("batch tables")
    assert level == "problem" and "in here alone" in what
    clinic.database.execute(mend)
    assert clinic.counts == [10, 20, 50]


def test_what_an_undo_keeps(clinic: Clinic) -> None:
    clinic.chain(CREATE, ADD.format(by=1))
    clinic.upgrade()
    level, what, mend = clinic.doctor().one("kept rows")
    assert level == "note" and what.startswith("r2 keeps 3 rows")
    assert mend.endswith("flask db data forget r2")
    table = clinic.database.scalar("SELECT undo_table FROM datamigrate_backfills")
    clinic.database.execute(f"ALTER TABLE {table} RENAME TO {table[:-1]}")
    gone, unknown = clinic.doctor().of("kept rows")
    assert gone["level"] == "problem" and "is not there" in gone["what"]
    assert unknown["level"] == "warning" and "no backfill knows" in unknown["what"]
    assert clinic.flask("db", "data", "forget", "r2", "--yes").exit_code == 0
    clinic.database.execute(unknown["next"])
    assert clinic.doctor().of("kept rows") == []


def test_an_archive(clinic: Clinic) -> None:
    clinic.chain(CREATE, ARCHIVE)
    clinic.upgrade()
    said = clinic.doctor()
    level, what, mend = said.one("kept rows")
    assert (said.exit_code, level) == (0, "note")
    assert "the archive of counters.n keeps 3 rows" in what
    note = '{"state": "copying", "table": "counters", "column": "n"}'
    clinic.database.execute(
        sa.text("UPDATE datamigrate_ddl SET detail = :note"), {"note": note}
    )
    level, what, _ = clinic.doctor().one("kept rows")
    assert level == "problem" and "counters.n was being archived" in what
    for statement in mend.partition(": ")[2].split("; "):
        clinic.database.execute(statement)
    assert clinic.doctor().of("kept rows") == []


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_a_table_without_transactions(clinic: Clinic) -> None:
    clinic.chain(CREATE)
    clinic.upgrade()
    db: SQLAlchemy = clinic.app.extensions["sqlalchemy"]
    sa.Table("counters", db.metadata, sa.Column("id", sa.Integer, primary_key=True))
    assert clinic.doctor().of("storage engines") == []
    clinic.database.execute("ALTER TABLE counters ENGINE=MyISAM")
    level, what, mend = clinic.doctor().one("storage engines")
    assert level == "problem" and "counters is stored in MyISAM" in what
    clinic.database.execute(mend)
    assert clinic.doctor().exit_code == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_sqlite_leaves_to_the_app(clinic: Clinic) -> None:
    clinic.chain(CREATE)
    clinic.upgrade()
    db: SQLAlchemy = clinic.app.extensions["sqlalchemy"]
    parent = sa.Column("parent", sa.ForeignKey("counters.id"))
    sa.Table("counters", db.metadata, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table("children", db.metadata, parent)
    keys, journal = clinic.doctor().of("sqlite")
    assert "does not enforce" in keys["what"] and "delete" in journal["what"]
    clinic.database.execute("PRAGMA journal_mode = WAL")
    assert "does not enforce" in clinic.doctor().one("sqlite")[1]
