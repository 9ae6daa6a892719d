"""What findings say of the script at hand."""

from __future__ import annotations

import pathlib

from tests.lint.reading import findings


def message(path: pathlib.Path, rule: str, body: str) -> str:
    """Return what the one finding of a rule says."""
    found = [x.message for x in findings(path, body) if x.rule == rule]
    assert len(found) == 1, found
    return found[0]


def test_a_change_of_rows_before_the_schema_leaves_no_schema_behind(
    tmp_path: pathlib.Path,
) -> None:
    body = """
        def upgrade():
            op.execute("UPDATE users SET karma = 3 WHERE karma IS NULL")
            op.alter_column("users", "karma", nullable=False)
    """
    said = message(tmp_path, "DM107", body)
    assert "line 10" in said
    assert "leaves the schema change behind" not in said
    assert "commit the rows there" in said


def test_a_change_of_rows_behind_the_schema_names_what_is_before_it(
    tmp_path: pathlib.Path,
) -> None:
    body = """
        def upgrade():
            op.execute("ALTER TABLE users ADD COLUMN karma integer")
            op.execute("UPDATE users SET karma = 3")
            op.alter_column("users", "karma", nullable=False)
    """
    said = message(tmp_path, "DM107", body)
    assert "line 9:" in said
    assert "leaves the schema change behind" in said


def test_a_fill_of_an_old_column_takes_the_empty_rows(tmp_path: pathlib.Path) -> None:
    body = """
        def upgrade():
            op.execute("UPDATE users SET karma = 3 WHERE karma IS NULL")
    """
    said = message(tmp_path, "DM103", body)
    assert "takes every row of users in which karma is NULL in one" in said


def test_a_fill_by_a_construct_is_rewritten_with_its_column(
    tmp_path: pathlib.Path,
) -> None:
    body = """
        users = sa.table("users", sa.column("karma"))

        def upgrade():
            op.execute(sa.update(users).where(users.c.karma.is_(None)).values(karma=3))
    """
    (found,) = [x for x in findings(tmp_path, body) if x.rule == "DM103"]
    assert "in which karma is NULL" in found.message
    assert any(".where(users.c.karma.is_(None))" in line for line in found.instead)


def test_a_condition_that_never_clears_names_its_columns(
    tmp_path: pathlib.Path,
) -> None:
    body = """
        from flask_datamigrate import Backfill, frozen
        users = frozen.table("users", sa.Column("active", sa.Boolean))
        backfill = Backfill(
            sa.update(users).where(users.c.active.is_(True)).values(karma=3)
        )
    """
    said = message(tmp_path, "DM106", body)
    assert said.endswith("its where names active")


def test_a_fill_of_a_new_column_takes_every_row(tmp_path: pathlib.Path) -> None:
    body = """
        def upgrade():
            op.add_column("users", sa.Column("karma", sa.Integer))
            op.execute("UPDATE users SET karma = 3 WHERE karma IS NULL")
    """
    assert "takes every row of users in one" in message(tmp_path, "DM103", body)


def test_a_model_is_named_as_it_is_used(tmp_path: pathlib.Path) -> None:
    body = """
        from myapp import models

        def upgrade():
            session = sa.orm.Session(bind=op.get_bind())
            session.query(models.User.name).filter(models.User.name == "a").all()
            models.Team.query.all()
    """
    said = message(tmp_path, "DM101", body)
    assert "models.User, models.Team is the app's code" in said


def test_the_session_of_the_app_is_a_connection_of_its_own(
    tmp_path: pathlib.Path,
) -> None:
    body = """
        from myapp.models import User, db

        def upgrade():
            for row in db.session.execute(sa.text("SELECT 1")):
                print(row)
    """
    assert "db.session is a connection beside" in message(tmp_path, "DM102", body)


def test_a_fill_of_what_another_left_takes_the_empty_rows(
    tmp_path: pathlib.Path,
) -> None:
    body = """
        def upgrade():
            op.add_column("users", sa.Column("karma", sa.Integer))
            op.execute("UPDATE users SET karma = 5 WHERE id IN (1, 2)")
            op.execute("UPDATE users SET karma = 3 WHERE karma IS NULL")
    """
    assert "users in which karma is NULL" in message(tmp_path, "DM103", body)
