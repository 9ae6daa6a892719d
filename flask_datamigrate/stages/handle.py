"""``migrate.change(name)``: what the code at hand may read and write."""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t

import sqlalchemy as sa
from flask import Flask
from flask import current_app
from flask import has_request_context
from flask import request
from sqlalchemy import exc

from ..errors import ConfigError
from ..frozen.names import suggestion
from . import marks
from .changes import KEY

if t.TYPE_CHECKING:
    from ..operations.ddl.journal import HalfDone
    from ..operations.ddl.sync_notes import Lack
    from ..settings import Stage

_Answer = t.TypeVar("_Answer")

EXTENSION = "datamigrate.watch"
"""The key under which an app's :class:`Watch` is kept in ``app.extensions``."""


class ChangeInCode:
    """A staged change, as the code of an app sees it.

    Made by ``migrate.change(name)``, at import time or later; nothing is asked before
    an attribute is read, and then for the current app.

    ::

        split = migrate.change("split_full_name")

        @app.get("/users/<int:id>")
        def show(id):
            user = db.get_or_404(User, id)
            if split.reads_new:
                return {"name": f"{user.first_name} {user.last_name}"}
            return {"name": user.full_name}

    :param name: the name that the revisions give it.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<change {self.name}>"

    @property
    def stage(self) -> Stage:
        """The stage that the config of the current app gives it.

        :raises ConfigError: when the config does not name it.
        """
        stages: t.Mapping[str, Stage] = current_app.config.get("DATAMIGRATE_STAGES", {})
        try:
            return stages[self.name]
        except KeyError:
            raise ConfigError(
                f"it does not name the change {self.name!r}, which the code asks for: "
                f"{suggestion(self.name, stages)}",
                where=KEY,
                next="Add the change with the stage this code can live with, mend the "
                "name in migrate.change(), or take that out of the code",
            ) from None

    @property
    def reads_new(self) -> bool:
        """Whether to read the new columns instead of the old.

        At stage migrate that is so once every backfill of the change is finished and
        verified. It is asked of the database every ``DATAMIGRATE_STAGE_TTL`` seconds,
        and stays the same for the whole of a request.
        """
        stage = self.stage
        if stage != "migrate":
            return stage == "contract"
        sight = watch(current_app._get_current_object()).seen().get(self.name)  # type: ignore[attr-defined]
        return sight is not None and sight.verified

    @property
    def writes_old(self) -> bool:
        """Whether to write the old columns: at every stage but contract."""
        return self.stage != "contract"

    @property
    def writes_new(self) -> bool:
        """Whether to write the new columns: at every stage but expand."""
        return self.stage != "expand"


class Watch:
    """What the processes of an app know of its changes, refreshed now and then."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._refreshing = threading.Lock()
        self._seen: t.Mapping[str, marks.Sight] = {}
        self._until = 0.0

    def seen(self) -> t.Mapping[str, marks.Sight]:
        """Return what is known of each change, the same for the whole of a request."""
        if not has_request_context():
            return self._fresh()
        seen: t.Mapping[str, marks.Sight] | None = request.environ.get(EXTENSION)
        if seen is None:
            seen = request.environ[EXTENSION] = self._fresh()
        return seen

    def _fresh(self) -> t.Mapping[str, marks.Sight]:
        # One thread asks, and the others go by what was known: they must not wait
        # for a connection that they themselves may hold.
        if time.monotonic() >= self._until and self._refreshing.acquire(blocking=False):
            try:
                self._seen = self.look()
            except exc.SQLAlchemyError as error:
                self._app.logger.warning(
                    "The stages of changes could not be read, and are taken to be as "
                    "before: %s",
                    str(error).splitlines()[0],
                )
            finally:
                ttl = self._app.config.get("DATAMIGRATE_STAGE_TTL", 5)
                self._until = time.monotonic() + ttl
                self._refreshing.release()
        return self._seen

    def look(self) -> dict[str, marks.Sight]:
        """Ask the databases.

        A change of several databases is verified when it is in each of them.
        """
        extension = self._app.extensions["migrate"]
        schema = extension.configure_args.get("version_table_schema")
        found: dict[str, marks.Sight] = {}
        for engine in extension.db.engines.values():
            with _connection(extension.db, engine) as connection:
                if not marks.exist(connection, schema):
                    continue
                for name, sight in marks.look(connection, schema).items():
                    other = found.get(name, sight)
                    found[name] = marks.Sight(
                        sight.stage, sight.verified and other.verified
                    )
        return found

    def lacking(self) -> list[Lack]:
        """Return the syncs that lack triggers; none where that may not be asked."""
        from ..operations.ddl import sync_notes

        return self._asked(sync_notes.lacking)

    def half_contracted(self) -> list[HalfDone]:
        """Return the contract revisions of which the databases have a part."""
        from ..operations.ddl import journal

        return self._asked(journal.half_contracted)

    def _asked(
        self, question: t.Callable[[sa.Connection, str | None], list[_Answer]]
    ) -> list[_Answer]:
        extension = self._app.extensions["migrate"]
        schema = extension.configure_args.get("version_table_schema")
        found: list[_Answer] = []
        for engine in extension.db.engines.values():
            with (
                contextlib.suppress(exc.DBAPIError),
                _connection(extension.db, engine) as connection,
            ):
                found += question(connection, schema)
        return found


def watch(app: Flask) -> Watch:
    """Return the watch of an app."""
    found: Watch = app.extensions.setdefault(EXTENSION, Watch(app))
    return found


@contextlib.contextmanager
def _connection(db: t.Any, engine: sa.Engine) -> t.Iterator[sa.Connection]:
    """Connect to a database, beside the session of the request.

    Only an SQLite database in memory has no second connection: giving it back would
    roll back what the session has begun.
    """
    if isinstance(engine.pool, sa.StaticPool | sa.SingletonThreadPool):
        yield db.session.connection(bind_arguments={"bind": engine})
    else:
        with engine.connect() as connection:
            yield connection
