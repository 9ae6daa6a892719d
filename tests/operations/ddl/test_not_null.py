"""``op.set_not_null`` and ``op.drop_not_null``."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from flask_datamigrate import errors
from tests.operations.ddl.conftest import Family

UP = 'op.set_not_null("parents", "name")'
DOWN = 'op.drop_not_null("parents", "name")'


def test_null_is_forbidden_and_allowed_again(family: Family, form: str) -> None:
    family.revision(UP, DOWN)

    family.upgrade()

    assert not family.table().c.name.nullable
    with pytest.raises(sa.exc.DBAPIError):
        family.database.execute("UPDATE parents SET name = NULL WHERE id = 1")
    assert not [c for c in family.table().constraints if "datamigrate" in str(c.name)]
    assert family.version == "r2"

    family.downgrade()

    assert family.table().c.name.nullable
    family.database.execute("UPDATE parents SET name = NULL WHERE id = 1")
    assert family.version == "r1"


def test_nulls_that_are_left_are_counted_and_three_are_shown(
    family: Family, form: str
) -> None:
    family.database.execute("UPDATE parents SET name = NULL WHERE id > 5")
    family.revision(UP, DOWN)

    with pytest.raises(errors.SchemaError) as caught:
        family.upgrade()

    message = str(caught.value)
    assert "NULL is left in 5 rows (id=6, id=7, id=8, …)" in message
    assert "op.set_not_null, column parents.name" in message
    assert (
        "flask db data new -m 'fill name' --table parents --head DOWN --splice"
        in message
    )
    (by_hand,) = re.findall("Fill it in by hand: (UPDATE .* IS NULL); then", message)
    assert family.table().c.name.nullable
    assert len(family.table().constraints) == 1
    assert family.version == "r1"

    family.database.execute(by_hand.replace("…", "'x'"))
    family.upgrade()
    assert not family.table().c.name.nullable


COLUMNS = {
    "a": "int(10) unsigned DEFAULT 5 COMMENT 'it''s \"NULL\", (x) NOT NULL'",
    "b": "datetime(3) DEFAULT '2000-01-01 00:00:00'",
    "c": "varchar(20) CHARACTER SET latin1 COLLATE latin1_bin DEFAULT 'DEFAULT NULL'",
    "d": "enum('NULL','NOT NULL') DEFAULT 'NULL'",
    "e": "decimal(10,2) DEFAULT 0.50 CHECK (`e` > 0)",
    "we ird": "int(11) DEFAULT 7",
}


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_a_column_of_mysql_keeps_all_it_has(family: Family) -> None:
    for name, definition in COLUMNS.items():
        family.database.execute(f"ALTER TABLE parents ADD COLUMN `{name}` {definition}")
    family.database.execute("UPDATE parents SET b = '2020-01-01', e = 1")
    names = [*COLUMNS]
    before = _shown(family)
    family.revision(
        f"for name in {names!r}: op.set_not_null('parents', name)",
        f"for name in {names!r}: op.drop_not_null('parents', name)",
    )

    family.upgrade()

    during = _shown(family)
    assert during.count("NOT NULL") > before.count("NOT NULL")
    assert "COMMENT 'it''s \"NULL\", (x) NOT NULL'" in during
    assert "CHECK (`e` > 0)" in during
    assert all(not family.table().c[name].nullable for name in names)

    family.downgrade()

    assert _shown(family) == before


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_what_the_server_changes_only_by_a_copy_is_refused(family: Family) -> None:
    family.database.execute(
        "ALTER TABLE parents ADD COLUMN t timestamp NULL ON UPDATE current_timestamp()"
    )
    family.database.execute("UPDATE parents SET t = '2020-01-01'")
    before = _shown(family)
    family.revision("op.set_not_null('parents', 't')")

    with pytest.raises(
        errors.SchemaError, match="while the table is written"
    ) as caught:
        family.upgrade()

    assert "Use Alembic's own directive" in str(caught.value)
    assert _shown(family) == before
    assert family.version == "r1"


def _shown(family: Family) -> str:
    return str(family.database.rows("SHOW CREATE TABLE parents")[0][1])


def test_a_column_of_its_own_revision_is_to_be_filled_by_another(
    family: Family, form: str
) -> None:
    family.revision(
        'op.add_column("parents", sa.Column("z", sa.Integer))\n'
        '    op.set_not_null("parents", "z")'
    )

    with pytest.raises(errors.SchemaError, match="NULL is left in 10 rows") as caught:
        family.upgrade()

    message = str(caught.value)
    assert "Make three of it: one with op.add_column alone" in message
    assert "flask db data new -m 'fill z' --table parents; and one with" in message
    stays = "z" in family.table().c
    assert ("above it in the revision stay" in message) is stays
    assert ("it is there already: drop it first" in message) is stays


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_not_null_that_was_not_validated_is(family: Family, form: str) -> None:
    if not _has_not_null_constraints(family):
        pytest.skip("NOT NULL is a constraint since PostgreSQL 18")
    family.database.execute("UPDATE parents SET name = NULL WHERE id > 5")
    family.database.execute(
        'ALTER TABLE parents ADD CONSTRAINT "Given" NOT NULL name NOT VALID'
    )
    family.revision(UP, DOWN)

    with pytest.raises(errors.SchemaError, match="NULL is left in 5 rows"):
        family.upgrade()

    family.database.execute("UPDATE parents SET name = 'x' WHERE name IS NULL")
    family.upgrade()

    assert family.database.rows(
        "SELECT conname, convalidated FROM pg_constraint "
        "WHERE conrelid = CAST('parents' AS regclass) AND contype <> 'p' "
        "AND conname <> 'parents_id_not_null'"
    ) == [("Given", True)]
    family.downgrade()
    assert family.table().c.name.nullable


def _has_not_null_constraints(family: Family) -> bool:
    version: int = family.database.scalar(
        "SELECT CAST(current_setting('server_version_num') AS integer)"
    )
    return version >= 180000
