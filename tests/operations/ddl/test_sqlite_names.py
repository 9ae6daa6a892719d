"""Names of SQLite that SQLAlchemy's inspector does not see, or sees wrongly.

Which ones, depends on its release: early ones of 2.0 miss each that is quoted.
"""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from flask_datamigrate import errors
from tests.operations.ddl.conftest import Family

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

NAMES = ("fk%s", 'f"k', "f'k", "Fk Upper", "f(k,", "f" * 70)
REBUILDS = {
    "a directive": 'op.set_not_null("children", "parent_id")',
    "Alembic": 'with op.batch_alter_table("children", recreate="always"): pass',
}
# How people write them by hand; behind each, what is left of the line without the key.
WRITTEN = {
    "a column's": ("n INTEGER CONSTRAINT fk REFERENCES parents NOT NULL", "n INTEGER"),
    "without columns": (
        "n INTEGER, CONSTRAINT [fk] FOREIGN KEY (n) REFERENCES parents "
        "ON DELETE SET NULL MATCH FULL NOT DEFERRABLE INITIALLY DEFERRED",
        "n INTEGER",
    ),
    "without a comma behind": (
        "n INTEGER, constraint 'fk' foreign key(n) references parents(id)"
        " CONSTRAINT other CHECK (n > 0)",
        "n INTEGER",
    ),
    "behind a comment": (
        "n INTEGER CHECK (n <> ','), -- CONSTRAINT fk FOREIGN KEY (x)\n"
        "CONSTRAINT `fk`\nFOREIGN\nKEY (n)\nREFERENCES parents\n(id)",
        "n INTEGER",
    ),
}


def keys(family: Family, table: str = "children") -> list[tuple[object, ...]]:
    """Return the foreign keys as SQLite itself tells: column, table, rules."""
    quoted = sa.sql.quoted_name(table, quote=True)
    rows = family.database.rows(f'PRAGMA foreign_key_list("{quoted}")')
    return sorted((row[3], row[2], row[6]) for row in rows)


def text(family: Family, table: str = "children") -> str:
    return str(
        family.database.scalar(f"SELECT sql FROM sqlite_master WHERE name = '{table}'")
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_foreign_key_is_added_once_and_dropped(family: Family, name: str) -> None:
    before = keys(family)
    add = (
        f'op.add_foreign_key_online({name!r}, "children", "parents", '
        '["parent_id"], ["id"])'
    )
    family.revision(add, f'op.drop_foreign_key_online({name!r}, "children")')
    family.revision(add, revision="again", down="r2")

    family.upgrade()

    assert keys(family) == [*before, ("parent_id", "parents", "NO ACTION")]

    family.downgrade("r1")

    assert keys(family) == before
    assert name not in text(family)
    assert len(family.database.rows("SELECT * FROM children")) == 10


def test_another_foreign_key_of_that_name_is_refused(family: Family) -> None:
    family.revision(
        'op.add_foreign_key_online("f%k", "children", "parents", ["parent_id"], ["id"])'
    )
    family.upgrade()
    family.revision(
        'op.add_foreign_key_online("f%k", "children", "parents", ["id"], ["id"])',
        revision="other",
        down="r2",
    )

    with pytest.raises(errors.SchemaError, match="f%k already, with another"):
        family.upgrade()

    assert len(keys(family)) == 2


@pytest.mark.parametrize("rebuild", REBUILDS.values(), ids=list(REBUILDS))
@pytest.mark.parametrize("name", NAMES)
def test_a_rebuild_keeps_the_names_of_foreign_keys(
    family: Family, name: str, rebuild: str
) -> None:
    family.revision(
        f'op.add_foreign_key_online({name!r}, "children", "parents", '
        '["parent_id"], ["id"])'
    )
    family.revision(rebuild, revision="rebuilt", down="r2")
    family.revision(
        f'op.drop_foreign_key_online({name!r}, "children")',
        revision="dropped",
        down="rebuilt",
    )
    family.upgrade("rebuilt")
    quoted = name.replace('"', '""')
    assert quoted in text(family)

    family.upgrade("dropped")

    assert keys(family) == [("owner_id", "parents", "CASCADE")]


@pytest.mark.parametrize("written", WRITTEN)
def test_a_foreign_key_written_by_hand_is_dropped(family: Family, written: str) -> None:
    family.database.execute(
        f"CREATE TABLE byhand (id INTEGER PRIMARY KEY, {WRITTEN[written][0]})"
    )
    family.database.execute("INSERT INTO byhand VALUES (1, 1)")
    assert len(keys(family, "byhand")) == 1
    family.revision('op.drop_foreign_key_online("fk", "byhand")')

    family.upgrade()

    assert keys(family, "byhand") == []
    assert WRITTEN[written][1] in text(family, "byhand")
    assert family.database.rows("SELECT * FROM byhand") == [(1, 1)]


def test_a_check_with_quotes_in_its_name_is_added_once(family: Family) -> None:
    add = "op.add_check_online('c\"k %s', \"children\", \"id > 0 OR ')' = ''\")"
    family.revision(add)
    family.revision(add, revision="again", down="r2")

    family.upgrade()

    assert text(family).count("CHECK") == 1
    assert family.version == "again"


def test_has_constraint_sees_them(family: Family) -> None:
    family.revision(
        'op.add_foreign_key_online(\'f"k\', "children", "parents", ["parent_id"], '
        '["id"])\n'
        "    assert op.has_constraint('children', 'f\"k')\n"
        "    assert not op.has_constraint('children', 'f\"\"k ')"
    )

    family.upgrade()

    assert family.version == "r2"
