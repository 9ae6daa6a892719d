"""Rows whose new value is NULL: all of them are named at once, with what is in them."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate.backfill import vain
from tests.backfill.engine import Engine
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database


def people(database: Database, **full: str | None) -> sa.Table:
    """Make a table of forty people, of whom some have a name that is none.

    :param full: the names by key, such as ``id5``.
    """
    table = frozen.table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("full", sa.String(100)),
        sa.Column("first", sa.String(50)),
    )
    create(database, table)
    rows = [{"id": i, "full": full.get(f"id{i}", f"n{i}")} for i in range(1, 41)]
    fill(database, table, rows)
    return table


def first_names(table: sa.Table, **options: t.Any) -> Backfill:
    value = sa.case((table.c.full.like("n%"), table.c.full))
    return Backfill(
        sa.update(table).where(table.c.first.is_(None)).values(first=value),
        **{"batch_size": 10, **options},
    )


def error(engine: Engine, backfill: Backfill) -> str:
    with pytest.raises(errors.VerificationError) as caught:
        engine.run(backfill)
    return str(caught.value)


def test_all_are_named_when_the_first_batch_has_one(database: Database) -> None:
    table = people(database, id5="?", id12="x" * 60, id40="Ada")
    engine = Engine(database)

    told = error(engine, first_names(table))

    cut = f"'{'x' * 38}…"
    assert (
        "a row that was just changed still matches the where of the backfill, since 3 "
        f"rows come to NULL in first: id=5 (full '?'), id=12 (full {cut}), id=40 "
        "(full 'Ada'). The batch was rolled back, and none before it changed a row. "
        "Correct the values, as by UPDATE people SET full = … WHERE id=5; or mend the "
        "expression in the revision; or, if NULL is right for them, pass verify=False. "
        "Then run the same command again."
    ) in told
    assert set(contents(database, table, "first")) == {(None,)}
    wrong = table.c.id.in_([5, 12, 40])
    database.execute(sa.update(table).where(wrong).values(full="nn"))
    assert engine.run(first_names(table)).state == "finished"


def test_those_behind_the_first_batch_are_named_at_the_end(database: Database) -> None:
    table = people(database, id31="Ada", id35="Alan")
    engine = Engine(database, config={"max_batch_size": 10})

    told = error(engine, first_names(table))

    assert (
        "2 rows still match the where after the last batch; 2 rows come to NULL in "
        "first: id=31 (full 'Ada'), id=35 (full 'Alan'). Every row was visited and "
        "what was changed is committed. If the app keeps writing such rows, mend that "
        "first; correct the values, as by UPDATE people SET full = … WHERE id=31; or "
    ) in told
    database.execute(sa.update(table).values(full="nn"))
    assert engine.run(first_names(table)).state == "finished"


def test_it_looks_at_a_bounded_number_of_rows(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = people(database, id5="Ada", id12="Alan", id40="Grace")
    monkeypatch.setattr(vain, "AHEAD", 20)
    told = error(Engine(database), first_names(table))
    assert "2 rows up to id=21 come to NULL in first: id=5 (full 'Ada'), id=12" in told
    assert "id=40" not in told


def test_it_names_and_counts_a_bounded_number(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = people(database, **{f"id{i}": "?" for i in range(1, 31)})
    told = error(Engine(database), first_names(table))
    assert "since 30 rows come to NULL in first: id=1 (" in told
    assert "id=20 (full '?'), and 10 more. The batch" in told
    monkeypatch.setattr(vain, "MOST", 25)
    told = error(Engine(database), first_names(table))
    assert "since more than 25 rows come to NULL in first: id=1 (" in told
    assert "id=20 (full '?'). The batch" in told


def test_where_there_was_no_value_the_where_is_to_be_narrowed(
    database: Database,
) -> None:
    table = people(database, id7=None)
    told = error(Engine(database), first_names(table))
    assert "since 1 row comes to NULL in first: id=7 (full NULL)." in told
    assert "Narrow the where to the rows that have something to compute from" in told


def test_a_key_of_two_columns(database: Database) -> None:
    table = frozen.table(
        "lines",
        sa.Column("order", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(5), primary_key=True),
        sa.Column("old", sa.String(20)),
        sa.Column("new", sa.Integer),
        sa.Column("half", sa.Integer),
    )
    create(database, table)
    rows = [{"order": 1, "kind": k, "old": v} for k, v in (("a", "1"), ("b", "one"))]
    fill(database, table, rows)
    number = sa.case((table.c.old == "1", 1))
    unfilled = sa.or_(table.c.new.is_(None), table.c.half.is_(None))
    backfill = Backfill(
        sa.update(table)
        .where(unfilled, table.c.old.is_not(None))
        .values(new=number, half=number / 2)
    )

    told = error(Engine(database), backfill)

    assert (
        "1 row comes to NULL in new and half: (order=1, kind='b') (old 'one')" in told
    )
    assert "UPDATE lines SET old = … WHERE order=1 AND kind='b'" in told


def test_what_matches_for_another_reason_is_told_as_before(database: Database) -> None:
    table = people(database)
    backfill = Backfill(
        sa.update(table).where(table.c.first.is_(None)).values(full=table.c.full + "x")
    )
    told = error(Engine(database), backfill)
    assert "still matches the where of the backfill: id=1. The batch was rolled" in told
    assert "Narrow the where so that a changed row no longer matches (is a NULL" in told
