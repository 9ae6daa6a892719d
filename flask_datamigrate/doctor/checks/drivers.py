"""The drivers, and URLs that leave it to SQLAlchemy which one that is."""

from __future__ import annotations

import typing as t

from ..check import Check
from ..findings import Finding
from ..findings import Level
from ..subjects import Installation

_TESTED = ("psycopg", "psycopg2", "pymysql", "pysqlite")

_BARE: dict[str, tuple[Level, str]] = {
    "postgresql": (
        "warning",
        "which is psycopg2 with SQLAlchemy 2.0 and psycopg with 2.1",
    ),
    "mysql": ("note", "which is the driver mysqlclient"),
    "mariadb": ("note", "which is the driver mysqlclient"),
}


def look(installation: Installation) -> t.Iterator[Finding]:
    used = []
    for bind, engine in installation.engines.items():
        scheme, driver = engine.url.drivername, engine.dialect.driver
        used.append(f"{engine.url.get_backend_name()}+{driver}")
        if scheme in _BARE:
            level, why = _BARE[scheme]
            yield Finding(
                level,
                f"the URL begins with {scheme}://, {why}",
                f"Name the driver in the URL: {scheme}+{driver}://…",
                bind=bind,
            )
        if driver not in _TESTED:
            yield Finding(
                "note",
                f"the driver {driver} is not among those that are tested "
                f"({', '.join(_TESTED)})",
                bind=bind,
            )
    yield Finding("ok", ", ".join(dict.fromkeys(used)))


CHECK = Check("drivers", "", look)
