"""Which SQL a database speaks: MariaDB is a kind of MySQL, whatever its URL says."""

from __future__ import annotations

import sqlalchemy as sa

NAMES = ("postgresql", "mysql", "mariadb", "sqlite")


def family(dialect: sa.Dialect) -> str:
    """Return ``postgresql``, ``mysql`` or ``sqlite``, whichever SQL is spoken."""
    return "mysql" if dialect.name == "mariadb" else dialect.name


def is_mariadb(dialect: sa.Dialect) -> bool:
    """Tell MariaDB from MySQL; behind ``mysql://`` that shows when it is connected."""
    return dialect.name == "mariadb" or bool(getattr(dialect, "is_mariadb", False))


def names(dialect: sa.Dialect) -> list[str]:
    """Return what to look a dialect up under in a table of SQL, the nearest first."""
    return ["mariadb", "mysql"] if is_mariadb(dialect) else [dialect.name]


_BINARY = {
    "postgresql": '"C"',
    "mysql": "utf8mb4_0900_bin",
    "mariadb": "utf8mb4_nopad_bin",
    "sqlite": "BINARY",
}


def binary(dialect: sa.Dialect) -> str:
    """Return the collation that compares texts by code points, trailing spaces too.

    A column's own may take a, A and á for one letter, and "a " for "a" (MySQL).
    """
    return _BINARY[names(dialect)[0]]
