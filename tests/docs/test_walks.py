"""The pages that are followed from top to bottom."""

from __future__ import annotations

import pathlib

import pytest

from tests.databases import Database
from tests.docs.blocks import ROOT
from tests.docs.blocks import blocks
from tests.docs.walk import Walk

README = ROOT / "README.md"
QUICKSTART = ROOT / "docs" / "quickstart.md"
STAGED = ROOT / "docs" / "guide" / "staged-changes-example.md"
RETYPED = ROOT / "docs" / "guide" / "another-type.md"
CAUSES = ROOT / "docs" / "guide" / "root-causes.md"
OWN_APPS = {STAGED, RETYPED, CAUSES}
GUIDES = sorted({*(ROOT / "docs" / "guide").glob("*.md")} - OWN_APPS)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_quickstart_and_the_guides_can_be_followed(
    tmp_path: pathlib.Path, database: Database
) -> None:
    walk = Walk(tmp_path, database.url)

    walk.follow(blocks(QUICKSTART))

    assert database.rows("SELECT email, email_lower FROM users ORDER BY id") == [
        ("Ada@Example.org", None),
        ("Alan@Example.org", None),
        ("Grace@Example.org", None),
    ]
    # What the guides type, and their test of a migration, is for the same app.
    for page in GUIDES:
        walk.follow(blocks(page))


def test_the_worked_example_of_the_readme_can_be_followed(
    tmp_path: pathlib.Path, database: Database
) -> None:
    walk = Walk(tmp_path, database.url)
    # The README begins with an app that has used Flask-Migrate so far: that of the
    # quickstart before its new column.
    before = [b for b in blocks(QUICKSTART) if b.kind in ("write", "session")][:2]
    walk.follow(before[:1])
    app = tmp_path / "app.py"
    app.write_text(
        app.read_text()
        .replace("from flask_datamigrate import DataMigrate", _OLD_IMPORT)
        .replace("migrate = DataMigrate()", "migrate = Migrate()")
    )
    walk.follow(before[1:])

    walk.follow(blocks(README))

    assert database.scalar("SELECT count(*) FROM users WHERE email_lower IS NULL") == 3


def test_a_staged_change_can_be_followed(
    tmp_path: pathlib.Path, database: Database
) -> None:
    Walk(tmp_path, database.url).follow(blocks(STAGED))

    rows = database.rows("SELECT full_name, first_name FROM users ORDER BY id")
    # Back at expand, the new columns are those of users that nobody backfilled.
    assert rows == [
        ("Ada King Lovelace", None),
        ("Alan Turing", None),
        ("Voltaire", None),
        ("Grace Hopper", "Grace"),
        ("Plato", "Plato"),
        ("Plato", "Plato"),
    ]


_OLD_IMPORT = "from flask_migrate import Migrate"


def test_a_column_of_another_type_can_be_followed(
    tmp_path: pathlib.Path, database: Database
) -> None:
    Walk(tmp_path, database.url).follow(blocks(RETYPED))

    found = database.rows("SELECT quantity_new FROM line ORDER BY id")
    assert found == [(12,), (12,), (12,)]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_change_of_the_root_causes_can_be_followed(
    tmp_path: pathlib.Path, database: Database
) -> None:
    Walk(tmp_path, database.url).follow(blocks(CAUSES))

    found = database.rows("SELECT root_cause FROM bugs WHERE id IN (7, 8, 9)")
    assert sorted(found) == [("disk full",), ("race condition",), ("race conditon",)]
