"""What depends on the databases that the project runs on."""

from __future__ import annotations

import pathlib

import pytest

from tests.lint.reading import rules

DECIMAL = """
def upgrade():
    op.alter_column("places", "width", existing_type=sa.Numeric(8, 5),
                    type_=sa.Numeric(12, 5))
    op.alter_column("places", "height", existing_type=sa.Numeric(8, 5),
                    type_=sa.Numeric())
"""
LIBRARY = """
from url_types import Url

def upgrade():
    op.alter_column("places", "link", existing_type=sa.Unicode(2000), type_=Url())
"""
MOMENT = """
from sqlalchemy.dialects import postgresql

def upgrade():
    op.alter_column("places", "seen", existing_type=postgresql.TIMESTAMP(),
                    type_=sa.DateTime())
"""
LONGER = """
def upgrade():
    op.alter_column("places", "name", existing_type=sa.VARCHAR(50), type_=sa.Text())
"""


@pytest.mark.parametrize("body", [DECIMAL, LIBRARY, LONGER, MOMENT])
def test_postgresql_takes_it_without_writing_a_row(
    tmp_path: pathlib.Path, body: str
) -> None:
    assert "DM120" not in rules(tmp_path, body, dialects=["postgresql"])


@pytest.mark.parametrize("body", [DECIMAL, LIBRARY, LONGER, MOMENT])
def test_mysql_writes_the_table_anew(tmp_path: pathlib.Path, body: str) -> None:
    assert "DM120" in rules(tmp_path, body, dialects=["postgresql", "mysql"])


ROUTINE = '''
def upgrade():
    op.execute(sa.text("""
        CREATE OR REPLACE FUNCTION keep_owner() RETURNS trigger AS $$
        BEGIN
            -- it isn't a function here
            IF (NEW.owner_id IS NULL) THEN
                RAISE EXCEPTION 'a place has an owner';
            END IF;
            RETURN NEW;
        END;
        $$ LANGUAGE plpgsql;
    """))
'''


def test_the_body_of_a_routine_is_in_a_language_of_its_own(
    tmp_path: pathlib.Path,
) -> None:
    assert "DM110" not in rules(tmp_path, ROUTINE, dialects=["postgresql"])


def test_a_routine_of_postgresql_is_not_for_others(tmp_path: pathlib.Path) -> None:
    assert "DM110" in rules(tmp_path, ROUTINE, dialects=["postgresql", "sqlite"])
