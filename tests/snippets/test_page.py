"""The page with the snippets' SQL and results is that of today's snippets."""

from __future__ import annotations

from flask_datamigrate import snippets as sn
from tests.snippets.cases import ALL
from tests.snippets.page import PAGE
from tests.snippets.page import page

STATEMENTS = {"excluded", "insert_missing", "returning", "update_from", "upsert"}
"""Which change rows: what they do is tested in test_statements_*.py."""

NOT_COMPARED = {"branch", "nothing"} | STATEMENTS
"""The result of a branch is what its user writes."""


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "write it anew: python -m tests.snippets.page"
    )


def test_every_snippet_is_compared() -> None:
    assert {parity.name for parity in ALL} == set(sn.__all__) - NOT_COMPARED
