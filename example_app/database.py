"""The database and the migrations, not yet bound to an app."""

from __future__ import annotations

import pathlib
import typing as t

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase

from flask_datamigrate import DataMigrate

MIGRATIONS = pathlib.Path(__file__).resolve().parent / "migrations"

BASELINE = "0001"
"""The schema as it was before the first data migration."""


class Base(DeclarativeBase):
    """The base of the models: every constraint and index has a name."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


SEARCH = "search"
"""The column of ``bugs`` that the database keeps for searching; no model has it."""


def _is_in_a_model(
    name: str | None, type_: str, parents: t.Mapping[str, str | None]
) -> bool:
    """Have autogenerate pass over what the search needs: revisions 0019 to 0021."""
    if type_ == "table":
        # On SQLite the index is some tables.
        return name is None or not name.startswith("bugs_search")
    return parents.get("table_name") != "bugs" or name not in (
        SEARCH,
        "ix_bugs_search",
    )


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
migrate = DataMigrate(directory=str(MIGRATIONS), include_name=_is_in_a_model)


def enforce_foreign_keys(engine: sa.Engine) -> None:
    """Make SQLite check foreign keys, as the other databases do by themselves."""
    if engine.dialect.name != "sqlite":
        return

    @sa.event.listens_for(engine, "connect")
    def turn_on(connection: t.Any, record: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
