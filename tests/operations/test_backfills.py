"""``op.backfill`` under plain Alembic, in ``--sql`` mode, and misused."""

from __future__ import annotations

import typing as t

import pytest
from alembic import command
from flask import current_app

from flask_datamigrate import errors
from tests.operations.conftest import People

UPDATE = """
fill = Backfill(sa.update(people).values(n=people.c.n + 1), batch_size=3, undo=True)

def upgrade():
    op.backfill(fill)

def downgrade():
    op.undo_backfill(fill)
"""


def alembic(people: People, name: str, *arguments: t.Any, **options: t.Any) -> None:
    with people.project.app().app_context():
        config = current_app.extensions["migrate"].migrate.get_config()
        getattr(command, name)(config, *arguments, **options)


def test_plain_alembic_runs_and_undoes_it_in_place(people: People) -> None:
    people.revision(UPDATE)

    alembic(people, "upgrade", "head")
    assert people.column() == [2] * 10
    assert people.version == "r2"

    alembic(people, "downgrade", "r1")
    assert people.column() == [1] * 10
    assert people.version == "r1"

    people.upgrade()
    assert people.column() == [2] * 10


def test_a_run_that_fails_under_plain_alembic_goes_on_later(people: People) -> None:
    people.database.execute("UPDATE people SET n = 999 WHERE id = 8")
    people.project.config["DATAMIGRATE_MAX_BATCH_SIZE"] = 3
    # However slow the machine is, the batches stay of that size.
    people.project.config["DATAMIGRATE_TARGET_SECONDS"] = 60
    people.revision(UPDATE)

    with pytest.raises(errors.DataMigrateError, match="refused a row") as caught:
        alembic(people, "upgrade", "head")

    assert "batches before it are committed (6 rows)" in str(caught.value)
    assert people.column()[:7] == [2] * 6 + [1]
    assert people.version == "r1"
    people.database.execute("UPDATE people SET n = 1 WHERE id = 8")
    people.upgrade()
    assert people.column() == [2] * 10


def test_a_script_holds_one_statement_a_backfill(
    people: People, capsys: pytest.CaptureFixture[str]
) -> None:
    people.revision(UPDATE)

    alembic(people, "upgrade", "r1:r2", sql=True)

    script = capsys.readouterr().out
    assert "-- Backfill of people: all rows in one statement, no batches." in script
    assert "-- No old values are kept, so it cannot be undone." in script
    assert "UPDATE people SET n=(people.n + 1)" in script
    assert people.column() == [1] * 10


def test_a_script_cannot_hold_python_or_an_undo(people: People) -> None:
    people.revision(UPDATE)
    people.revision(
        """
def compute(row):
    return {"n": 5}

fill = Backfill.rows(people, compute, reads=["n"], writes=["n"])

def upgrade():
    op.backfill(fill)
""",
        "r3",
        "r2",
    )

    with pytest.raises(errors.OfflineError, match=r"computes rows with compute\(\)"):
        alembic(people, "upgrade", "r2:r3", sql=True)
    with pytest.raises(errors.OfflineError, match="values that only the database has"):
        alembic(people, "downgrade", "r2:r1", sql=True)


MISUSED = {
    "not a backfill": ("def upgrade():\n    op.backfill('UPDATE')\n", "was given str"),
    "made inside a function": (
        "def upgrade():\n    op.backfill(Backfill(sa.delete(people)))\n",
        "no name to go on by",
    ),
}


@pytest.mark.parametrize("name", MISUSED)
def test_misuse_is_told_before_anything_changes(people: People, name: str) -> None:
    body, complaint = MISUSED[name]
    people.revision(body + "\ndef downgrade():\n    pass\n")

    with pytest.raises(errors.DefinitionError, match=complaint):
        people.upgrade()

    assert people.column() == [1] * 10
    assert people.version == "r1"


