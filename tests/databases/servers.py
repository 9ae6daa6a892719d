"""Servers that are up, and how each makes a database and gets rid of it."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import secrets
import shutil
import typing as t

import sqlalchemy as sa

from .database import Database


class Server(t.Protocol):
    """A server on which tests make databases."""

    def create(self) -> Database:
        """Make an empty database with a name that nothing else has."""

    def drop(self, database: Database) -> None:
        """Remove a database, whoever is still connected to it."""


@dataclasses.dataclass(frozen=True, slots=True)
class PostgreSQL:
    """A PostgreSQL server.

    :param url: an account that may create databases.
    """

    url: sa.URL

    def create(self) -> Database:
        name = _new_name()
        # Nobody can be connected to template0, which would make this fail.
        self._admin(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        return Database("postgresql", _render(self.url, name))

    def drop(self, database: Database) -> None:
        self._admin(f"DROP DATABASE IF EXISTS {_name_in(database)} WITH (FORCE)")

    def _admin(self, sql: str) -> None:
        with _autocommit(self.url.set(database=self.url.database or "postgres")) as c:
            c.exec_driver_sql(sql)


@dataclasses.dataclass(frozen=True, slots=True)
class MySQL:
    """A MySQL or MariaDB server.

    :param url: an account that may create databases and end connections.
    """

    url: sa.URL

    def create(self) -> Database:
        name = _new_name()
        with _autocommit(self.url) as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return Database("mysql", _render(self.url, name))

    def drop(self, database: Database) -> None:
        name = _name_in(database)
        with _autocommit(self.url) as connection:
            # An open transaction elsewhere would make DROP DATABASE wait for it.
            for (id,) in connection.execute(_CONNECTIONS, {"name": name}).all():
                with contextlib.suppress(sa.exc.DBAPIError):
                    connection.exec_driver_sql(f"KILL {id}")
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")


@dataclasses.dataclass(frozen=True, slots=True)
class SQLite:
    """A directory of SQLite files.

    :param directory: an existing directory.
    """

    directory: pathlib.Path

    def create(self) -> Database:
        home = self.directory / _new_name()
        home.mkdir()
        url = sa.URL.create("sqlite+pysqlite", database=str(home / "test.sqlite"))
        return Database("sqlite", url.render_as_string(hide_password=False))

    def drop(self, database: Database) -> None:
        # The directory, since a journal may lie beside the file.
        shutil.rmtree(pathlib.Path(_name_in(database)).parent)


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


_CONNECTIONS = sa.text("SELECT id FROM information_schema.processlist WHERE db = :name")


@contextlib.contextmanager
def _autocommit(url: sa.URL) -> t.Iterator[sa.Connection]:
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


def _new_name() -> str:
    # Not from `random`: pytest-randomly seeds that alike in every worker.
    return f"datamigrate_test_{secrets.token_hex(8)}"


def _name_in(database: Database) -> str:
    return sa.make_url(database.url).database or ""


def _render(url: sa.URL, database: str) -> str:
    return url.set(database=database).render_as_string(hide_password=False)
