"""The recipes of the cookbook, taken up, down and up again on each database."""

from __future__ import annotations

import itertools
import pathlib
import re

import pytest

from flask_datamigrate.errors import OfflineError
from tests.databases import Database
from tests.docs.cookbook import documents
from tests.docs.cookbook import names
from tests.docs.cookbook import searches
from tests.docs.cookbook import tables
from tests.docs.cookbook.recipe import REVISIONS
from tests.docs.cookbook.recipe import kitchen
from tests.docs.cookbook.snapshot import snapshot
from tests.operations.ddl.cuts import die_anew

RECIPES = {
    "categories": tables.CATEGORIES,
    "concatenate": names.CONCATENATE,
    "denormalise": tables.DENORMALISE,
    "email": names.EMAIL,
    "extension": searches.EXTENSION,
    "flags": tables.FLAGS,
    "full-text": searches.FULL_TEXT,
    "index": searches.INDEX,
    "json-flat": documents.JSON_FLAT,
    "json-move": documents.JSON_MOVE,
    "json-nested": documents.JSON_NESTED,
    "normalise": tables.NORMALISE,
    "split": names.SPLIT,
    "url": names.URL,
}
# With this a table of two rows is a large one, on which the safe changes go their
# long way.
LARGE = {"DATAMIGRATE_ATOMIC_ROWS": 1}
SAFE_CHANGES = sorted(
    name
    for name, recipe in RECIPES.items()
    if any(
        re.search(r"op\.(\w+_online|archive_column|set_not_null)", REVISIONS[revision])
        for revision in recipe.revisions
    )
)

# They compute in Python, or ask what there is.
NO_SCRIPT = {"index", "json-move", "url-data"}


def test_each_revision_of_the_cookbook_is_in_a_recipe() -> None:
    used = [name for recipe in RECIPES.values() for name in recipe.revisions]

    assert sorted(used) == sorted(REVISIONS)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_is_right_and_each_step_leaves_no_trace_when_taken_back(
    name: str, tmp_path: pathlib.Path, database: Database
) -> None:
    recipe = RECIPES[name]
    with kitchen(recipe, tmp_path, database) as cook:
        before = {}
        for revision in recipe.revisions:
            before[revision] = snapshot(database)
            cook.upgrade(revision)
        cook.see(recipe.after)

        steps = list(itertools.pairwise(("base", *recipe.revisions)))
        for below, revision in reversed(steps):
            cook.downgrade(below)
            if revision not in recipe.stays:
                assert snapshot(database) == before[revision]

        cook.upgrade()
        cook.see(recipe.after)


@pytest.mark.parametrize("name", SAFE_CHANGES)
def test_a_recipe_is_right_on_large_tables(
    name: str, tmp_path: pathlib.Path, database: Database
) -> None:
    recipe = RECIPES[name]
    with kitchen(recipe, tmp_path, database, **LARGE) as cook:
        before = snapshot(database)

        cook.upgrade()
        cook.see(recipe.after)

        cook.downgrade()
        assert snapshot(database) == before


@pytest.mark.parametrize("name", [n for n in sorted(RECIPES) if RECIPES[n].since])
def test_what_was_written_since_is_kept_down_and_up_again(
    name: str, tmp_path: pathlib.Path, database: Database
) -> None:
    recipe = RECIPES[name]
    with kitchen(recipe, tmp_path, database) as cook:
        cook.upgrade()
        for statement in recipe.since:
            database.execute(statement)
        seen = [(query, database.rows(query)) for query, _ in recipe.after]

        cook.downgrade(recipe.revisions[0])
        cook.see(recipe.back)

        cook.forget()
        cook.upgrade()
        cook.see(seen)

        cook.downgrade()
        cook.see(recipe.back)


def test_a_full_text_search_goes_on_wherever_a_process_died(
    tmp_path: pathlib.Path, database: Database
) -> None:
    with kitchen(searches.FULL_TEXT, tmp_path, database) as cook:
        before = snapshot(database)

        def up() -> None:
            cook.close()
            cook.upgrade("fulltext-expand")
            cook.close()

        def down() -> None:
            cook.close()
            cook.downgrade()
            cook.close()

        def is_up() -> None:
            assert snapshot(database) == after

        def is_down() -> None:
            assert snapshot(database) == before

        up()
        after = snapshot(database)
        assert die_anew(down, up, is_down) >= 2
        assert die_anew(up, down, is_up) >= 2


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_script_can_be_written_but_for_what_needs_the_database(
    name: str,
    tmp_path: pathlib.Path,
    database: Database,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe = RECIPES[name]
    with kitchen(recipe, tmp_path, database) as cook:
        before = snapshot(database)
        down = "base"
        for revision in recipe.revisions:
            if revision in NO_SCRIPT:
                with pytest.raises(OfflineError):
                    cook.upgrade(f"{down}:{revision}", sql=True)
            elif not revision.endswith("-contract"):
                cook.upgrade(f"{down}:{revision}", sql=True)
                assert "alembic_version" in capsys.readouterr().out
            down = revision
        assert snapshot(database) == before
