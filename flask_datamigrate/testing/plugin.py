"""The pytest plugin. pytest loads it in every run, so it imports when it is used."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

if t.TYPE_CHECKING:
    from flask import Flask

    from .migrations import Migrations

SWITCH = "datamigrate_tests"
"""The line of ``conftest.py`` that switches the ready-made tests on."""

_STAGES = "datamigrate_stages"
_STAGES_MEANING = (
    "run the test once for each legal pair of code stage and database stage"
)

Inserted = t.Mapping[str, t.Mapping[str, t.Sequence[t.Mapping[str, t.Any]]]]
"""Rows by table by revision."""


@pytest.fixture
def datamigrate(app: Flask) -> t.Iterator[Migrations]:
    """Give the migrations of the app, on its empty database.

    Needs a fixture ``app``, as pytest-flask does, whose database is for this test
    alone; all that the test makes in it is dropped at the end.
    """
    from .migrations import Migrations

    with Migrations(app).on_empty_databases() as migrations:
        yield migrations


@pytest.fixture
def datamigrate_rows() -> Inserted:
    """Name rows for the ready-made tests; override it.

    ``{"6c55e0560fd4": {"users": [{"id": 1, "full_name": "Ada Lovelace"}]}}`` inserts a
    user when the database has reached that revision, and not gone on yet.
    """
    return {}


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", f"{_STAGES}(change): {_STAGES_MEANING}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Multiply the tests of a staged change."""
    marker = metafunc.definition.get_closest_marker(_STAGES)
    if marker is None:
        return
    from .stages import legal

    if len(marker.args) != 1 or not isinstance(marker.args[0], str):
        raise pytest.UsageError(f"{metafunc.definition.nodeid}: {_STAGES} takes a name")
    pairs = legal(marker.args[0])
    metafunc.parametrize("_datamigrate_pair", pairs, indirect=True, ids=str)


@pytest.fixture(autouse=True)
def _datamigrate_pair(request: pytest.FixtureRequest) -> t.Iterator[None]:
    """Bring app and database to the stages of a marked test."""
    pair = getattr(request, "param", None)
    if pair is None:
        yield
        return
    from ..errors import StageError
    from .stages import at
    from .stages import unwritten

    migrations = request.getfixturevalue("datamigrate")
    try:
        stage = unwritten(pair, migrations)
    except StageError as error:
        # What is wrong is in the mark, and in no line of this package.
        pytest.fail(f"{request.node.nodeid}: {error}", pytrace=False)
    if stage is not None:
        pytest.skip(f"the change {pair.change} has no {stage} revision yet")
    with at(pair, migrations, request.getfixturevalue("datamigrate_rows")):
        yield


def pytest_collect_file(
    file_path: pathlib.Path, parent: pytest.Collector
) -> pytest.Collector | None:
    """Collect the ready-made tests beside a ``conftest.py`` that asks for them."""
    if file_path.name != "conftest.py":
        return None
    wanted = getattr(_loaded(parent.config, file_path), SWITCH, False)
    if not wanted:
        return None
    from .collecting import ReadyMade

    return ReadyMade.wanted(parent, file_path, wanted)


def _loaded(config: pytest.Config, path: pathlib.Path) -> object:
    for plugin in config.pluginmanager.get_plugins():
        if getattr(plugin, "__file__", None) == str(path):
            return plugin
    return None
