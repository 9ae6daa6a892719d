"""What the page on signals says of the payloads, held against their classes."""

from __future__ import annotations

import dataclasses
import re
import typing as t

import pytest

from flask_datamigrate.backfill.reporting import BackfillReport
from flask_datamigrate.backfill.reporting import Pause
from flask_datamigrate.backfill.reporting import Progress
from flask_datamigrate.backfill.reporting import Waiting
from flask_datamigrate.backfill.task import Task
from flask_datamigrate.stages.gates import Held
from tests.docs.blocks import ROOT

PAGE = ROOT / "docs" / "reference" / "signals.md"
PAYLOADS = [Task, Progress, Waiting, Pause, BackfillReport, Held]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_page_names_every_field_of_a_payload(payload: type[t.Any]) -> None:
    _, described = PAGE.read_text().split("The payloads are")
    named = set(re.findall(r"`(\w+)`", described))
    assert payload.__name__ in named
    assert {field.name for field in dataclasses.fields(payload)} <= named
