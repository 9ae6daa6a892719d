"""An error of a later revision says which of the run are kept."""

from __future__ import annotations

import pytest

from flask_datamigrate.errors import DataMigrateError

from .conftest import ADD
from .conftest import CREATE
from .conftest import Bench

NULLS = """
def upgrade():
    op.execute("INSERT INTO notes (id) VALUES (1)")
    op.set_not_null("notes", "text")

def downgrade():
    pass
"""
NOTES = """
def upgrade():
    op.create_table(
        "notes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("text", sa.String(20)),
    )

def downgrade():
    raise RuntimeError("no way back")
"""


def failing(bench: Bench) -> str:
    with pytest.raises(DataMigrateError) as caught:
        bench.upgrade()
    return str(caught.value)


def test_what_was_applied_before_it_is_named(bench: Bench) -> None:
    bench.chain(CREATE, ADD.format(by=1), NOTES, NULLS)
    said = failing(bench)
    kept = {"r1", "r2"} if bench.database.name == "postgresql" else {"r1", "r2", "r3"}
    assert "NULL is left in 1 row (id=1)." in said
    assert f"Applied before it, and kept: {', '.join(sorted(kept))}." in said
    if bench.database.name == "postgresql":
        assert "Nothing was changed by this revision." in said
    (head,) = bench.heads
    assert head == max(kept)
    # What an earlier run did is not this one's.
    said = failing(bench)
    assert "Applied before it" not in said and "r1" not in said


def test_what_was_taken_back_before_it_is_named(bench: Bench) -> None:
    bench.chain(CREATE, NOTES, ADD.format(by=1), ADD.format(by=2))
    bench.upgrade()
    with pytest.raises(DataMigrateError) as caught:
        bench.downgrade("base")
    assert "no way back" in str(caught.value)
    assert "Taken back before it, and kept: r4, r3." in str(caught.value)
    assert bench.heads == {"r2"}


def test_a_first_revision_that_fails_says_nothing_of_others(bench: Bench) -> None:
    bench.chain(NOTES)
    bench.upgrade()
    bench.revision("r2", NULLS, down="r1")
    assert "before it" not in failing(bench)
