"""The schema as of a revision: the history of the migrations, replayed."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import inspect
import secrets
import typing as t

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import exc

from .. import scripts
from ..dialects import family
from ..errors import RevisionError
from ..tablenames import OWN_TABLES
from ..tablenames import is_of_the_app
from .declared import Declared

if t.TYPE_CHECKING:
    from alembic.script import ScriptDirectory

__all__ = ["at"]

replaying: contextvars.ContextVar[bool] = contextvars.ContextVar(
    "flask_datamigrate_replaying", default=False
)
"""Whether revisions run for their schema alone, in a database without rows."""


def at(revision: str, *, bind: str | None = None) -> sa.MetaData:
    """Return the tables as the migrations have made them by a revision.

    ::

        users = frozen.at("6c55e0560fd4").tables["users"]

    Every revision up to that one is run on an empty database: SQLite in memory, or,
    where the history needs more than that, a new database on the app's own server,
    which is dropped at the end. Backfills are passed over. The app's database is
    neither asked nor changed. Needs an app context.

    :param revision: the revision, in any form Alembic takes.
    :param bind: the bind key of the database, ``None`` for the default one.
    :raises RevisionError: for an unknown revision, and for a history that cannot be
        replayed.
    """
    found = sa.MetaData()
    with replayed(revision, bind) as replay:
        found.reflect(replay.connection, only=lambda name, _: is_of_the_app(name))
        for table in found.tables.values():
            declared = replay.declared.of(table.name, table.schema)
            for column in table.columns:
                column.type = declared.get(str(column.name), column.type)
    return found


@dataclasses.dataclass(frozen=True, slots=True)
class Replay:
    """A database that the migrations were replayed into.

    :param declared: the types that the migrations gave to the columns.
    """

    connection: sa.Connection
    declared: Declared


@contextlib.contextmanager
def replayed(revision: str | t.Sequence[str], bind: str | None) -> t.Iterator[Replay]:
    """Give a database that the migrations were replayed into.

    :param revision: the revision, or several; none of them is an empty database.
    :raises RevisionError: as :func:`at` does.
    """
    from flask import current_app

    migrate = current_app.extensions["migrate"]
    tree = scripts.directory(migrate.migrate.get_config())
    history = _History(tree, revision, bind, migrate.db.metadatas.get(bind))
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(_memory())
        declared = Declared(connection)
        try:
            history.replay(connection)
        except Exception as error:
            own = migrate.db.engines[bind]
            if family(own.dialect) == "sqlite":
                raise history.explain(error, "SQLite") from error
            connection = stack.enter_context(_scratch(own))
            declared = Declared(connection)
            try:
                history.replay(connection)
            except Exception as second:
                raise history.explain(second, own.dialect.name) from second
        yield Replay(connection, declared)


class _History:
    def __init__(
        self,
        tree: ScriptDirectory,
        revision: str | t.Sequence[str],
        bind: str | None,
        metadata: sa.MetaData | None,
    ) -> None:
        self._tree = tree
        self._bind = bind
        self._metadata = metadata
        try:
            wanted = revision if isinstance(revision, str) else tuple(revision)
            steps = tree._upgrade_revs(wanted, ()) if wanted else []  # type: ignore[arg-type]
            self._steps = steps
        except CommandError as error:
            raise scripts.advised(error) from error

    def replay(self, connection: sa.Connection) -> None:
        """Run the revisions on an empty database."""
        context = MigrationContext.configure(
            connection,
            opts={
                "fn": lambda heads, context: self._steps,
                "script": self._tree,
                "target_metadata": self._metadata,
                "transaction_per_migration": True,
            },
        )
        token = replaying.set(True)
        try:
            with Operations.context(context), context.begin_transaction():
                context.run_migrations(**self._arguments())
        finally:
            replaying.reset(token)

    def explain(self, error: Exception, database: str) -> RevisionError:
        """Say what kept the history from being replayed."""
        explained = scripts.explain(error, self._tree.dir)
        return RevisionError(
            f"the history cannot be replayed into an empty database ({database}): "
            f"{explained.what}",
            where=explained.where,
            state="The app's database was neither asked nor changed",
            next="The revision has to run on a database without rows, as it does in "
            "flask db upgrade on a new one",
        )

    def _arguments(self) -> dict[str, str]:
        """Return what the revisions of the multi-database template are called with."""
        for step in self._steps:
            upgrade = step.revision.module.upgrade
            if "engine_name" in inspect.signature(upgrade).parameters:
                return {"engine_name": self._bind or ""}
        return {}


@contextlib.contextmanager
def _memory() -> t.Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextlib.contextmanager
def _scratch(own: sa.Engine) -> t.Iterator[sa.Connection]:
    """Make a database beside the app's, for the time of a block.

    :raises RevisionError: where the app's user may not.
    """
    name = f"{OWN_TABLES}replay_{secrets.token_hex(6)}"
    server = own.execution_options(isolation_level="AUTOCOMMIT")
    try:
        with server.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
    except exc.DBAPIError as error:
        raise RevisionError(
            "the history needs more than SQLite, and a new database for it could not "
            f"be made on the app's server: {error.orig}",
            where="migrations",
            state="Nothing was changed",
            next="Let the app's user create databases (CREATEDB, or CREATE on *.*), or "
            "use another server in DATABASE_URL",
        ) from error
    engine = sa.create_engine(own.url.set(database=name), poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name}")
