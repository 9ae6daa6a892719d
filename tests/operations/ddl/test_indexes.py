"""``op.create_index_online`` and ``op.drop_index_online``."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from flask_datamigrate import errors
from tests.databases.database import Database
from tests.operations.ddl.conftest import Family

UP = 'op.create_index_online("ix_name", "parents", ["name", "n"])'
UNIQUE = 'op.create_index_online("ix_name", "parents", ["name"], unique=True)'
DOWN = 'op.drop_index_online("ix_name", "parents")'
POSTGRESQL = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


def index(family: Family, name: str = "ix_name") -> sa.Index | None:
    found = [i for i in family.table().indexes if i.name == name]
    return found[0] if found else None


def invalid(database: Database) -> int:
    return int(database.scalar("SELECT count(*) FROM pg_index WHERE NOT indisvalid"))


def test_an_index_is_created_and_dropped_again(family: Family, form: str) -> None:
    family.revision(UP, DOWN)

    family.upgrade()

    made = index(family)
    assert made is not None
    assert [column.name for column in made.columns] == ["name", "n"]
    assert not made.unique
    assert family.version == "r2"

    family.downgrade()

    assert index(family) is None
    assert family.version == "r1"


def test_the_statements_are_logged(
    family: Family, form: str, capfd: pytest.CaptureFixture[str]
) -> None:
    family.revision(UP, DOWN)

    family.upgrade()
    created = capfd.readouterr().err
    family.downgrade()
    dropped = capfd.readouterr().err

    concurrently = family.database.name == "postgresql" and form == "in use"
    how = "INDEX CONCURRENTLY" if concurrently else "INDEX"
    assert f"index ix_name of parents: CREATE {how} ix_name ON parents" in created
    assert "index ix_name of parents: " in dropped
    assert f"DROP {how} ix_name" in dropped


def test_it_runs_under_plain_alembic_too(family: Family, form: str) -> None:
    family.revision(UNIQUE, DOWN)
    family.alembic("upgrade", "head")
    assert index(family) is not None
    assert family.version == "r2"
    family.alembic("downgrade", "r1")
    assert index(family) is None
    assert family.version == "r1"


def test_an_index_that_is_there_already_is_left_alone(
    family: Family, form: str
) -> None:
    family.revision(UP, DOWN)
    family.database.execute("CREATE INDEX ix_name ON parents (name, n)")
    family.upgrade()
    assert index(family) is not None

    family.downgrade()
    family.database.execute("CREATE INDEX ix_name ON parents (name, n)")
    family.database.execute("DROP INDEX ix_name" + on(family.database))
    family.upgrade()
    assert family.version == "r2"


def on(database: Database) -> str:
    return " ON parents" if database.name == "mysql" else ""


@pytest.mark.parametrize("columns", ["(name)", "(n, name)", "(name, n, id)"])
def test_an_index_of_the_name_with_other_columns_is_refused(
    family: Family, form: str, columns: str
) -> None:
    family.database.execute(f"CREATE INDEX ix_name ON parents {columns}")
    family.revision(UP, DOWN)

    with pytest.raises(errors.SchemaError, match="another definition") as caught:
        family.upgrade()

    assert 'op.drop_index_online("ix_name", "parents")' in str(caught.value)
    assert family.version == "r1"


def test_an_index_that_is_unique_where_it_should_not_be_is_refused(
    family: Family, form: str
) -> None:
    family.database.execute("CREATE UNIQUE INDEX ix_name ON parents (name, n)")
    family.revision(UP, DOWN)
    with pytest.raises(errors.SchemaError, match="another definition"):
        family.upgrade()


def test_duplicates_are_counted_and_their_keys_shown(family: Family, form: str) -> None:
    family.database.execute("UPDATE parents SET name = 'secret' WHERE id IN (2, 5, 9)")
    family.database.execute("UPDATE parents SET name = 'too' WHERE id IN (3, 4)")
    family.database.execute("UPDATE parents SET name = NULL WHERE id IN (6, 7)")
    family.revision(UNIQUE, DOWN)

    with pytest.raises(errors.SchemaError) as caught:
        family.upgrade()

    message = str(caught.value)
    assert "2 values occur more than once, in 5 rows" in message
    assert "id=2 and id=5; id=3 and id=4" in message
    assert "secret" not in message
    assert index(family) is None
    if family.database.name == "postgresql":
        assert invalid(family.database) == 0
    assert family.version == "r1"

    family.database.execute("UPDATE parents SET name = id WHERE id < 10")
    family.upgrade()
    assert index(family) is not None


@POSTGRESQL
def test_an_invalid_index_that_was_left_is_built_again(
    family: Family, form: str
) -> None:
    family.database.execute("UPDATE parents SET name = 'same'")
    engine = family.database.engine(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection, pytest.raises(sa.exc.IntegrityError):
        connection.exec_driver_sql(
            "CREATE UNIQUE INDEX CONCURRENTLY ix_name ON parents (name)"
        )
    assert invalid(family.database) == 1
    family.database.execute("UPDATE parents SET name = id")
    family.revision(UNIQUE, DOWN)

    family.upgrade()

    assert invalid(family.database) == 0
    assert index(family) is not None


OPTIONS = """op.create_index_online(
        "ix_name", "parents", [sa.text("lower(name) DESC"), "n"], unique=True,
        postgresql_where=sa.text("n > 3"), postgresql_include=["id"],
        postgresql_with={"fillfactor": 70},
    )"""


@POSTGRESQL
def test_options_of_postgresql_are_kept_and_compared(family: Family, form: str) -> None:
    family.revision(OPTIONS, DOWN)
    family.upgrade()
    definition = family.database.scalar(
        "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_name'"
    )
    assert definition.endswith(
        "USING btree (lower((name)::text) DESC, n) INCLUDE (id) "
        "WITH (fillfactor='70') WHERE (n > 3)"
    )

    family.database.execute("UPDATE alembic_version SET version_num = 'r1'")
    family.upgrade()
    assert family.version == "r2"

    family.database.execute("UPDATE alembic_version SET version_num = 'r1'")
    family.revision(OPTIONS.replace("n > 3", "n > 4"), DOWN)
    with pytest.raises(errors.SchemaError, match="another definition"):
        family.upgrade()
    family.revision(OPTIONS.replace(" DESC", ""), DOWN)
    with pytest.raises(errors.SchemaError, match="another definition"):
        family.upgrade()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_partial_index_of_sqlite(family: Family) -> None:
    partial = UNIQUE.replace(
        "unique=True", "unique=True, sqlite_where=sa.text('n > 3')"
    )
    family.database.execute("UPDATE parents SET name = 'same' WHERE n < 6")
    family.revision(partial, DOWN)
    with pytest.raises(errors.SchemaError, match="in 2 rows: id=4 and id=5"):
        family.upgrade()
    family.revision(partial.replace("n > 3", "n > 4"), DOWN)
    family.upgrade()
    assert index(family) is not None


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_what_mariadb_cannot_index_is_refused(family: Family) -> None:
    family.revision('op.create_index_online("i", "parents", [sa.text("lower(name)")])')
    with pytest.raises(errors.SchemaError, match="no index on an expression"):
        family.upgrade()
    family.revision(
        'op.create_index_online("i", "parents", ["name"], mysql_prefix="FULLTEXT")'
    )
    with pytest.raises(errors.SchemaError, match="while the table is written to"):
        family.upgrade()
    assert not family.table().indexes


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_a_unique_index_that_cannot_be_partial_is_refused(family: Family) -> None:
    """MariaDB would make one over all rows of it."""
    partial = "unique=True, postgresql_where=sa.text('n > 5')"
    family.revision(f'op.create_index_online("ix_name", "parents", ["n"], {partial})')
    for sql in (False, True):
        with pytest.raises(errors.SchemaError, match="no partial indexes"):
            family.upgrade("r1:r2" if sql else "r2", sql=sql)
    assert index(family) is None


@POSTGRESQL
def test_a_column_of_its_own_revision_is_not_there_yet(family: Family) -> None:
    family.revision(
        'op.add_column("parents", sa.Column("m", sa.Integer))\n'
        '    op.create_index_online("ix_m", "parents", ["m"])'
    )
    with pytest.raises(errors.SchemaError) as caught:
        family.upgrade()
    assert "there is no column m in table parents" in str(caught.value)
    assert "into a revision of its own, behind it" in str(caught.value)
    assert family.version == "r1"
    assert "m" not in family.table().c


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_a_prefix_of_mariadb_is_compared(family: Family) -> None:
    prefixed = UP.replace('["name", "n"]', '["name"], mysql_length=5')
    family.database.execute("CREATE INDEX ix_name ON parents (name(4))")
    family.revision(prefixed, DOWN)
    with pytest.raises(errors.SchemaError, match=r"name\(4\)"):
        family.upgrade()
    family.database.execute("DROP INDEX ix_name ON parents")
    family.database.execute("CREATE INDEX ix_name ON parents (name(5))")
    family.upgrade()
    assert family.version == "r2"


@POSTGRESQL
def test_the_index_of_a_constraint_is_not_dropped(family: Family, form: str) -> None:
    family.database.execute("ALTER TABLE parents ADD CONSTRAINT u UNIQUE (n)")
    family.revision('op.drop_index_online("u", "parents")')
    with pytest.raises(errors.SchemaError, match="op.drop_constraint") as caught:
        family.upgrade()
    assert "belongs to the constraint u" in str(caught.value)


@pytest.mark.parametrize("database", ["postgresql", "sqlite"], indirect=True)
def test_an_index_of_another_table_is_neither_taken_nor_dropped(
    family: Family, form: str
) -> None:
    family.database.execute("CREATE INDEX ix_name ON children (parent_id)")
    family.revision(UP, DOWN)
    with pytest.raises(errors.SchemaError, match="name of another index"):
        family.upgrade()
    family.revision(DOWN)
    with pytest.raises(errors.SchemaError, match="an index of table children"):
        family.upgrade()


@POSTGRESQL
def test_a_partitioned_table_is_refused(family: Family, form: str) -> None:
    family.database.execute(
        "CREATE TABLE parted (id int, at date) PARTITION BY RANGE (at)"
    )
    family.revision('op.create_index_online("ix_at", "parted", ["at"])')
    with pytest.raises(errors.SchemaError, match="is partitioned"):
        family.upgrade()


def test_two_upgrades_at_once_do_not_wait_for_each_other_for_ever(
    family: Family,
) -> None:
    family.revision(UP, DOWN)
    failures: list[BaseException] = []

    def upgrade() -> None:
        ran = family.project.run("db", "upgrade", FLASK_DATAMIGRATE_ATOMIC_ROWS="5")
        if ran.code:
            failures.append(AssertionError(ran.err))

    threads = [threading.Thread(target=upgrade) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failures
    assert family.version == "r2"
    assert index(family) is not None


def test_the_script_of_sql_mode_creates_it(
    family: Family, capsys: pytest.CaptureFixture[str]
) -> None:
    family.revision(UNIQUE, DOWN)
    family.upgrade("r1:r2", sql=True)
    script = capsys.readouterr().out
    how = {
        "postgresql": "CREATE UNIQUE INDEX CONCURRENTLY ix_name ON parents (name);",
        "mysql": "CREATE UNIQUE INDEX ix_name ON parents (name) "
        "ALGORITHM=INPLACE LOCK=NONE;",
        "sqlite": "CREATE UNIQUE INDEX ix_name ON parents (name);",
    }
    assert how[family.database.name] in script
    if family.database.name == "postgresql":
        before, _, after = script.partition("CREATE UNIQUE")
        assert before.rstrip().endswith("SET lock_timeout = '120000ms';")
        assert "COMMIT;" in before.rsplit("BEGIN;", 1)[-1]
        assert "BEGIN;" in after


@POSTGRESQL
def test_a_transaction_that_is_open_is_named_and_what_is_left_is_mended(
    family: Family,
) -> None:
    family.revision(UP, DOWN)
    family.config["DATAMIGRATE_DDL_RETRY_SECONDS"] = 1
    engine = family.database.engine()
    with engine.connect() as other:
        other.exec_driver_sql("UPDATE parents SET n = 0 WHERE id = 1")
        pid = other.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        with pytest.raises(errors.SchemaLockError) as caught:
            family.upgrade()
        assert f"pid {pid}" in str(caught.value)

    family.upgrade()

    assert invalid(family.database) == 0
    assert index(family) is not None