def test_one_inside_a_function_may_have_a_name(people: People) -> None:
    people.revision(
        """
def upgrade():
    op.backfill(Backfill(sa.update(people).values(n=3), name="threes"))

def downgrade():
    pass
"""
    )

    people.upgrade()

    assert people.column() == [3] * 10


def test_several_in_one_revision_have_names_of_their_own(people: People) -> None:
    people.revision(
        """
one = Backfill(sa.update(people).values(n=people.c.n + 1))
two = Backfill(sa.update(people).values(n=people.c.n * 10))
named = Backfill(sa.update(people).values(n=people.c.n + 5), name="five")

def upgrade():
    op.backfill(one)
    op.backfill(two)
    op.backfill(named)

def downgrade():
    pass
"""
    )

    people.upgrade()

    assert people.column() == [25] * 10
    names = people.column("SELECT name FROM datamigrate_backfills ORDER BY name")
    assert names == ["five", "r2", "r2.two"]


HALF_DONE = """
{before}
{variable} = Backfill(sa.update(people).values(n=people.c.n + 1){options})
{after}

def upgrade():
    op.backfill({variable})

def downgrade():
    pass
"""
OTHER = "other = Backfill(sa.update(people).values(name=people.c.name + '!'))"


def half_done(**parts: str) -> str:
    empty = {"before": "", "after": "", "options": "", "variable": "fill"}
    return HALF_DONE.format(**{**empty, **parts})


def begin(people: People, body: str) -> None:
    """Change seven rows; the eighth is refused."""
    people.database.execute("UPDATE people SET n = 999 WHERE id = 8")
    people.project.config["DATAMIGRATE_MAX_BATCH_SIZE"] = 3
    people.project.config["DATAMIGRATE_TARGET_SECONDS"] = 60
    people.revision(body)
    with pytest.raises(errors.DataMigrateError, match="refused a row"):
        people.upgrade()
    assert people.column()[:8] == [2] * 7 + [999]
    people.database.execute("UPDATE people SET n = 1 WHERE id = 8")


def test_one_that_is_begun_keeps_its_name_when_another_is_added(
    people: People,
) -> None:
    begin(people, half_done())
    people.revision(half_done(after=OTHER))

    people.upgrade()

    assert people.column() == [2] * 10


RENAMED = {
    "another variable": (
        {"before": OTHER},
        {"before": OTHER, "variable": "renamed"},
        "r2.fill",
    ),
    "another name=": ({"options": ", name='a'"}, {"options": ", name='b'"}, "a"),
}


@pytest.mark.parametrize("how", RENAMED)
def test_one_that_is_begun_does_not_begin_anew_under_another_name(
    people: People, how: str
) -> None:
    first, then, name = RENAMED[how]
    begin(people, half_done(**first))
    people.revision(half_done(**then))

    with pytest.raises(errors.BackfillError, match="no longer defines") as caught:
        people.upgrade()

    assert people.column()[:8] == [2] * 7 + [1]
    advice = f"name={name!r}"
    assert advice in caught.value.next
    people.revision(half_done(**{**then, "options": f", {advice}"}))
    people.upgrade()
    assert people.column() == [2] * 10


def test_finished_work_is_not_done_again_under_another_name(people: People) -> None:
    body = """
first = Backfill(sa.update(people).values(name=people.c.name + "!"))
{variable} = Backfill(sa.update(people).values(n=people.c.n + 1))
fails = Backfill(sa.update(people).values(n=people.c.n + 5000), name="fails")

def upgrade():
    op.backfill({variable})
    op.backfill(fails)

def downgrade():
    pass
"""
    people.revision(body.format(variable="done"))
    with pytest.raises(errors.DataMigrateError, match="refused a row"):
        people.upgrade()
    people.revision(body.format(variable="renamed"))

    with pytest.raises(
        errors.BackfillError, match="r2.done, which its file no longer defines"
    ):
        people.upgrade()

    assert people.column() == [2] * 10
