"""SQLite: a table is rebuilt, and the rows that refer to it stay."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from flask_datamigrate import errors
from tests.operations.ddl.conftest import Family

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

CALLS = {
    "Alembic's batch": (
        'with op.batch_alter_table("parents") as batch: '
        'batch.alter_column("name", nullable=False)'
    ),
    "set_not_null": 'op.set_not_null("parents", "name")',
    "a check": 'op.add_check_online("ck_new", "parents", "n > 0")',
}


@pytest.fixture(autouse=True)
def enforced() -> object:
    """Have foreign keys on in each connection, as an app with SQLite should."""

    def on(connection: object, record: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")  # type: ignore[attr-defined]

    sa.event.listen(sa.Engine, "connect", on)
    yield on
    sa.event.remove(sa.Engine, "connect", on)


def children(family: Family) -> int:
    return int(family.database.scalar("SELECT count(*) FROM children"))


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_children_survive(family: Family, call: str) -> None:
    family.revision(call)

    family.upgrade()

    assert children(family) == 10
    assert family.version == "r2"
    family.database.execute("DELETE FROM parents WHERE id = 1")
    assert children(family) == 9


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_foreign_keys_are_on_again_for_the_rest_of_the_upgrade(
    family: Family, call: str
) -> None:
    family.revision(f"{call}\n    op.execute('DELETE FROM parents WHERE id = 1')")
    family.revision(
        'op.execute("DELETE FROM parents WHERE id = 2")', revision="r3", down="r2"
    )

    family.upgrade()

    assert children(family) == 8


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_behind_a_change_of_rows_it_is_refused(family: Family, call: str) -> None:
    family.revision(f"op.execute('UPDATE parents SET n = 5')\n    {call}")

    with pytest.raises(errors.SchemaError) as caught:
        family.upgrade()

    message = str(caught.value)
    assert "rows of children" in message
    assert "Put it into a revision of its own" in message
    assert children(family) == 10
    assert family.version == "r1"
    assert family.database.scalar("SELECT count(*) FROM parents WHERE n = 5") == 1


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_what_a_batch_left_that_was_cut_off_is_dropped(
    family: Family, call: str
) -> None:
    family.database.execute("CREATE TABLE _alembic_tmp_parents (id INTEGER)")
    family.revision(call)

    family.upgrade()

    assert "_alembic_tmp_parents" not in family.database.tables()
    assert family.database.scalar("SELECT count(*) FROM parents") == 10


def test_a_rebuild_of_ours_keeps_the_triggers(family: Family) -> None:
    family.database.execute(
        "CREATE TRIGGER mark AFTER UPDATE ON parents BEGIN "
        "UPDATE children SET parent_id = -1 WHERE id = new.id; END"
    )
    family.revision(CALLS["set_not_null"])

    family.upgrade()

    family.database.execute("UPDATE parents SET n = 0 WHERE id = 3")
    assert family.database.scalar("SELECT parent_id FROM children WHERE id = 3") == -1


def test_what_is_committed_in_front_of_a_change_of_rows_is_named(
    family: Family,
) -> None:
    family.revision(
        'op.set_not_null("parents", "name")\n'
        '    op.execute("UPDATE parents SET n = NULL WHERE id = 1")\n'
        '    op.set_not_null("parents", "n")',
        'pass\n\nchange = "c"\nstage = "expand"',
    )

    with pytest.raises(errors.SchemaError) as caught:
        family.upgrade()

    assert "Nothing was changed by this directive; a part of the revision was " in str(
        caught.value
    )
    assert "and stays: op.set_not_null, column parents.name. " in str(caught.value)
    assert not family.table().c.name.nullable
    assert family.database.scalar("SELECT n FROM parents WHERE id = 1") == 1
    assert family.version == "r1"
