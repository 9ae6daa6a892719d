"""Each error on the page on troubleshooting reads there as it reads in life."""

from __future__ import annotations

import pathlib
import re

import pytest

from flask_datamigrate.errors import DataMigrateError
from tests.docs.blocks import all_blocks
from tests.docs.scenarios import Scene
from tests.docs.scenarios_sync import SCENARIOS

MESSAGES = {block.name: block.text for block in all_blocks("error")}
# Hashes of a definition depend on SQLAlchemy's release, lines on the file's head.
_VARIABLE = re.compile(r"\b[0-9a-f]{12}\b|\bline \d+|SQLAlchemy [\d.]+")


def test_each_error_of_the_page_can_be_made_to_happen() -> None:
    assert MESSAGES.keys() == SCENARIOS.keys()


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_an_error_reads_as_the_page_says(name: str, tmp_path: pathlib.Path) -> None:
    scene = Scene(tmp_path)
    try:
        with pytest.raises(DataMigrateError) as raised:
            SCENARIOS[name](scene)
    finally:
        scene.close()

    assert _comparable(str(raised.value)) == _comparable(MESSAGES[name])


def _comparable(message: str) -> str:
    return _VARIABLE.sub("<variable>", " ".join(message.split()))
