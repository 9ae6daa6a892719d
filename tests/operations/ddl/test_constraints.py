"""``op.add_foreign_key_online`` and ``op.add_check_online``."""

from __future__ import annotations

import dataclasses

import pytest
import sqlalchemy as sa

from flask_datamigrate import errors
from tests.operations.ddl.conftest import Family


@dataclasses.dataclass(frozen=True)
class Case:
    """A constraint: how it is added and dropped, and rows it does not allow.

    :param other: a call that makes another constraint of the same name.
    :param shown: how the rows are shown.
    """

    up: str
    down: str
    bad: tuple[str, ...]
    mended: str
    shown: str
    other: str
    table: str


FOREIGN_KEY = Case(
    'op.add_foreign_key_online("fk_new", "children", "parents", ["parent_id"], ["id"], '
    'ondelete="SET NULL")',
    'op.drop_foreign_key_online("fk_new", "children")',
    (
        "UPDATE children SET parent_id = NULL WHERE id = 2",
        "UPDATE children SET parent_id = id + 100 WHERE id > 5",
    ),
    "UPDATE children SET parent_id = id",
    "5 rows (id=6, id=7, id=8, …)",
    'op.add_foreign_key_online("fk_new", "children", "parents", ["parent_id"], ["id"])',
    "children",
)
CHECK = Case(
    'op.add_check_online("ck_new", "parents", "n > 0 AND name <> \'a%b\'")',
    'op.drop_check_online("ck_new", "parents")',
    (
        "UPDATE parents SET n = NULL WHERE id = 2",
        "UPDATE parents SET n = -1 WHERE id = 6",
        "UPDATE parents SET name = 'a%b' WHERE id = 7",
    ),
    "UPDATE parents SET n = 1, name = 'x'",
    "2 rows (id=6, id=7)",
    'op.add_check_online("ck_new", "parents", "n < 1000")',
    "parents",
)
CASES = {"foreign key": FOREIGN_KEY, "check": CHECK}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def names(family: Family, case: Case) -> set[str | None]:
    found = {constraint.name for constraint in family.table(case.table).constraints}
    return {str(name) for name in found if str(name).endswith("_new")}


def test_it_holds_for_old_and_new_rows_and_goes_again(
    family: Family, form: str, case: Case
) -> None:
    family.database.execute(case.bad[0])
    family.revision(case.up, case.down)

    family.upgrade()

    assert len(names(family, case)) == 1
    with family.database.engine().connect() as connection:
        if family.database.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        with pytest.raises(sa.exc.DBAPIError):
            connection.exec_driver_sql(case.bad[1])
    if family.database.name == "postgresql":
        assert family.database.rows(
            "SELECT convalidated FROM pg_constraint WHERE conname LIKE '%\\_new'"
        ) == [(True,)]
    assert family.version == "r2"

    family.downgrade()

    assert not names(family, case)
    for statement in case.bad:
        family.database.execute(statement)


def test_rows_that_do_not_hold_it_are_counted_and_shown(
    family: Family, form: str, case: Case
) -> None:
    for statement in case.bad:
        family.database.execute(statement)
    family.revision(case.up, case.down)

    with pytest.raises(errors.SchemaError) as caught:
        family.upgrade()

    message = str(caught.value)
    assert f"does not hold for {case.shown}" in message
    assert "revision r2, op.add_" in message
    assert "Nothing was changed" in message
    assert not names(family, case)
    assert family.version == "r1"

    family.database.execute(case.mended)
    family.upgrade()
    assert len(names(family, case)) == 1


def test_one_that_is_there_with_another_definition_is_refused(
    family: Family, form: str, case: Case
) -> None:
    family.revision(case.other)
    family.upgrade()
    family.revision(case.up, revision="r3", down="r2")

    with pytest.raises(errors.SchemaError, match="with another definition"):
        family.upgrade()

    assert family.version == "r2"


def test_one_that_is_there_already_is_left_alone(
    family: Family, form: str, case: Case
) -> None:
    family.revision(case.up)
    family.upgrade()
    family.revision(case.up, revision="r3", down="r2")

    family.upgrade()

    assert len(names(family, case)) == 1
    assert family.version == "r3"


def test_a_foreign_key_of_unequal_columns_is_refused(family: Family) -> None:
    columns = '["parent_id", "id"], ["id"]'
    family.revision(
        f'op.add_foreign_key_online("fk_new", "children", "parents", {columns})'
    )
    with pytest.raises(errors.SchemaError, match="2 columns .* for 1 of parents"):
        family.upgrade()
    assert family.version == "r1"


