"""Comments that silence a rule."""

from __future__ import annotations

import pathlib

import pytest

from flask_datamigrate.lint.linter import Options
from tests.lint.reading import findings
from tests.lint.reading import report
from tests.lint.reading import rules

DOWN = "\n\ndef downgrade():\n    raise NotImplementedError\n"


@pytest.mark.parametrize(
    "body",
    [
        'op.drop_table("a")  # datamigrate: ignore[DM112] unused',
        '# datamigrate: ignore[DM112] unused\n    op.drop_table("a")',
        '# datamigrate:ignore[DM112]   unused\n    # more\n\n    op.drop_table("a")',
        'op.drop_table(\n        "a",\n    )  # datamigrate: ignore[DM112] unused',
        'op.drop_table(  # datamigrate: ignore[DM112] unused\n        "a",\n    )',
        'op.drop_table("a")  # datamigrate: ignore[DM103, DM112] unused',
    ],
)
def test_a_comment_with_a_reason_silences_the_rule(
    tmp_path: pathlib.Path, body: str
) -> None:
    found = report(tmp_path, f"\ndef upgrade():\n    {body}\n{DOWN}")
    assert not found.findings
    assert found.silenced == 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('op.drop_table("a")  # datamigrate: ignore[DM112]', {"DM112", "DM125"}),
        ('op.drop_table("a")  # datamigrate: ignore some day', {"DM112", "DM125"}),
        ('op.drop_table("a")  # datamigrate: ignore[] why', {"DM112", "DM125"}),
        ('op.drop_table("a")  # datamigrate: ignore[DM999] why', {"DM112", "DM125"}),
        ('op.drop_table("a")  # datamigrate: ignore[DM103] why', {"DM112", "DM126"}),
        (
            'op.drop_table("a")\n    print()  # datamigrate: ignore[DM112] why',
            {"DM112", "DM126"},
        ),
        ('op.drop_table("# datamigrate: ignore[DM112] why")', {"DM112"}),
        ('op.drop_table("a")  # noqa', {"DM112"}),
    ],
)
def test_a_comment_that_says_too_little_or_too_much_is_reported(
    tmp_path: pathlib.Path, body: str, expected: set[str]
) -> None:
    assert rules(tmp_path, f"\ndef upgrade():\n    {body}\n{DOWN}") == expected


def test_the_head_of_a_function_can_be_ignored(tmp_path: pathlib.Path) -> None:
    body = """
def upgrade():
    op.create_table("a")


def downgrade():  # datamigrate: ignore[DM111] it is dropped by hand
    pass
"""
    assert not rules(tmp_path, body)


def test_it_covers_no_more_than_its_statement(tmp_path: pathlib.Path) -> None:
    body = """
def upgrade():
    # datamigrate: ignore[DM112] unused
    with op.batch_alter_table("users") as batch_op:
        batch_op.drop_column("a")
"""
    assert rules(tmp_path, body + DOWN) == {"DM112", "DM126"}


def test_nobody_can_say_that_an_ignore_of_a_disabled_rule_is_unused(
    tmp_path: pathlib.Path,
) -> None:
    body = (
        '\ndef upgrade():\n    op.drop_table("a")  # datamigrate: ignore[DM112] why\n'
    )
    options = Options(disabled=frozenset({"DM112"}))
    assert not rules(tmp_path, body + DOWN, options=options)


def test_an_ignore_beside_sql_that_was_not_read_is_not_called_unused(
    tmp_path: pathlib.Path,
) -> None:
    body = """
def upgrade():
    op.execute(statement())  # datamigrate: ignore[DM103] a few rows
"""
    found = report(tmp_path, body + DOWN)
    assert not found.findings
    assert [note.span.line for note in found.notes] == [9]


def test_an_ignore_of_a_rule_that_is_none_is_not_proposed_again(
    tmp_path: pathlib.Path,
) -> None:
    body = """
        def upgrade():
            op.drop_table("users")  # datamigrate: ignore[DM999] unused by now
    """
    (found,) = [x for x in findings(tmp_path, body) if x.rule == "DM125"]
    assert "there is no rule DM999" in found.message
    assert not any("DM999" in line for line in found.instead)


def test_an_unused_ignore_is_not_told_beside_sql_that_is_not_analysed(
    tmp_path: pathlib.Path,
) -> None:
    body = """
        def upgrade():
            # datamigrate: ignore[DM112] nobody reads it
            op.create_table("b")
            op.execute("{sql}")
    """
    assert "DM126" in rules(tmp_path, body.replace("{sql}", "SELECT 1"))
    found = report(tmp_path, body.replace("{sql}", "SELEKT 1"))
    assert "DM126" not in {x.rule for x in found.findings}
    assert [x.message for x in found.notes] == ["the parser does not know this SQL"]
