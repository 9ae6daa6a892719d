"""Numbers that cannot be meant: refused at once, where they are written."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate import settings
from tests.backfill.engine import Engine
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database

SECONDS = [key for key in settings.KEYS if "seconds" in key.expects]
MOST_SECONDS = 1_000_000
MOST_ROWS = 10_000_000


@pytest.mark.parametrize("key", SECONDS, ids=lambda key: str(key.field))
@pytest.mark.parametrize(
    "value", [10**12, MOST_SECONDS + 1, float("inf"), float("nan")], ids=str
)
def test_absurd_seconds_are_refused(key: settings.Key, value: float) -> None:
    with pytest.raises(errors.ConfigError, match=f"{key.name} is .* 1,000,000"):
        settings.read({key.name: value})


@pytest.mark.parametrize("name", ["BATCH_SIZE", "MAX_BATCH_SIZE"])
@pytest.mark.parametrize("value", [10**12, MOST_ROWS + 1, True], ids=str)
def test_an_absurd_batch_is_refused(name: str, value: int) -> None:
    with pytest.raises(errors.ConfigError, match="must be .* from 1 to 10,000,000"):
        settings.read({f"DATAMIGRATE_{name}": value})


def test_a_limit_that_would_be_rounded_to_none_is_refused() -> None:
    with pytest.raises(errors.ConfigError, match="from 0.001"):
        settings.read({"DATAMIGRATE_STATEMENT_TIMEOUT": 0.0004})


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"batch_size": 10**12}, "batch_size is 1000000000000"),
        ({"batch_size": True}, "batch_size is True"),
        ({"workers": 10**12}, "workers is 1000000000000"),
    ],
)
def test_an_absurd_backfill_is_refused(options: dict[str, t.Any], what: str) -> None:
    table = frozen.table("counters", sa.Column("id", sa.Integer, primary_key=True))
    with pytest.raises(errors.DefinitionError, match=what):
        Backfill(sa.delete(table), **options)


def test_the_largest_numbers_work_on_each_database(database: Database) -> None:
    table = frozen.table(
        "counters",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
    )
    create(database, table)
    fill(database, table, [{"id": i, "n": 0} for i in range(1, 31)])
    config: dict[str, t.Any] = {key.field: MOST_SECONDS for key in SECONDS}
    # These are waited for.
    config |= {"max_lag": None, "max_batch_size": MOST_ROWS, "batch_size": MOST_ROWS}
    backfill = Backfill(sa.update(table).values(n=1), batch_size=MOST_ROWS, workers=2)

    assert Engine(database, config=config).run(backfill).changed == 30
    assert set(contents(database, table, "n")) == {(1,)}
