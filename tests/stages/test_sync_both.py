"""Code that writes old and new columns at once, of rows that are filled or not yet."""

from __future__ import annotations

from tests.stages.conftest import Split
from tests.stages.test_sync import EXPAND
from tests.stages.test_sync import PEOPLE
from tests.stages.test_sync import write

ADA = "Ada King Lovelace"


def test_an_insert_of_both_sides_is_left_as_it_is_written(split: Split) -> None:
    split.chain(PEOPLE, EXPAND)
    split.upgrade()
    insert = (
        "INSERT INTO people (id, full_name, first_name, last_name) "
        f"VALUES ({{id}}, '{ADA}', %s)"
    )
    for id, values, expected in (
        (2, "'Ada', 'Lovelace'", (ADA, "Ada", "Lovelace")),
        (3, "'Grace', 'Hopper'", (ADA, "Grace", "Hopper")),
        (4, "'Grace', NULL", (ADA, "Grace", None)),
        # NULL in all of them is what was not given.
        (5, "NULL, NULL", (ADA, "Ada", "Lovelace")),
    ):
        assert write(split, insert.replace("%s", values), id) == expected


UPDATES = (
    # The old side as it was: the new one is changed, and the old one follows.
    ({"full_name": ADA, "first_name": "Grace", "last_name": "H"}, "Grace H"),
    # Also where both said the same, if the way back says less.
    ({"full_name": ADA, "first_name": "Ada", "last_name": "Lovelace"}, "Ada Lovelace"),
    # Both changed: as it is written.
    ({"full_name": "X Y", "first_name": "Grace", "last_name": "H"}, "X Y"),
    # What is not written is NULL in a row that is not filled.
    ({"full_name": ADA, "first_name": "Grace"}, None),
)


def test_an_update_of_both_sides_goes_by_what_it_changes(split: Split) -> None:
    """Not by the columns that it names; and a row that is not filled has NULL there."""
    rows = ", ".join(f"({id}, '{ADA}', NULL)" for id in range(1, 9))
    split.chain(PEOPLE.replace(f"(1, '{ADA}', NULL)", rows), EXPAND)
    split.upgrade()
    for id, (values, full) in enumerate(UPDATES, start=1):
        sets = ", ".join(f"{column} = '{value}'" for column, value in values.items())
        update = f"UPDATE people SET {sets} WHERE id = {{id}}"
        new = (values["first_name"], values.get("last_name"))
        assert write(split, update, id) == (full, *new)
    same = "UPDATE people SET full_name = '%s', first_name = %s WHERE id = {id}"
    assert write(split, same % (ADA, "NULL"), 5) == (ADA, None, None)
    # The new side as it was: the old one is changed, and the new one follows.
    assert write(split, same % ("X Y", "NULL"), 5) == ("X Y", "X", "Y")
    assert write(split, same % (ADA, "'X'"), 5) == (ADA, "Ada", "Lovelace")
    # A row that is filled: the same.
    both = (
        "UPDATE people SET full_name = '%s', first_name = '%s', last_name = '%s' "
        "WHERE id = {id}"
    )
    assert write(split, both % (ADA, "Ada", "Lovelace"), 5) == (ADA, "Ada", "Lovelace")
    assert write(split, both % (ADA, "Grace", "H"), 5) == ("Grace H", "Grace", "H")
