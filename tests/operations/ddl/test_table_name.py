"""``op.rename_table_online`` and ``op.drop_old_name``, and what takes them back."""

from __future__ import annotations

import re
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import errors
from tests.operations.ddl.conftest import Family
from tests.operations.ddl.cuts import die_anew

INDEX = 'op.create_index("ix_parents_n", "parents", ["n"])'
NAMES = '"parents", "elders", indexes={"ix_parents_n": "ix_elders_n"}'
UP = f"op.rename_table_online({NAMES})"
DOWN = f"op.rename_table_back({NAMES})"
END = 'op.drop_old_name("parents", "elders")'
BACK = 'op.restore_old_name("parents", "elders")'


@pytest.fixture
def indexed(family: Family) -> Family:
    family.revision(INDEX, 'op.drop_index("ix_parents_n", "parents")', "t1", "r1")
    family.upgrade("t1")
    family.revision(UP, DOWN, "t2", "t1")
    family.revision(END, BACK, "t3", "t2")
    return family


def kinds(family: Family) -> dict[str, str]:
    """Return what there is by both names, and what is left of the work."""
    inspector = sa.inspect(family.database.engine(poolclass=sa.NullPool))
    found = dict.fromkeys(inspector.get_table_names(), "table")
    found |= dict.fromkeys(inspector.get_view_names(), "view")
    return {
        name: kind
        for name, kind in found.items()
        if name in ("parents", "elders")
        or name.startswith(("datamigrate_spare", "datamigrate_old_name"))
    }


def renamed(family: Family) -> dict[str, str]:
    old = {} if family.database.name == "sqlite" else {"parents": "view"}
    return {"elders": "table", **old}


def indexes(family: Family, table: str) -> list[str | None]:
    inspector = sa.inspect(family.database.engine(poolclass=sa.NullPool))
    return [index["name"] for index in inspector.get_indexes(table)]


def referred(family: Family) -> str:
    inspector = sa.inspect(family.database.engine(poolclass=sa.NullPool))
    (key,) = inspector.get_foreign_keys("children")
    return str(key["referred_table"])


def count(family: Family, table: str) -> int:
    return int(family.database.scalar(f"SELECT count(*) FROM {table}"))


def test_both_names_read_and_write_the_rows(indexed: Family, form: str) -> None:
    indexed.upgrade("t2")
    assert kinds(indexed) == renamed(indexed)
    for name in renamed(indexed):
        indexed.database.execute(f"INSERT INTO {name} (id, n) VALUES (11, 1)")
        assert count(indexed, "elders") == 11
        found = indexed.database.rows(f"SELECT name FROM {name} WHERE id = 11")
        assert [tuple(row) for row in found] == [("it's :x NULL",)]
        indexed.database.execute(f"DELETE FROM {name} WHERE id = 11")
    assert referred(indexed) == "elders"
    assert indexes(indexed, "elders") == ["ix_elders_n"]
    indexed.upgrade("t3")
    assert kinds(indexed) == {"elders": "table"}
    indexed.downgrade("t2")
    assert kinds(indexed) == renamed(indexed)
    indexed.downgrade("t1")
    assert kinds(indexed) == {"parents": "table"}
    assert referred(indexed) == "parents"
    assert indexes(indexed, "parents") == ["ix_parents_n"]
    assert count(indexed, "parents") == 10


def test_it_goes_on_from_where_it_died(indexed: Family) -> None:
    def is_renamed() -> None:
        assert indexed.version == "t2"
        assert kinds(indexed) == renamed(indexed)
        assert indexes(indexed, "elders") == ["ix_elders_n"]
        assert count(indexed, "elders") == 10

    def is_back() -> None:
        assert indexed.version == "t1"
        assert kinds(indexed) == {"parents": "table"}
        assert indexes(indexed, "parents") == ["ix_parents_n"]
        assert count(indexed, "parents") == 10

    def is_ended() -> None:
        assert indexed.version == "t3"
        assert kinds(indexed) == {"elders": "table"}

    def forth() -> None:
        indexed.upgrade("t2")

    def back() -> None:
        indexed.downgrade("t1")

    assert die_anew(forth, back, is_renamed)
    assert die_anew(back, forth, is_back)
    forth()
    assert die_anew(
        lambda: indexed.upgrade("t3"), lambda: indexed.downgrade("t2"), is_ended
    )


