"""JSON, which MariaDB has as a text with a CHECK, in safe DDL."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import errors
from tests.operations.ddl.conftest import Family

TABLE = """op.create_table(
        "papers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("doc", sa.JSON, nullable=False, server_default="{}", comment="it's"),
        sa.Column("more", sa.JSON),
        sa.Column("last", sa.Integer),
    )"""
FILL = (
    "INSERT INTO papers (id, doc, more, last) "
    """VALUES (1, '{"a": [1]}', NULL, 1), (2, '[]', '{"b": "%"}', 2)"""
)


@pytest.fixture
def papers(family: Family) -> Family:
    family.revision(TABLE, 'op.drop_table("papers")', "a1", "r1")
    family.upgrade("a1")
    family.database.execute(FILL.replace("%", "%%"))
    return family


def revise(family: Family, column: str) -> None:
    family.revision(
        f'op.archive_column("papers", "{column}")',
        f'op.restore_column("papers", "{column}")',
        "a2",
        "a1",
    )


def described(family: Family) -> t.Any:
    """Return the table as the database tells it."""
    if family.database.name == "mysql":
        return family.database.rows("SHOW CREATE TABLE papers")
    engine = family.database.engine(poolclass=sa.NullPool)
    columns = sa.inspect(engine).get_columns("papers")
    return {
        column["name"]: {**column, "type": str(column["type"])} for column in columns
    }


def rows(family: Family) -> list[t.Any]:
    query = "SELECT id, CAST(doc AS CHAR(99)), CAST(more AS CHAR(99)), last FROM papers"
    return [
        tuple(str(value).strip() for value in row)
        for row in family.database.rows(f"{query} ORDER BY id")
    ]


@pytest.mark.parametrize("column", ["doc", "more"])
def test_json_goes_and_comes_back_as_it_was(
    papers: Family, form: str, column: str
) -> None:
    revise(papers, column)
    before, columns = rows(papers), described(papers)

    papers.upgrade()
    assert column not in papers.table("papers").c
    papers.downgrade("a1")

    assert rows(papers) == before
    assert described(papers) == columns
    if papers.database.name != "sqlite":
        with pytest.raises(sa.exc.DBAPIError):
            papers.database.execute(f"UPDATE papers SET {column} = 'no json'")


def test_null_is_forbidden_in_json_and_allowed_again(papers: Family) -> None:
    before = described(papers)
    papers.database.execute("UPDATE papers SET more = '[]' WHERE more IS NULL")
    papers.revision(
        'op.set_not_null("papers", "more")',
        'op.drop_not_null("papers", "more")',
        "a2",
        "a1",
    )
    papers.upgrade()
    assert not papers.table("papers").c.more.nullable
    papers.downgrade("a1")
    assert described(papers) == before


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_another_check_of_json_is_named(papers: Family) -> None:
    papers.database.execute(
        "ALTER TABLE papers ADD CONSTRAINT short CHECK (length(doc) < 99)"
    )
    revise(papers, "doc")
    with pytest.raises(errors.SchemaError, match="needed by CONSTRAINT `short` CHECK"):
        papers.upgrade()


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
@pytest.mark.parametrize(
    "type_",
    [
        "varchar(99)",
        "longtext CHARACTER SET latin1",
        "longtext COLLATE utf8mb4_general_ci",
    ],
)
def test_a_text_with_a_check_of_its_own_is_no_json(papers: Family, type_: str) -> None:
    papers.database.execute(
        f"ALTER TABLE papers ADD text {type_} CHECK (json_valid(text))"
    )
    revise(papers, "text")
    with pytest.raises(errors.SchemaError, match=r"needed by `text` .* CHECK"):
        papers.upgrade()
