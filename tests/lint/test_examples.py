"""The examples in the reference: the wrong one is found, the right one is not."""

from __future__ import annotations

import pathlib

import pytest

from flask_datamigrate.lint.rules import RULES
from flask_datamigrate.lint.rules.base import Rule
from tests.lint.reading import rules

IMPORTS = "from flask_datamigrate import Backfill, frozen, snippets as sn\n"
# They are about more than one file, or about a file that cannot be read.
OF_FILES = {"DM100", "DM124"}


@pytest.fixture(
    params=[rule for rule in RULES if rule.id not in OF_FILES], ids=lambda rule: rule.id
)
def rule(request: pytest.FixtureRequest) -> Rule:
    found: Rule = request.param
    return found


def test_the_wrong_example_is_found(rule: Rule, tmp_path: pathlib.Path) -> None:
    assert rule.id in rules(tmp_path, IMPORTS + rule.wrong)


def test_the_right_example_is_not(rule: Rule, tmp_path: pathlib.Path) -> None:
    assert rule.id not in rules(tmp_path, IMPORTS + rule.right)
