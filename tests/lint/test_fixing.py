"""``--fix``: what is rewritten, and that the rest of the file stays as it was."""

from __future__ import annotations

import pathlib

import pytest

from flask_datamigrate.lint.fixing import fix
from tests.lint.reading import HEADER
from tests.lint.reading import report
from tests.lint.reading import rules

UNNAMED = """
def upgrade():
    op.create_foreign_key(None, "orders", "users", ["user_id"], ["id"])  # naïve
    op.create_unique_constraint(None, "users", ["email", "tenant"])
    with op.batch_alter_table("bugs") as batch_op:
        batch_op.create_unique_constraint(None, ["title"])


def downgrade():
    with op.batch_alter_table("bugs") as batch_op:
        batch_op.drop_constraint(None, type_="unique")
    op.drop_constraint(None, "users", type_="unique")
    op.drop_constraint(None, "orders", type_="foreignkey")
"""

NAMED = """
def upgrade():
    op.create_foreign_key("orders_user_id_fkey", "orders", "users", ["user_id"], ["id"])  # naïve
    op.create_unique_constraint("users_email_tenant_key", "users", ["email", "tenant"])
    with op.batch_alter_table("bugs") as batch_op:
        batch_op.create_unique_constraint("bugs_title_key", ["title"])


def downgrade():
    with op.batch_alter_table("bugs") as batch_op:
        batch_op.drop_constraint("bugs_title_key", type_="unique")
    op.drop_constraint("users_email_tenant_key", "users", type_="unique")
    op.drop_constraint("orders_user_id_fkey", "orders", type_="foreignkey")
"""  # noqa: E501


def fixed(path: pathlib.Path, body: str) -> str:
    fix(report(path, body).findings)
    return (path / "r1.py").read_text(encoding="utf-8").removeprefix(HEADER)


def test_constraints_get_the_name_that_postgresql_would_give(
    tmp_path: pathlib.Path,
) -> None:
    assert fixed(tmp_path, UNNAMED) == NAMED
    assert not rules(tmp_path, NAMED) & {"DM113", "DM114"}


def test_constraints_that_are_not_surely_the_same_are_left_alone(
    tmp_path: pathlib.Path,
) -> None:
    body = """
def upgrade():
    op.create_unique_constraint(None, "users", ["email"])
    op.create_unique_constraint(None, "users", ["name"])


def downgrade():
    op.drop_constraint(None, "users", type_="unique")
    op.drop_constraint(None, "users", type_="unique")
"""
    assert fixed(tmp_path, body) == body


def test_unused_ignores_are_taken_away(tmp_path: pathlib.Path) -> None:
    body = """
def upgrade():
    # datamigrate: ignore[DM112] unused since release 4
    op.create_table("a")  # datamigrate: ignore[DM103] the table is small
    op.create_table("b")


def downgrade():
    op.drop_table("b")
    op.drop_table("a")
"""
    assert (
        fixed(tmp_path, body)
        == """
def upgrade():
    op.create_table("a")
    op.create_table("b")


def downgrade():
    op.drop_table("b")
    op.drop_table("a")
"""
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_line_ends_and_the_encoding_stay(tmp_path: pathlib.Path, encoding: str) -> None:
    coding = "# coding: latin-1\n" if encoding == "latin-1" else ""
    path = tmp_path / "r1.py"
    text = (coding + HEADER + UNNAMED).replace("\n", "\r\n")
    path.write_bytes(text.encode(encoding))
    from flask_datamigrate.lint import history
    from flask_datamigrate.lint.linter import Options
    from flask_datamigrate.lint.linter import lint
    from flask_datamigrate.lint.project import Project

    known = history.load([tmp_path])
    fix(lint(known, {"r1"}, Project(tmp_path), Options()).findings)
    expected = (coding + HEADER + NAMED).replace("\n", "\r\n")
    assert path.read_bytes() == expected.encode(encoding)
