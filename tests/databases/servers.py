"""Servers that are up, and how each makes a database and gets rid of it."""

from __future__ import annotations

import contextlib
import pathlib
import secrets
import shutil
import sqlite3
import typing as t

import sqlalchemy as sa

from . import mysql_copying
from . import postgresql_cleaning
from .database import Database


class Server(t.Protocol):
    """A server on which tests make databases."""

    def create(self) -> Database:
        """Make an empty database that nobody else has."""

    def copy(self, source: Database, target: Database) -> None:
        """Put all that is in a database nobody uses into an empty one."""

    def drop(self, database: Database) -> None:
        """Take back a database, whoever is still connected to it."""

    def close(self) -> None:
        """Leave nothing on the server."""


class PostgreSQL:
    """A PostgreSQL server.

    Making and dropping a database there writes megabytes and a checkpoint, which is
    more work than most tests are. So one that a test gave back is emptied, and given
    to the next test of this process.

    :param url: an account that may create databases.
    :param settings: what holds in each of them, as ``ALTER DATABASE`` sets it.
    """

    def __init__(self, url: sa.URL, **settings: str) -> None:
        self.url = url
        self._settings = settings
        self._admin = _Admin(url.set(database=url.database or "postgres"))
        self._empty: list[str] = []

    def create(self) -> Database:
        if self._empty:
            name = self._empty.pop()
        else:
            name = _new_name()
            # Nobody can be connected to template0, which would make this fail.
            self._new(name, "template0 ENCODING 'UTF8'")
        return Database("postgresql", _render(self.url, name))

    def copy(self, source: Database, target: Database) -> None:
        self._drop(_name_in(target))
        self._new(_name_in(target), _name_in(source))

    def drop(self, database: Database) -> None:
        name = _name_in(database)
        if postgresql_cleaning.emptied(self.url.set(database=name), self._settings):
            self._empty.append(name)
        else:
            self._drop(name)

    def close(self) -> None:
        while self._empty:
            self._drop(self._empty.pop())
        self._admin.close()

    def _new(self, name: str, template: str) -> None:
        self._admin.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        for key, value in self._settings.items():
            self._admin.run(f"ALTER DATABASE {name} SET {key} = {value}")

    def _drop(self, name: str) -> None:
        self._admin.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class MySQL:
    """A MySQL or MariaDB server.

    :param url: an account that may create databases and end connections.
    """

    def __init__(self, url: sa.URL) -> None:
        self.url = url
        self._admin = _Admin(self.url)

    def create(self) -> Database:
        name = _new_name()
        self._admin.run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return Database("mysql", _render(self.url, name))

    def copy(self, source: Database, target: Database) -> None:
        mysql_copying.copy(source, target)

    def drop(self, database: Database) -> None:
        name = _name_in(database)
        # An open transaction elsewhere would make DROP DATABASE wait for it.
        for (id,) in self._admin.run(_CONNECTIONS.format(name=name)):
            with contextlib.suppress(sa.exc.DBAPIError):
                self._admin.run(f"KILL {id}")
        self._admin.run(f"DROP DATABASE IF EXISTS {name}")

    def close(self) -> None:
        self._admin.close()


class SQLite:
    """A directory of SQLite files.

    :param directory: an existing directory.
    """

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory

    def create(self) -> Database:
        home = self.directory / _new_name()
        home.mkdir()
        url = sa.URL.create("sqlite+pysqlite", database=str(home / "test.sqlite"))
        return Database("sqlite", url.render_as_string(hide_password=False))

    def copy(self, source: Database, target: Database) -> None:
        with (
            contextlib.closing(sqlite3.connect(_name_in(source))) as old,
            contextlib.closing(sqlite3.connect(_name_in(target))) as new,
        ):
            old.backup(new)

    def drop(self, database: Database) -> None:
        # The directory, since a journal may lie beside the file.
        shutil.rmtree(pathlib.Path(_name_in(database)).parent)

    def close(self) -> None:
        pass


NAMES = ("postgresql", "mysql", "sqlite")
"""The databases that every test with the fixture ``database`` runs on."""


@contextlib.contextmanager
def database_on(server: Server) -> t.Iterator[Database]:
    """Make a database for the time of a ``with`` block."""
    database = server.create()
    try:
        yield database
    finally:
        database.close()
        server.drop(database)


_CONNECTIONS = "SELECT id FROM information_schema.processlist WHERE db = '{name}'"


class _Admin:
    """One connection for all that a run does beside its tests.

    :param url: the account, and a database that stays.
    """

    def __init__(self, url: sa.URL) -> None:
        self._engine = sa.create_engine(
            url, isolation_level="AUTOCOMMIT", pool_size=1, pool_pre_ping=True
        )

    def run(self, sql: str) -> list[tuple[t.Any, ...]]:
        with self._engine.connect() as connection:
            result = connection.exec_driver_sql(sql)
            return [tuple(row) for row in result] if result.returns_rows else []

    def close(self) -> None:
        self._engine.dispose()


def _new_name() -> str:
    # Not from `random`: pytest-randomly seeds that alike in every worker.
    return f"datamigrate_test_{secrets.token_hex(8)}"


def _name_in(database: Database) -> str:
    return sa.make_url(database.url).database or ""


def _render(url: sa.URL, database: str) -> str:
    return url.set(database=database).render_as_string(hide_password=False)
