"""The Flask extension: Flask-Migrate's ``Migrate``, with data migrations."""

from __future__ import annotations

import importlib
import importlib.util
import pathlib
import typing as t

import flask_migrate

from . import settings
from .cli.startup import as_usage
from .errors import ConfigError

if t.TYPE_CHECKING:
    from flask import Flask

EXTENSION = "datamigrate"
"""The key under which an app's state is kept in ``app.extensions``."""

OWN_TABLES = "datamigrate_"
"""How the names of the tables this package keeps beside ``alembic_version`` begin."""

_DRIVERS = {
    # scheme: (module SQLAlchemy will import, the URL that names a driver, extra)
    "postgresql": ("psycopg", "psycopg2", "postgresql+psycopg2://", "postgresql"),
    "mysql": ("MySQLdb", "pymysql", "mysql+pymysql://", "mysql"),
    "mariadb": ("MySQLdb", "pymysql", "mariadb+pymysql://", "mysql"),
}


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

    def init_app(self, app: Flask, *args: t.Any, **kwargs: t.Any) -> None:
        """Register the extension and its commands with an app.

        :param app: the app. Its ``DATAMIGRATE_*`` keys are checked here.
        :raises ConfigError: for a wrong key or value, or a database URL whose
            driver is not installed.
        """
        try:
            settings.read(app.config)
            _check_drivers(app)
        except ConfigError as error:
            raise as_usage(error) from None
        super().init_app(app, *args, **kwargs)
        stock = app.extensions["migrate"]
        app.extensions["migrate"] = _MigrateConfig(
            self, stock.db, dict(stock.configure_args)
        )
        app.extensions[EXTENSION] = self

        from .cli.group import attach

        attach(app, self.command)

    def get_config(self, *args: t.Any, **kwargs: t.Any) -> flask_migrate.Config:
        """Return the Alembic config of a call, as Flask-Migrate builds it.

        The CLI and the programmatic calls both pass here, so this is where the
        ``op.`` directives are made sure of.
        """
        importlib.import_module(".operations.plugin", __package__)
        return super().get_config(*args, **kwargs)


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
        args = dict(self._configure_args)
        hook = _free_hook(pathlib.Path(self.directory, "env.py"))
        if hook is not None:
            args[hook] = _without_own_tables(hook, args.get(hook))
        return args

    @configure_args.setter
    def configure_args(self, value: dict[str, t.Any]) -> None:
        # Flask-Migrate's constructor assigns its keyword arguments; ours are kept.
        pass


def _free_hook(env_py: pathlib.Path) -> str | None:
    """Name the autogenerate filter that an app's ``env.py`` does not pass itself.

    An ``env.py`` that was edited to pass ``include_name=`` to ``configure()``
    beside ``**conf_args`` would fail on a second one.
    """
    try:
        source = env_py.read_text(encoding="utf-8", errors="replace")
    except OSError:
        source = ""
    for hook in ("include_name", "include_object"):
        if f"{hook}=" not in source.replace(" ", ""):
            return hook
    return None


def _without_own_tables(
    hook: str, user: t.Callable[..., bool] | None
) -> t.Callable[..., bool]:
    """Wrap an ``include_name`` or ``include_object`` to pass over our tables."""

    def include_name(name: str | None, type_: str, parents: t.Any) -> bool:
        if type_ == "table" and name is not None and name.startswith(OWN_TABLES):
            return False
        return True if user is None else user(name, type_, parents)

    def include_object(
        item: t.Any, name: str | None, type_: str, reflected: bool, against: t.Any
    ) -> bool:
        if type_ == "table" and name is not None and name.startswith(OWN_TABLES):
            return False
        return True if user is None else user(item, name, type_, reflected, against)

    return include_name if hook == "include_name" else include_object


def _check_drivers(app: Flask) -> None:
    urls = {"SQLALCHEMY_DATABASE_URI": app.config.get("SQLALCHEMY_DATABASE_URI")}
    for key, bind in (app.config.get("SQLALCHEMY_BINDS") or {}).items():
        urls[f"SQLALCHEMY_BINDS[{key!r}]"] = bind
    for name, url in urls.items():
        if isinstance(url, dict):
            url = url.get("url")
        scheme = str(url or "").partition(":")[0]
        if scheme in _DRIVERS:
            _check_bare_scheme(name, scheme)


def _check_bare_scheme(name: str, scheme: str) -> None:
    """Refuse a URL without a driver's name when its default driver is missing.

    SQLAlchemy 2.1 reads ``postgresql://`` as psycopg 3, 2.0 as psycopg2.
    """
    import sqlalchemy as sa

    dialect = sa.make_url(f"{scheme}://").get_dialect()
    wanted = {"psycopg2": "psycopg2", "psycopg": "psycopg", "mysqldb": "MySQLdb"}
    module = wanted.get(dialect.driver)
    if module is None or importlib.util.find_spec(module) is not None:
        return
    _, ours, url, extra = _DRIVERS[scheme]
    raise ConfigError(
        f"{name} begins with {scheme}://, which this version of SQLAlchemy reads "
        f"as the driver {module}, and {module} is not installed",
        where="app.config",
        next=f"Write {url}… and install {ours} "
        f"(pip install 'Flask-DataMigrate[{extra}]'), or install {module}",
    )
