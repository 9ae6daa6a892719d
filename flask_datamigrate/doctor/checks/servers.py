"""The server, or SQLite's library: is it new enough?"""

from __future__ import annotations

import typing as t

from ...dialects import is_mariadb
from ..check import Check
from ..findings import Finding
from ..subjects import Patient

OLDEST = {
    # NOT NULL from a valid CHECK; INSERT … RETURNING; CHECK that is enforced; DROP
    # COLUMN and RETURNING.
    "postgresql": (12,),
    "mariadb": (10, 5),
    "mysql": (8, 0, 16),
    "sqlite": (3, 35),
}
"""The oldest release of each that the package is written for."""

_NAMES = {
    "postgresql": "PostgreSQL",
    "mariadb": "MariaDB",
    "mysql": "MySQL",
    "sqlite": "SQLite",
}


def look(patient: Patient) -> t.Iterator[Finding]:
    dialect = patient.connection.dialect
    kind = "mariadb" if is_mariadb(dialect) else patient.family
    version = tuple(getattr(dialect, "server_version_info", None) or ())
    text = f"{_NAMES[kind]} {_dotted(version)}"
    if version < OLDEST[kind]:
        yield Finding(
            "warning",
            f"{text} is older than {_dotted(OLDEST[kind])}, the oldest that the "
            "operations are written for",
            f"Take a newer {_NAMES[kind]}",
        )
    elif kind == "mysql":
        yield Finding("note", f"{text}; tests run on MariaDB, and not on MySQL")
    else:
        yield Finding("ok", text)


def _dotted(version: tuple[t.Any, ...]) -> str:
    return ".".join(str(part) for part in version if isinstance(part, int))


CHECK = Check("server", "", look)
