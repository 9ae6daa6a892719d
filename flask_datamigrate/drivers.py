"""Database drivers that are not installed: what to install, or to write instead.

SQLAlchemy 2.1 reads ``postgresql://`` as psycopg 3 where 2.0 read it as psycopg2,
and ``mysql://`` is mysqlclient in both. The engine is made by ``db.init_app()``,
mostly before this extension sees the app, so the word is put in where SQLAlchemy
looks a dialect up; and only where the driver is missing, so that nothing is touched
in an installation that works.
"""

from __future__ import annotations

import importlib
import importlib.util
import typing as t

from sqlalchemy import __version__ as sqlalchemy_version
from sqlalchemy.dialects import registry

from .cli.startup import StartupError

_NEW_DEFAULT = not sqlalchemy_version.startswith("2.0.")

_SCHEMES = {
    # scheme: (the module it is read as, the URL to write, its driver, our extra)
    "postgresql": (
        "psycopg" if _NEW_DEFAULT else "psycopg2",
        "postgresql+psycopg2://",
        "psycopg2",
        "postgresql",
    ),
    "mysql": ("MySQLdb", "mysql+pymysql://", "PyMySQL", "mysql"),
}

_GONE = "postgres"
"""A scheme that hosting platforms still hand out; SQLAlchemy 1.4 took it out."""


def watch() -> None:
    """Have SQLAlchemy look here for the dialects whose default driver is missing."""
    for scheme, (module, *_) in _SCHEMES.items():
        if importlib.util.find_spec(module) is None:
            registry.register(scheme, __name__, scheme)
    registry.register(_GONE, __name__, _GONE)


def __getattr__(name: str) -> t.Any:
    """Return SQLAlchemy's dialect of a scheme, which says that its driver is missing.

    Without a connection (to compile SQL, to describe a type) it is as the original.
    """
    if name == _GONE:
        raise StartupError(
            "a database URL begins with postgres://, which SQLAlchemy does not know",
            where="app.config",
            next="Write postgresql+psycopg2://… or postgresql+psycopg://…, whichever "
            "driver is installed; where the URL is given, as on Heroku: "
            'url.replace("postgres://", "postgresql+psycopg2://", 1)',
        )
    if name not in _SCHEMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    dialect = importlib.import_module(f"sqlalchemy.dialects.{name}").dialect

    def import_dbapi(cls: type) -> t.Any:
        try:
            # It may have come meanwhile, as by pymysql.install_as_MySQLdb().
            return dialect.import_dbapi()
        except ModuleNotFoundError:
            _refuse(name)

    members = {
        "supports_statement_cache": True,
        "import_dbapi": classmethod(import_dbapi),
    }
    return type(dialect.__name__, (dialect,), members)


def _refuse(scheme: str) -> t.NoReturn:
    module, url, ours, extra = _SCHEMES[scheme]
    raise StartupError(
        f"a database URL begins with {scheme}://, which SQLAlchemy "
        f"{sqlalchemy_version} reads as the driver {module}, and {module} is not "
        "installed",
        where="app.config",
        next=f"Write {url}… and install {ours} "
        f"(pip install 'Flask-DataMigrate[{extra}]'), or install {module}",
    )
