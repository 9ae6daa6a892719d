"""A trigger that skips a row: MySQL and MariaDB have none such."""

from __future__ import annotations

import pytest

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from tests.backfill.engine import Engine
from tests.backfill.engine import contents
from tests.backfill.test_verify import first_names
from tests.backfill.test_verify import people
from tests.databases.database import Database

pytestmark = pytest.mark.parametrize(
    "database", ["postgresql", "sqlite"], indirect=True
)

SKIPPING = {
    "postgresql": (
        "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN NULL; END $$",
        "CREATE TRIGGER skipping BEFORE UPDATE ON people FOR EACH ROW "
        "WHEN (new.id = 3) EXECUTE FUNCTION skip()",
    ),
    "sqlite": (
        "CREATE TRIGGER skipping BEFORE UPDATE ON people WHEN new.id = 3 "
        "BEGIN SELECT RAISE(IGNORE); END",
    ),
}


@pytest.mark.parametrize("form", ["update", "rows"])
def test_it_is_told_as_a_possible_cause(database: Database, form: str) -> None:
    table = people(database)
    for statement in SKIPPING[database.name]:
        database.execute(statement)
    backfill = first_names(table)
    if form == "rows":
        backfill = Backfill.rows(
            table,
            lambda row: {"first": row["full"]},
            reads=["full"],
            writes=["first"],
            where=table.c.first.is_(None),
        )

    with pytest.raises(errors.BackfillError) as caught:
        Engine(database).run(backfill)

    assert "id=3" in str(caught.value)
    assert "trigger of the table" in str(caught.value)
    assert set(contents(database, table, "first")) <= {(None,), ("n1 x",), ("n2 x",)}
