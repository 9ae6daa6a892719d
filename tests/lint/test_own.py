"""Our own migrations: those of the example app and of the documentation."""

from __future__ import annotations

import pathlib
import re

import pytest

from flask_datamigrate.lint import history
from flask_datamigrate.lint.findings import Severity
from flask_datamigrate.lint.linter import Options
from flask_datamigrate.lint.linter import lint
from flask_datamigrate.lint.project import Project
from tests.docs.blocks import Block
from tests.docs.blocks import all_blocks
from tests.lint.reading import ALL
from tests.lint.reading import HEADER
from tests.lint.reading import report

EXAMPLE = pathlib.Path(__file__).parents[2] / "example_app/migrations"


def test_the_example_app_has_findings_only_with_a_reason() -> None:
    known = history.load([EXAMPLE / "versions"])
    project = Project(EXAMPLE, frozenset({"example_app"}), dialects=ALL)
    found = lint(known, set(known.headers), project, Options())
    assert not found.findings
    assert found.silenced


@pytest.mark.parametrize("block", all_blocks("revision", "body"), ids=str)
def test_no_migration_in_the_documentation_has_an_error(
    block: Block, tmp_path: pathlib.Path
) -> None:
    # What a page leaves out are the identifiers; some pages leave out upgrade() too.
    text = re.sub(r"^(revision|down_revision) = .*$", "", block.text, flags=re.M)
    found = report(tmp_path, "\n" + text, header=HEADER)
    errors = [x for x in found.findings if x.severity is Severity.ERROR]
    assert not errors
