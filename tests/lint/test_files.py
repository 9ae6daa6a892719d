"""Files that cannot be read as migrations, and the tree they make."""

from __future__ import annotations

import pathlib

import pytest

from flask_datamigrate.errors import LintError
from flask_datamigrate.lint import history
from flask_datamigrate.lint import source
from flask_datamigrate.lint.findings import Severity
from tests.lint.reading import HEADER
from tests.lint.reading import report

GOOD = "\n\ndef upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n"


@pytest.mark.parametrize(
    ("content", "message", "line"),
    [
        (b"revision = 'r9'\ndef upgrade(:\n", "Python cannot parse it", 2),
        (b"# coding: klingon\nrevision = 'r9'\n", "encoding is wrong", 1),
        (b"revision = 'r9'\nname = '\xff'\n", "encoding is wrong", 1),
        (b"revision = 'r9'\nname = '\x00'\n", "Python cannot parse it", 1),
        (b"def upgrade():\n    pass\n", "does not say which revision it is", 1),
        (b"revision = make()\n", "does not say which revision it is", 1),
        (b"revision = 'r1'\n", "the revision r1 is also in r1.py", 1),
        (
            b"revision = 'r9'\n" + b"x = 1\n" * 200_000,
            "more than 1,000,000 are not read",
            1,
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_one_error_and_the_others_are_read(
    tmp_path: pathlib.Path, content: bytes, message: str, line: int
) -> None:
    (tmp_path / "unreadable.py").write_bytes(content)
    found = report(tmp_path, GOOD)
    (finding,) = found.findings
    assert (finding.rule, finding.severity) == ("DM100", Severity.ERROR)
    assert finding.path.name == "unreadable.py"
    assert message in finding.message
    assert finding.span.line == line
    assert finding.instead
    assert found.revisions == 1


def test_an_expression_that_is_nested_too_deeply_is_one_error(
    tmp_path: pathlib.Path,
) -> None:
    text = " + ".join(["'x'"] * 3000)
    found = report(tmp_path, f"\ndef upgrade():\n    op.execute({text})\n", GOOD)
    assert [(f.rule, f.path.name) for f in found.findings] == [("DM100", "r1.py")]


def test_a_file_of_another_name_or_directory_is_no_migration(
    tmp_path: pathlib.Path,
) -> None:
    (tmp_path / "__init__.py").write_text("def broken(:")
    (tmp_path / "notes.txt").write_text("def broken(:")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper/r2.py").write_text("def broken(:")
    assert not report(tmp_path, GOOD).findings


def test_a_directory_within_is_read_where_alembic_reads_it(
    tmp_path: pathlib.Path,
) -> None:
    (tmp_path / "2026").mkdir()
    (tmp_path / "2026/r1.py").write_text(HEADER)
    assert history.load([tmp_path], recursive=True).headers.keys() == {"r1"}
    assert not history.load([tmp_path]).headers


def branch(path: pathlib.Path, name: str, down: str, more: str = "") -> None:
    (path / f"{name}.py").write_text(
        f'revision = "{name}"\ndown_revision = {down}\n{more}\n{GOOD}'
    )


def heads(path: pathlib.Path) -> list[str]:
    return [f.revision for f in report(path, GOOD).findings if f.rule == "DM124"]


def test_two_heads_are_an_error_that_names_the_merge(tmp_path: pathlib.Path) -> None:
    branch(tmp_path, "a2", '"r1"')
    branch(tmp_path, "b2", '"r1"')
    (finding,) = report(tmp_path, GOOD).findings
    assert finding.rule == "DM124"
    assert "a2, b2" in finding.message
    assert "flask db merge" in finding.instead[0]
    assert finding.span.line == 2


def test_a_revision_that_follows_none_is_an_error(tmp_path: pathlib.Path) -> None:
    header = HEADER.replace("down_revision = None", 'down_revision = "gone"')
    (finding,) = report(tmp_path, GOOD, header=header).findings
    assert (finding.rule, finding.severity) == ("DM100", Severity.ERROR)
    assert "no file has the revision gone" in finding.message
    assert finding.span.line == 6


def test_what_it_follows_may_be_in_a_file_that_cannot_be_read(
    tmp_path: pathlib.Path,
) -> None:
    (tmp_path / "gone.py").write_text("def upgrade(:")
    header = HEADER.replace("down_revision = None", 'down_revision = "gone"')
    (finding,) = report(tmp_path, GOOD, header=header).findings
    assert finding.path.name == "gone.py"


def test_a_name_that_no_readable_file_has_leads_to_the_others(
    tmp_path: pathlib.Path,
) -> None:
    (tmp_path / "broken.py").write_text("def upgrade(:")
    report(tmp_path, GOOD)
    with pytest.raises(LintError, match="cannot: broken.py"):
        history.load([tmp_path]).resolve("r9")


def test_merged_heads_are_one(tmp_path: pathlib.Path) -> None:
    branch(tmp_path, "a2", '"r1"')
    branch(tmp_path, "b2", '("r1",)')
    branch(tmp_path, "c3", '("a2", "b2")')
    assert not heads(tmp_path)


def test_branches_with_labels_are_meant_to_stay(tmp_path: pathlib.Path) -> None:
    branch(tmp_path, "a2", '"r1"')
    branch(tmp_path, "b2", "None", 'branch_labels = ("billing",)')
    branch(tmp_path, "b3", '"b2"')
    assert not heads(tmp_path)


def test_a_short_name_in_down_revision_is_followed(tmp_path: pathlib.Path) -> None:
    branch(tmp_path, "abcdef12", '"r1"')
    branch(tmp_path, "bbbbbb12", '"abcd"')
    assert not heads(tmp_path)


def test_columns_are_counted_in_characters(tmp_path: pathlib.Path) -> None:
    body = '\ndef upgrade():\n    ä = "äöü"; op.drop_table("x")\n'
    found = [f for f in report(tmp_path, body).findings if f.rule == "DM112"]
    line = source.read(tmp_path / "r1.py").lines[found[0].span.line - 1]
    span = found[0].span
    assert line[span.column : span.end_column] == 'op.drop_table("x")'
