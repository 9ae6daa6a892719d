"""Where the app's configuration comes from, and how a database URL is read."""

from __future__ import annotations

import os
import typing as t

import sqlalchemy as sa
from flask import Config

from flask_datamigrate.errors import ConfigError

DEFAULT_DATABASE = "sqlite:///bugs.db"

STAGES: t.Mapping[str, str] = {"bug_root_cause": "contract"}
"""The stage of each staged change that this code is at: it has gone all the way.

``FLASK_DATAMIGRATE_STAGES__bug_root_cause=expand`` has a process live as it did before.
"""

DRIVERS: t.Mapping[str, str] = {
    "postgres": "postgresql+psycopg2",
    "postgresql": "postgresql+psycopg2",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
"""The driver a URL without one gets: what a hosting service hands out has none."""


def load(config: Config, overrides: t.Mapping[str, t.Any]) -> None:
    """Fill an app's config: defaults, ``DATABASE_URL``, ``FLASK_*``, overrides."""
    config["SQLALCHEMY_DATABASE_URI"] = (
        os.environ.get("DATABASE_URL") or DEFAULT_DATABASE
    )
    config["DATAMIGRATE_STAGES"] = dict(STAGES)
    config.from_prefixed_env()
    config.from_mapping(overrides)
    config["SQLALCHEMY_DATABASE_URI"] = database_url(config["SQLALCHEMY_DATABASE_URI"])


def database_url(url: str) -> str:
    """Name the driver in a database URL that names none.

    >>> database_url("postgres://app@db/bugs")
    'postgresql+psycopg2://app@db/bugs'
    >>> database_url("postgresql+psycopg://app@db/bugs")
    'postgresql+psycopg://app@db/bugs'

    :raises ConfigError: for text that is no database URL. The message leaves the
        text out, since it may hold a password.
    """
    scheme, separator, rest = url.strip().partition("://")
    named = f"{DRIVERS.get(scheme, scheme)}{separator}{rest}"
    try:
        sa.make_url(named).get_dialect()
    except (sa.exc.ArgumentError, ImportError, ValueError):
        raise ConfigError(
            "The database URL cannot be read",
            where="DATABASE_URL",
            state="No database was touched",
            next="Write it as postgresql://USER:PASSWORD@HOST/NAME, "
            "mysql://USER:PASSWORD@HOST/NAME or sqlite:///PATH",
        ) from None
    return named