def test_names_that_are_not_there(family: Family) -> None:
    for call, complaint in {
        'op.set_not_null("nix", "name")': "there is no table nix",
        'op.set_not_null("parents", "nix")': "there is no column nix in table parents",
        'op.drop_not_null("parents", "nix")': "there is no column nix",
        'op.drop_not_null("parents", "id")': "part of the primary key",
        'op.add_check_online("ck", "nix", "n > 0")': "there is no table nix",
        'op.add_foreign_key_online("fk", "children", "nix", ["parent_id"], ["id"])': (
            "there is no table nix"
        ),
        'op.add_foreign_key_online("fk", "children", "parents", ["x"], ["id"])': (
            "there is no column x in table children"
        ),
    }.items():
        family.revision(call)
        with pytest.raises(errors.SchemaError, match=complaint) as caught:
            family.upgrade()
        assert "revision r2" in str(caught.value)
        assert "Nothing was changed" in str(caught.value)


@pytest.mark.parametrize(
    "condition", ["no_such_column > 0", "n > ", "n IN (1", "nix(n)"]
)
def test_a_condition_that_is_wrong_is_shown_as_it_was_given(
    family: Family, condition: str
) -> None:
    family.revision(f'op.add_check_online("ck_new", "parents", "{condition}")')

    with pytest.raises(errors.SchemaError) as caught:
        family.upgrade()

    message = str(caught.value)
    assert f"does not take the condition {condition}: " in message
    assert "revision r2, op.add_check_online, constraint ck_new" in message
    assert "Nothing was changed" in message
    assert "Mend the condition in the revision" in message
    assert "SELECT" not in message
    assert "LIMIT" not in message
    assert family.version == "r1"


FIRST = {
    "a plain directive": 'op.add_column("parents", sa.Column("z", sa.Integer))',
    "a safe directive": 'op.create_index_online("ix_z", "parents", ["n"])',
}


@pytest.mark.parametrize("name", FIRST)
def test_a_refusal_says_what_stays_of_the_revision(
    family: Family, form: str, name: str
) -> None:
    bad = 'op.add_check_online("ck_new", "parents", "n < 0")'
    family.revision(f"{FIRST[name]}\n    {bad}")

    with pytest.raises(errors.SchemaError, match="does not hold") as caught:
        family.upgrade()

    table = family.table()
    stays = "z" in table.c or any(index.name == "ix_z" for index in table.indexes)
    said = str(caught.value)
    assert ("above it in the revision stay" in said) is stays
    assert "Nothing was changed" in said or (
        "The revision was rolled back" in said and not stays
    )
    family.revision(bad)
    with pytest.raises(errors.SchemaError, match="Nothing was changed. Mend or"):
        family.upgrade()


@pytest.mark.parametrize("before", ["pass", *FIRST.values()])
def test_a_plain_directive_that_fails_says_what_stays_of_the_revision(
    family: Family, before: str
) -> None:
    family.revision(
        f'{before}\n    op.add_column("parents", sa.Column("n", sa.Integer))'
    )

    with pytest.raises(errors.DataMigrateError, match="ADD COLUMN n") as caught:
        family.upgrade()

    table = family.table()
    stays = "z" in table.c or any(index.name == "ix_z" for index in table.indexes)
    assert ("above the failed one in the revision stay" in str(caught.value)) is (
        stays and family.database.name != "postgresql"
    )
    assert ("The revision was rolled back" in str(caught.value)) is (
        not stays or family.database.name == "postgresql"
    )


@pytest.mark.parametrize(
    ("remote", "message"),
    [
        (
            "name",
            "column parent_id is .*, and parents.name, to which it would refer, is",
        ),
        ("n", r"parents \(n\) is neither its primary key nor unique"),
    ],
)
def test_a_foreign_key_to_what_is_no_key_is_refused(
    family: Family, form: str, remote: str, message: str
) -> None:
    family.revision(
        'op.add_foreign_key_online("fk_new", "children", "parents", ["parent_id"], '
        f'["{remote}"])'
    )

    with pytest.raises(errors.SchemaError, match=message) as caught:
        family.upgrade()

    assert "revision r2, op.add_foreign_key_online" in str(caught.value)
    assert "Nothing was changed" in str(caught.value)
    assert family.version == "r1"


