"""A small bug tracker, whose migrations are the textbook data migrations."""

from __future__ import annotations

import typing as t

from flask import Flask

from . import commands
from . import settings
from . import views
from .database import db
from .database import enforce_foreign_keys
from .database import migrate


def create_app(config: t.Mapping[str, t.Any] | None = None) -> Flask:
    """Build the app.

    The database is SQLite in the instance folder, or the one ``DATABASE_URL``
    names. Any key may be set from the environment with the prefix ``FLASK_``,
    and *config* has the last word.

    :param config: keys that override everything else; the tests use it.
    :raises ConfigError: for a database URL that cannot be read.
    """
    app = Flask(__name__)
    settings.load(app.config, config or {})

    db.init_app(app)
    migrate.init_app(app, db)
    with app.app_context():
        enforce_foreign_keys(db.engine)

    views.init_app(app)
    commands.init_app(app)
    return app
