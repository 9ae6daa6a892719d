"""``--fix``: what is rewritten, and that the rest of the file stays as it was."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate.lint.fixing import fix
from tests.lint.reading import HEADER
from tests.lint.reading import findings
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


def fixed(path: pathlib.Path, body: str, **options: t.Any) -> str:
    fix(report(path, body, **options).findings)
    return (path / "r1.py").read_text(encoding="utf-8").removeprefix(HEADER)


def test_constraints_get_the_name_that_postgresql_would_give(
    tmp_path: pathlib.Path,
) -> None:
    assert fixed(tmp_path, UNNAMED) == NAMED
    assert not rules(tmp_path, NAMED) & {"DM113", "DM114"}


CONVENTIONS: dict[t.Any, t.Any] = {
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    sa.UniqueConstraint: "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}


def test_constraints_get_the_name_that_the_naming_convention_gives(
    tmp_path: pathlib.Path,
) -> None:
    named = NAMED.replace("orders_user_id_fkey", "fk_orders_user_id_users")
    named = named.replace("users_email_tenant_key", "uq_users_email_tenant")
    named = named.replace("bugs_title_key", "uq_bugs_title")
    every = findings(tmp_path, UNNAMED, conventions=CONVENTIONS)
    assert "DM113" not in {x.rule for x in every}
    found = [x for x in every if x.rule == "DM114"]
    assert found[1].instead == (
        'op.create_unique_constraint("uq_users_email_tenant", "users", '
        '["email", "tenant"])',
        'op.drop_constraint("uq_users_email_tenant", "users", type_="unique")',
    )
    assert fixed(tmp_path, UNNAMED, conventions=CONVENTIONS) == named


TWO = """
def upgrade():
    op.create_unique_constraint(None, "users", ["email"])
    op.create_unique_constraint(None, "users", ["name"])


def downgrade():
    op.drop_constraint(None, "users", type_="unique")
"""
ELSEWHERE = """
def upgrade():
    op.drop_constraint(None, "users", type_="unique")
"""
NOT_MADE = """
def downgrade():
    op.drop_constraint(None, "users", type_="unique")
"""
NO_TYPE = """
def upgrade():
    op.create_unique_constraint(None, "users", ["email"])


def downgrade():
    op.drop_constraint(None, "users")
"""
LONG = f"""
def upgrade():
    op.create_unique_constraint(None, "users", ["{"x" * 60}"])


def downgrade():
    op.drop_constraint(None, "users", type_="unique")
"""
CHECK = """
def upgrade():
    op.create_check_constraint(None, "users", "age > 0")


def downgrade():
    op.drop_constraint(None, "users", type_="check")
"""
COMPUTED = """
def upgrade():
    op.create_unique_constraint(None, name(), ["email"])


def downgrade():
    op.drop_constraint(None, name(), type_="unique")
"""


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (TWO, "users has several such constraints here"),
        (ELSEWHERE, "what upgrade() drops was made elsewhere"),
        (NOT_MADE, "upgrade() makes none without a name"),
        (NO_TYPE, "the call does not say the type_ of the constraint"),
        (LONG, f"the name, uq_users_{'x' * 60}, is longer than 63 characters"),
        (CHECK, "the script does not tell what the naming convention makes of it"),
        (COMPUTED, "the name of the table is computed"),
    ],
)
def test_a_drop_that_is_left_says_why_and_claims_no_name(
    tmp_path: pathlib.Path, body: str, why: str
) -> None:
    every = findings(tmp_path, body, conventions=CONVENTIONS)
    (found,) = (x for x in every if x.rule == "DM114")
    assert found.message.endswith(f"gets here; --fix leaves it, since {why}")
    (line,) = found.instead
    assert 'drop_constraint("the_name_it_has"' in line
    assert fixed(tmp_path, body, conventions=CONVENTIONS) == body


def test_a_name_is_not_claimed_where_the_columns_cannot_be_read(
    tmp_path: pathlib.Path,
) -> None:
    (drop,) = (x for x in findings(tmp_path, CHECK) if x.rule == "DM114")
    assert "its columns, which the name is made of, cannot be read" in drop.message
    assert fixed(tmp_path, CHECK) == CHECK


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
