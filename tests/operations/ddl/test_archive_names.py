"""The archive of a column, whose table gets another name."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import errors
from tests.operations.ddl.conftest import Family
from tests.operations.ddl.cuts import die_anew

NAMES = '"parents", "elders"'


@pytest.fixture
def archived(family: Family) -> Family:
    family.revision(
        'op.archive_column("parents", "n")', 'op.restore_column("parents", "n")'
    )
    family.revision(
        f"op.rename_table_online({NAMES})", f"op.rename_table_back({NAMES})", "r3", "r2"
    )
    family.revision(
        'op.restore_column("elders", "n")',
        'op.archive_column("elders", "n")',
        "r4",
        "r3",
    )
    family.upgrade("r2")
    return family


def sides(family: Family) -> dict[str, t.Any]:
    """Return the side tables, each with what is written down of it."""
    found = sorted(n for n in family.database.tables() if "_archive_" in n)
    query = "SELECT name, detail FROM datamigrate_ddl ORDER BY name"
    noted = family.database.rows(query)
    assert [name for name, _ in noted] == found
    return {name: '"table": "elders"' in detail for name, detail in noted}


def values(family: Family, table: str) -> list[t.Any]:
    found = family.database.rows(f"SELECT id, n FROM {table} ORDER BY id")
    return [tuple(row) for row in found]


ROWS = [(i, i) for i in range(1, 11)]
OF_PARENTS = {"datamigrate_archive_parents_n": False}
OF_ELDERS = {"datamigrate_archive_elders_n": True}


def test_an_archive_follows_its_table_and_comes_back(
    archived: Family, form: str
) -> None:
    assert sides(archived) == OF_PARENTS
    archived.upgrade("r3")
    assert sides(archived) == OF_ELDERS
    archived.upgrade("r4")
    assert values(archived, "elders") == ROWS
    assert sides(archived) == {}
    archived.downgrade("r3")
    assert sides(archived) == OF_ELDERS
    archived.downgrade("r2")
    assert sides(archived) == OF_PARENTS
    archived.downgrade("r1")
    assert values(archived, "parents") == ROWS


def test_it_goes_on_from_where_it_died(archived: Family) -> None:
    def follows() -> None:
        assert archived.version == "r3"
        assert sides(archived) == OF_ELDERS

    def is_back() -> None:
        assert archived.version == "r2"
        assert sides(archived) == OF_PARENTS

    def forth() -> None:
        archived.upgrade("r3")

    def back() -> None:
        archived.downgrade("r2")

    assert die_anew(forth, back, follows)
    assert die_anew(back, forth, is_back)
    archived.downgrade("r1")
    assert values(archived, "parents") == ROWS


def test_a_new_table_by_the_old_name_has_an_archive_of_its_own(
    archived: Family,
) -> None:
    archived.upgrade("r3")
    kind = {"sqlite": "TABLE"}.get(archived.database.name, "VIEW")
    archived.database.execute(f"DROP {kind} IF EXISTS parents")
    archived.database.execute(
        "CREATE TABLE parents (id INTEGER PRIMARY KEY, n INTEGER)"
    )
    archived.database.execute("INSERT INTO parents (id, n) VALUES (1, 99)")
    archived.revision(
        'op.archive_column("parents", "n")',
        'op.restore_column("parents", "n")',
        "r4",
        "r3",
    )
    archived.upgrade("r4")
    assert sides(archived) == OF_PARENTS | OF_ELDERS
    archived.database.execute("ALTER TABLE parents RENAME TO others")
    with pytest.raises(errors.SchemaError) as refused:
        archived.revision("pass", f"op.rename_table_back({NAMES})", "r5", "r4")
        archived.upgrade("r5")
        archived.downgrade("r4")
    said = "would become datamigrate_archive_parents_n, which is there already"
    assert said in str(refused.value)
    assert sides(archived) == OF_PARENTS | OF_ELDERS
    inspector = sa.inspect(archived.database.engine(poolclass=sa.NullPool))
    assert inspector.has_table("elders")
