"""The receivers that the page on signals shows, connected to a run."""

from __future__ import annotations

import collections
import sys
import types
import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from tests.backfill.engine import REVISION
from tests.backfill.engine import Engine
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database
from tests.docs.blocks import ROOT
from tests.docs.blocks import blocks

PAGE = ROOT / "docs" / "reference" / "signals.md"

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class Metric:
    """Stands for a counter or a gauge of ``prometheus_client``."""

    values: t.ClassVar[dict[tuple[str, str], float]] = collections.defaultdict(float)

    def __init__(self, name: str, text: str, labels: list[str]) -> None:
        self.name = name
        self.label = ""

    def labels(self, label: str) -> Metric:
        self.label = label
        return self

    def inc(self) -> None:
        self.values[self.name, self.label] += 1

    def set(self, value: float) -> None:
        self.values[self.name, self.label] = value


def receivers(number: int) -> dict[str, t.Any]:
    """Run an example; what it defines lives as long as what is returned."""
    shown = [block for block in blocks(PAGE) if block.kind == "fragment"]
    namespace: dict[str, t.Any] = {}
    exec(shown[number].text, namespace)
    return namespace


def people(database: Database) -> sa.Table:
    table = frozen.table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
    )
    create(database, table)
    fill(database, table, [{"id": i, "n": 0} for i in range(1, 31)])
    return table


def test_the_metrics_of_prometheus(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = types.SimpleNamespace(Counter=Metric, Gauge=Metric)
    monkeypatch.setitem(sys.modules, "prometheus_client", client)
    table = people(database)
    connected = receivers(0)

    backfill = Backfill(sa.update(table).values(n=1), batch_size=10)
    Engine(database, config={"max_batch_size": 10}).run(backfill)

    assert connected["batches"].values == {
        ("backfill_batches", REVISION): 3,
        ("backfill_rows", REVISION): 30,
    }


def test_the_breadcrumb_and_the_issue_of_sentry(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[t.Any] = []
    sdk = types.SimpleNamespace(
        add_breadcrumb=lambda **crumb: told.append(crumb),
        capture_exception=lambda error: told.append(type(error)),
    )
    monkeypatch.setitem(sys.modules, "sentry_sdk", sdk)
    table = people(database)
    waits = iter([(0.01, "a busy hour"), None])

    def fails(row: t.Any) -> t.Any:
        raise ValueError("no")

    connected = receivers(1)
    backfill = Backfill.rows(
        table, fails, reads=["n"], writes=["n"], throttle=lambda: next(waits, None)
    )
    with pytest.raises(errors.BackfillError):
        Engine(database, config={"poll_seconds": 0}).run(backfill)

    assert connected
    assert told == [
        {"category": "backfill", "message": f"{REVISION}: a busy hour"},
        errors.BackfillError,
    ]
