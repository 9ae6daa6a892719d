"""The Flask extension: Flask-Migrate's ``Migrate``, with data migrations."""

from __future__ import annotations

import importlib
import typing as t

import flask_migrate

from . import drivers
from . import settings
from .cli.startup import as_usage
from .errors import ConfigError
from .operations import log
from .stages import plain

if t.TYPE_CHECKING:
    from flask import Flask

    from .stages.handle import ChangeInCode

EXTENSION = "datamigrate"
"""The key under which an app's state is kept in ``app.extensions``."""

drivers.watch()


class DataMigrate(flask_migrate.Migrate):  # type: ignore[misc]
    """Add ``flask db`` with schema and data migrations to an app.

    Takes what ``flask_migrate.Migrate`` takes, and keeps all it does: the same
    ``migrations/`` folder, the same ``env.py``, the same commands.

    ::

        db = SQLAlchemy()
        migrate = DataMigrate()

        def create_app():
            app = Flask(__name__)
            app.config.from_prefixed_env()
            db.init_app(app)
            migrate.init_app(app, db)
            return app
    """

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        # The changes that code has asked for: Flask-Migrate's calls init_app().
        self.asked: set[str] = set()
        super().__init__(*args, **kwargs)

    def init_app(self, app: Flask, *args: t.Any, **kwargs: t.Any) -> None:
        """Register the extension and its commands with an app.

        :param app: the app. Its ``DATAMIGRATE_*`` keys are checked here.
        :raises ConfigError: for a wrong key or value.
        """
        try:
            values = settings.read(app.config)
        except ConfigError as error:
            raise as_usage(error) from None
        super().init_app(app, *args, **kwargs)
        if values.stages:
            from .stages import spelling

            try:
                spelling.check(values.stages, app.extensions["migrate"].directory)
            except ConfigError as error:
                raise as_usage(error) from None
        stock = app.extensions["migrate"]
        app.extensions["migrate"] = _MigrateConfig(
            self, stock.db, dict(stock.configure_args)
        )
        app.extensions[EXTENSION] = self

        from .cli.group import attach

        attach(app, self.command)
        if values.check != "off":
            from .stages import first_request

            first_request.install(app, values)
        if values.heartbeat is not None:
            from .stages import heartbeat

            heartbeat.install(app, values)

    def change(self, name: str) -> ChangeInCode:
        """Return a staged change, for code that has to live with several stages.

        It may be called at import time, and for several apps: what it says is of the
        current app, and asked when it is needed.

        :param name: the name that the revisions give the change.
        """
        from .stages.handle import ChangeInCode

        self.asked.add(name)
        return ChangeInCode(name)

    def get_config(self, *args: t.Any, **kwargs: t.Any) -> flask_migrate.Config:
        """Return the Alembic config of a call, as Flask-Migrate builds it.

        The CLI and the programmatic calls both pass here, so this is where the
        ``op.`` directives are made sure of, and that autogenerate knows us.
        """
        importlib.import_module(".operations.plugin", __package__)
        importlib.import_module(".operations.autogenerate", __package__)
        importlib.import_module(".operations.ddl.rendering", __package__)
        return super().get_config(*args, **kwargs)


Migrate = DataMigrate
"""The name in Flask-Migrate, so that an app need only change its import line."""


class _MigrateConfig(flask_migrate._MigrateConfig):  # type: ignore[misc]
    """What ``env.py`` finds in ``app.extensions["migrate"]``.

    Flask-Migrate's ``env.py`` writes a closure over the config of the first call
    into ``configure_args``; kept, it makes a later ``migrate()`` in the same
    process write an empty revision. Each reader gets a dict of its own.
    """

    def __init__(
        self, migrate: DataMigrate, db: t.Any, configure_args: dict[str, t.Any]
    ) -> None:
        self._configure_args = configure_args
        super().__init__(migrate, db)

    @property
    def configure_args(self) -> dict[str, t.Any]:
        # Asked for after env.py has configured logging and before it migrates.
        log.unmute()
        plain.guard()
        return dict(self._configure_args)

    @configure_args.setter
    def configure_args(self, value: dict[str, t.Any]) -> None:
        # Flask-Migrate's constructor assigns its keyword arguments; ours are kept.
        pass
