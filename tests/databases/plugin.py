"""The pytest plugin: ``database``, ``second_database`` and ``own_server``."""

from __future__ import annotations

import contextlib
import os
import pathlib
import typing as t

import pytest

from . import run
from .database import Database
from .own import OwnServer
from .own import OwnServers
from .servers import NAMES
from .servers import database_on
from .unavailable import Unavailable

REQUIRE = "DATAMIGRATE_TEST_REQUIRE"
DIRECTORY = "databases_directory"

RUN = pytest.StashKey[pathlib.Path]()


def pytest_configure(config: pytest.Config) -> None:
    _required()
    given: t.Mapping[str, str] = getattr(config, "workerinput", {})
    if DIRECTORY in given:
        directory = pathlib.Path(given[DIRECTORY])
    else:
        cleanup = contextlib.ExitStack()
        config.add_cleanup(cleanup.close)
        directory = cleanup.enter_context(run.running())
    config.stash[RUN] = directory


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: t.Any) -> None:
    """Tell a worker of pytest-xdist where the servers of the run are."""
    node.workerinput[DIRECTORY] = str(node.config.stash[RUN])


@pytest.fixture(scope="session")
def database_servers(pytestconfig: pytest.Config) -> t.Iterator[run.Servers]:
    """Find or start the servers that tests make their databases on."""
    with contextlib.closing(run.Servers(pytestconfig.stash[RUN])) as servers:
        yield servers


@pytest.fixture(params=NAMES)
def database(
    request: pytest.FixtureRequest, database_servers: run.Servers
) -> t.Iterator[Database]:
    """Give the test an empty database of its own, on each server in turn.

    A test for some servers only names them:
    ``@pytest.mark.parametrize("database", ["postgresql"], indirect=True)``.
    """
    with _database(database_servers, request.param) as own:
        yield own


@pytest.fixture
def second_database(
    database: Database, database_servers: run.Servers
) -> t.Iterator[Database]:
    """Give the test one more empty database, on the same server."""
    with _database(database_servers, database.name) as own:
        yield own


@pytest.fixture(scope="session")
def own_servers(pytestconfig: pytest.Config) -> t.Iterator[OwnServers]:
    """Start servers that tests may stop, once for all of them."""
    with contextlib.closing(OwnServers(pytestconfig.stash[RUN])) as servers:
        yield servers


@pytest.fixture(params=["postgresql", "mysql"])
def own_server(
    request: pytest.FixtureRequest, own_servers: OwnServers
) -> t.Iterator[OwnServer]:
    """Give the test an empty database on a server that it may stop and start."""
    name = request.param
    try:
        found = own_servers.get(name)
    except Unavailable as error:
        # Where a server is given, that is the one which is required.
        if name in _required() and not run.given(name):
            pytest.fail(f"{REQUIRE} names {name}, but {error}", pytrace=False)
        pytest.skip(f"no {name} of one's own: {error}")
    with found.database() as own:
        yield own


@contextlib.contextmanager
def _database(servers: run.Servers, name: str) -> t.Iterator[Database]:
    try:
        server = servers.get(name)
    except Unavailable as error:
        if name in _required():
            pytest.fail(f"{REQUIRE} names {name}, but {error}", pytrace=False)
        pytest.skip(f"no {name}: {error}")
    with database_on(server) as own:
        yield own


def _required() -> list[str]:
    names = os.environ.get(REQUIRE, "").replace(",", " ").split()
    for name in names:
        if name not in NAMES:
            raise pytest.UsageError(
                f"{REQUIRE}: {name!r} is none of {', '.join(NAMES)}"
            )
    return names