def test_the_script_of_sql_mode_works(
    family: Family, capsys: pytest.CaptureFixture[str]
) -> None:
    names = NAMES if family.database.name != "sqlite" else '"parents", "elders"'
    if family.database.name != "sqlite":
        family.database.execute("CREATE INDEX ix_parents_n ON parents (n)")
    family.revision(
        f"op.rename_table_online({names})", f"op.rename_table_back({names})"
    )
    family.revision(END, BACK, "r3", "r2")
    family.project.app(**family.config)

    def run(call: t.Callable[[], None]) -> None:
        capsys.readouterr()
        call()
        script = capsys.readouterr().out
        verbs = r"(?:ALTER|CREATE|DO|DROP|RENAME)\b"
        for part in re.findall(rf"^({verbs}.*?);$", script, re.M | re.S):
            if "alembic_version" not in part:
                family.database.execute(part)

    run(lambda: family.upgrade("r1:r2", sql=True))
    assert kinds(family) == renamed(family)
    for name in renamed(family):
        family.database.execute(f"INSERT INTO {name} (id, n) VALUES (11, 1)")
        family.database.execute(f"DELETE FROM {name} WHERE id = 11")
    run(lambda: family.upgrade("r2:r3", sql=True))
    assert kinds(family) == {"elders": "table"}
    run(lambda: family.alembic("downgrade", "r3:r2", sql=True))
    assert kinds(family) == renamed(family)
    run(lambda: family.alembic("downgrade", "r2:r1", sql=True))
    assert kinds(family) == {"parents": "table"}
    assert count(family, "parents") == 10


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_on_sqlite_an_index_cannot_be_renamed_without_it(indexed: Family) -> None:
    with pytest.raises(errors.OfflineError, match="--sql has no database"):
        indexed.upgrade("t1:t2", sql=True)


def test_a_name_that_is_taken_is_refused(family: Family) -> None:
    family.database.execute("CREATE TABLE elders (id INTEGER PRIMARY KEY)")
    family.revision(f"op.rename_table_online({NAMES})", DOWN)
    with pytest.raises(errors.SchemaError, match="there is a table elders already"):
        family.upgrade()
    assert kinds(family) == {"parents": "table", "elders": "table"}
    assert count(family, "parents") == 10


def test_a_table_that_is_not_there_is_refused(family: Family) -> None:
    family.revision('op.rename_table_online("persons", "elders")', "pass")
    with pytest.raises(errors.SchemaError, match="there is no table persons"):
        family.upgrade()
    family.revision('op.drop_old_name("children", "parents")', "pass")
    with pytest.raises(errors.SchemaError, match="children is a table, and not the"):
        family.upgrade()
    assert count(family, "children") == 10


def test_triggers_that_go_by_the_name_are_in_the_way(family: Family) -> None:
    family.revision(
        'op.add_column("parents", sa.Column("updated_at", sa.DateTime))', "pass"
    )
    family.revision('op.create_updated_at_trigger("parents")', "pass", "r3", "r2")
    family.revision(UP, DOWN, "r4", "r3")
    family.upgrade("r3")
    with pytest.raises(errors.SchemaError, match="datamigrate_touch_parents"):
        family.upgrade()
    assert kinds(family) == {"parents": "table"}


def test_names_with_percent_signs(family: Family) -> None:
    create = """op.create_table(
        "a%b",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("order%s", sa.Integer),
        sa.UniqueConstraint("order%s", name="uq%s"),
    )"""
    names = '"a%b", "group%s", indexes={"uq%s": "uq%d"}'
    family.revision(create, 'op.drop_table("a%b")')
    family.revision(
        f"op.rename_table_online({names})", f"op.rename_table_back({names})", "r3", "r2"
    )
    family.revision(
        'op.drop_old_name("a%b", "group%s")',
        'op.restore_old_name("a%b", "group%s")',
        "r4",
        "r3",
    )

    def unique(table: str) -> list[str | None]:
        inspector = sa.inspect(family.database.engine(poolclass=sa.NullPool))
        return [one["name"] for one in inspector.get_unique_constraints(table)]

    for _ in range(2):
        family.upgrade()
        assert unique("group%s") == ["uq%d"]
        family.downgrade("r2")
        assert unique("a%b") == ["uq%s"]


ROLE = "trial_tablename_reader"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_who_may_read_the_table_may_read_it_by_its_old_name(indexed: Family) -> None:
    database = indexed.database
    database.execute(f"DROP ROLE IF EXISTS {ROLE}")
    database.execute(f"CREATE ROLE {ROLE}")
    try:
        database.execute(f"GRANT SELECT, INSERT ON parents TO {ROLE}")
        database.execute(f"GRANT UPDATE (n) ON parents TO {ROLE}")

        def may() -> list[bool]:
            asked = "has_table_privilege('{0}', 'parents', '{1}')"
            kinds = ("SELECT", "INSERT", "UPDATE", "DELETE")
            found = [asked.format(ROLE, kind) for kind in kinds]
            found.append(f"has_column_privilege('{ROLE}', 'parents', 'n', 'UPDATE')")
            return list(database.rows(f"SELECT {', '.join(found)}")[0])

        assert may() == [True, True, False, False, True]
        indexed.upgrade("t2")
        assert may() == [True, True, False, False, True]
        indexed.upgrade("t3")
        indexed.downgrade("t2")
        assert may() == [True, True, False, False, True]
    finally:
        database.execute(f"DROP OWNED BY {ROLE}")
        database.execute(f"DROP ROLE {ROLE}")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_row_security_is_not_passed_over(indexed: Family) -> None:
    indexed.database.execute("ALTER TABLE parents ENABLE ROW LEVEL SECURITY")
    with pytest.raises(errors.SchemaError, match="row security is on for it"):
        indexed.upgrade("t2")
    assert kinds(indexed) == {"parents": "table"}
