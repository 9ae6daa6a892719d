"""The migrations of an app, to be taken up and down by a test."""

from __future__ import annotations

import contextlib
import threading
import typing as t

import sqlalchemy as sa
from flask import Flask

from .. import scripts
from ..backfill.reporting import BackfillReport
from ..backfill.reporting import Reporter
from ..errors import DataMigrateError
from ..frozen.names import suggestion
from ..upgrading import deferred
from ..upgrading.calls import downgrade
from ..upgrading.calls import upgrade
from ..upgrading.places import places
from ..upgrading.report import UpgradeReport
from . import emptying
from . import killing
from . import snapshots
from .snapshots import Rows
from .snapshots import Snapshot

if t.TYPE_CHECKING:
    from alembic.script import ScriptDirectory


class Migrations:
    """The migrations of an app, on the databases its config names.

    What the fixture ``datamigrate`` gives. Each method pushes an app context of its
    own, so a test need not.

    :param app: an app with :class:`~flask_datamigrate.DataMigrate`.
    """

    def __init__(self, app: Flask) -> None:
        self.app = app

    # Where it is

    @property
    def heads(self) -> tuple[str, ...]:
        """The revisions the database is at; none when it is empty."""
        with self.app.app_context():
            config = self._migrate.get_config()
            found = places(config, scripts.directory(config))
        return tuple(sorted({head for place in found for head in place.heads}))

    def revisions(self) -> list[str]:
        """Return every revision of the migrations folder, parents first."""
        walked = [script.revision for script in self.scripts().walk_revisions()]
        return walked[::-1]

    def scripts(self) -> ScriptDirectory:
        """Return Alembic's view of the migrations folder."""
        with self.app.app_context():
            return scripts.directory(self._migrate.get_config())

    # Up and down

    def upgrade_to(self, revision: str = "heads") -> UpgradeReport:
        """Upgrade schema and data, as ``flask db upgrade`` does.

        :param revision: the target, in any form Alembic takes.
        :returns: what was done, the report of each backfill included.
        :raises DataMigrateError: with what failed, where, and what to do.
        """
        with self.app.app_context():
            return upgrade(revision=revision)

    def downgrade_to(self, revision: str = "base") -> UpgradeReport:
        """Downgrade data and schema, as ``flask db downgrade`` does.

        :param revision: the target, in any form Alembic takes.
        :raises DataMigrateError: with what failed, where, and what to do.
        """
        with self.app.app_context():
            return downgrade(revision=revision)

    def run_deferred(self, *names: str) -> list[BackfillReport]:
        """Run the backfills that wait, as ``flask db data run`` does.

        :param names: the backfills; all by default.
        """
        with self.app.app_context():
            return deferred.run(None, names, Reporter(), threading.Event())

    def upgrade_killed(self, revision: str = "heads", *, after: int = 1) -> None:
        """Upgrade in a process of its own, which gets a SIGKILL within a batch.

        The batch is written and not committed. A test then upgrades again, and sees
        that each row was changed once.

        :param revision: the target, in any form Alembic takes.
        :param after: the batches that are committed before; a small
            ``DATAMIGRATE_MAX_BATCH_SIZE`` makes more of few rows.
        :raises AssertionError: when the upgrade ended before it could be killed.
        """
        with self.app.app_context():
            killing.killed(lambda: upgrade(revision=revision), self._engines(), after)

    # Rows

    def insert(
        self,
        table: str,
        rows: t.Mapping[str, t.Any] | t.Sequence[t.Mapping[str, t.Any]],
        *,
        bind: str | None = None,
    ) -> None:
        """Insert rows into a table as it stands at this revision.

        :param table: its name. The app's models are of another time: they are not
            asked.
        :param rows: one row's values by column, or a list of such.
        :param bind: the bind key of its database.
        :raises LookupError: for a table or a column that is not there.
        """
        listed = [rows] if isinstance(rows, t.Mapping) else list(rows)
        with self._connection(bind) as connection:
            found = _table(connection, table)
            for row in listed:
                for column in row:
                    if column not in found.c:
                        raise LookupError(
                            f'table "{table}" has no column "{column}" at this '
                            f"revision: {suggestion(column, found.c.keys())}"
                        )
                connection.execute(sa.insert(found), dict(row))

    def rows(self, table: str, *, bind: str | None = None) -> Rows:
        """Return the rows of a table as it stands, in the order of its key.

        :param table: its name.
        :param bind: the bind key of its database.
        :raises LookupError: for a table that is not there.
        """
        with self._connection(bind) as connection:
            return snapshots.rows(connection, _table(connection, table))

    def snapshot(self, bind: str | None = None) -> Snapshot:
        """Return what the tables of the app are and hold now.

        :param bind: the bind key of the database.
        """
        with self.app.app_context():
            return snapshots.take(self._engines()[bind])

    # The test's own databases

    @contextlib.contextmanager
    def on_empty_databases(self) -> t.Iterator[Migrations]:
        """See that the databases are empty, and leave them so at the end of the block.

        :raises DataMigrateError: when there are tables, which are then left alone.
        """
        with self.app.app_context():
            engines = self._engines()
        before: dict[str | None, emptying.Things] = {}
        for bind, engine in engines.items():
            with engine.connect() as connection:
                before[bind] = emptying.things(connection)
            _check_empty(engine, before[bind])
        try:
            yield self
        finally:
            with self.app.app_context():
                session = getattr(self.app.extensions["sqlalchemy"], "session", None)
                if session is not None:
                    session.remove()
            for bind, engine in engines.items():
                emptying.empty(engine, before[bind])

    @property
    def _migrate(self) -> t.Any:
        return self.app.extensions["migrate"].migrate

    def _engines(self) -> dict[str | None, sa.Engine]:
        return dict(self.app.extensions["migrate"].db.engines)

    @contextlib.contextmanager
    def _connection(self, bind: str | None) -> t.Iterator[sa.Connection]:
        with self.app.app_context(), self._engines()[bind].begin() as connection:
            yield connection


def _table(connection: sa.Connection, name: str) -> sa.Table:
    try:
        return snapshots.table(connection, name)
    except sa.exc.NoSuchTableError:
        known = sa.inspect(connection).get_table_names()
        raise LookupError(
            f'there is no table "{name}" at this revision: {suggestion(name, known)}'
        ) from None


def _check_empty(engine: sa.Engine, found: emptying.Things) -> None:
    tables = [name for kind, name in found if kind == "TABLE"]
    if not tables:
        return
    listed = ", ".join(tables[:5]) + (", …" if len(tables) > 5 else "")
    raise DataMigrateError(
        f"it is not empty: there are {len(tables)} tables ({listed})",
        where=f"database {engine.url.database}",
        state="It was left as it is",
        next="Give the app of the tests an empty database of its own: migrations are "
        "taken up and down in it, and at the end all of it is dropped",
    )