def test_a_foreign_key_to_columns_that_are_unique(family: Family, form: str) -> None:
    family.revision(
        'op.create_index("ix_n", "parents", ["n"], unique=True)', "pass", "u", "r1"
    )
    family.upgrade()
    add = 'op.add_foreign_key_online("fk_new", "children", "parents", ["parent_id"], '
    family.revision(f'{add}["n"])', down="u")

    family.upgrade()

    assert names(family, FOREIGN_KEY) == {"fk_new"}


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_a_condition_on_a_key_that_counts_itself_is_shown_as_it_was_given(
    family: Family,
) -> None:
    family.revision('op.add_check_online("ck_new", "parents", "n < 99")')
    family.upgrade()

    for name in ("ck_new", "ck_other"):
        call = f'op.add_check_online("{name}", "parents", "id > 0")'
        family.revision(call, revision="r3", down="r2")
        with pytest.raises(errors.SchemaError) as caught:
            family.upgrade()

        message = str(caught.value)
        assert "does not take the condition id > 0: " in message
        assert "AUTO_INCREMENT" in message
        assert "ALTER TABLE" not in message
        assert "datamigrate_probe" not in message
        assert "Nothing was changed. Mend the condition" in message


ADD = (
    'op.add_foreign_key_online("fk_new", "children", "parents", ["parent_id"], ["id"])'
)
INDEXED = {
    "none": ("pass", False),
    "one of the same name": (
        'op.create_index("fk_new", "children", ["parent_id"])',
        True,
    ),
    "one of another name": (
        'op.create_index("ix_parent", "children", ["parent_id"])',
        True,
    ),
}


@pytest.mark.parametrize("name", INDEXED)
def test_the_index_of_a_foreign_key_goes_with_it_unless_it_is_yours(
    family: Family, name: str
) -> None:
    index, stays = INDEXED[name]
    family.revision(index, "pass", "i", "r1")
    family.revision(ADD, FOREIGN_KEY.down, down="i")
    family.upgrade()
    assert names(family, FOREIGN_KEY) == {"fk_new"}

    family.downgrade("i")

    indexed = [
        index.name
        for index in family.table("children").indexes
        if index.name != "fk_owner"
    ]
    assert bool(indexed) is stays
    assert not names(family, FOREIGN_KEY)
    if family.database.name == "mysql":
        found = family.database.tables()
        notes = "datamigrate_ddl" in found
        assert not (notes and family.database.rows("SELECT 1 FROM datamigrate_ddl"))
    family.upgrade()
    assert names(family, FOREIGN_KEY) == {"fk_new"}


@pytest.mark.filterwarnings("ignore:Unknown schema content")
@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_a_foreign_key_that_the_inspector_does_not_see_is_dropped(
    family: Family,
) -> None:
    family.database.execute("ALTER TABLE children ADD COLUMN `p (x)` integer")
    family.revision(
        'op.add_foreign_key_online("fk (x)", "children", "parents", ["p (x)"], ["id"])',
        'op.drop_foreign_key_online("fk (x)", "children")',
    )
    before = family.database.rows("SHOW CREATE TABLE children")
    family.upgrade()
    assert family.database.rows("SHOW CREATE TABLE children") != before

    family.downgrade()

    assert family.database.rows("SHOW CREATE TABLE children") == before


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_name_that_another_kind_of_constraint_has_is_refused(
    family: Family, form: str, case: Case
) -> None:
    name = "fk_new" if case is FOREIGN_KEY else "ck_new"
    family.database.execute(
        f"ALTER TABLE {case.table} ADD CONSTRAINT {name} EXCLUDE (id WITH =)"
    )
    family.revision(case.up, case.down)

    with pytest.raises(errors.SchemaError, match="with another definition"):
        family.upgrade()

    assert family.version == "r1"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_check_named_as_the_server_names_a_not_null(
    family: Family, form: str
) -> None:
    family.database.execute("ALTER TABLE parents ALTER COLUMN n SET NOT NULL")
    up = 'op.add_check_online("parents_n_not_null", "parents", "n > 0")'
    family.revision(up)
    since_18 = family.database.rows(
        "SELECT 1 FROM pg_constraint WHERE conname = 'parents_n_not_null'"
    )
    if since_18:
        with pytest.raises(errors.SchemaError, match="with another definition"):
            family.upgrade()
        return
    family.upgrade()
    with pytest.raises(sa.exc.IntegrityError):
        family.database.execute("UPDATE parents SET n = 0 WHERE id = 1")
