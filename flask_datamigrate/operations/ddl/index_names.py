"""Other names for the indexes and the unique constraints of a table."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.operations import Operations

from ...dialects import family
from ...quoting import full_name
from ...quoting import quoted
from . import index_catalog
from . import sqlite_text
from .create_table import tokens
from .operation import Step
from .site import Site


def steps(
    site: Site, table: str, later: str, schema: str | None, pairs: t.Mapping[str, str]
) -> list[Step]:
    """Return what is left to do of the new names, by the names that are there.

    :param table: the name of the table as it is.
    :param later: its name when the steps are taken.
    :param pairs: the new names by the old ones.
    """
    left = {}
    for old, new in pairs.items():
        found = index_catalog.find(site, old, table, schema)
        if found is not None and found.table == table:
            left[old] = new
    if site.family != "sqlite":
        return [*renamed(site.dialect, later, schema, left)]
    made = [_in_place(site, old, new, later, schema) for old, new in left.items()]
    named = _named(sqlite_text.read(site.connection, table, schema), pairs)
    if named is not None:
        made.append(_rewritten(site, later, schema, pairs))
    return made


def renamed(
    dialect: sa.Dialect, table: str, schema: str | None, pairs: t.Mapping[str, str]
) -> list[str]:
    """Spell the new names on PostgreSQL, MariaDB and MySQL."""
    if family(dialect) == "postgresql":
        # A constraint goes by the name of its index.
        return [
            f"ALTER INDEX {full_name(dialect, old, schema)} "
            f"RENAME TO {quoted(dialect, new)}"
            for old, new in pairs.items()
        ]
    return [
        f"ALTER TABLE {full_name(dialect, table, schema)} "
        f"RENAME INDEX {quoted(dialect, old)} TO {quoted(dialect, new)}"
        for old, new in pairs.items()
    ]


def _in_place(site: Site, old: str, new: str, table: str, schema: str | None) -> Step:
    """Make an index of SQLite again by another name, and then drop it."""

    def make(_: Operations) -> None:
        found = index_catalog.find(site, old, table, schema)
        assert found is not None
        text = found.definition
        words = tokens(text, "sqlite")
        place = next(n for n, token in enumerate(words) if token.is_word("INDEX"))
        name = words[place + 1]
        rest = text[name.end :]
        kind = text[: name.start]
        full = full_name(site.dialect, new, schema)
        site.run(f"{kind} IF NOT EXISTS {full}{rest}")
        site.run(f"DROP INDEX {full_name(site.dialect, old, schema)}")

    return make


def _rewritten(
    site: Site, table: str, schema: str | None, pairs: t.Mapping[str, str]
) -> Step:
    def write(_: Operations) -> None:
        text = _named(sqlite_text.read(site.connection, table, schema), pairs)
        assert text is not None
        sqlite_text.write(site.connection, table, schema, text)

    return write


def _named(sql: str, pairs: t.Mapping[str, str]) -> str | None:
    """Return a CREATE TABLE with other names of constraints; ``None`` without any."""
    words = tokens(sql, "sqlite")
    changed = False
    for word, name in reversed(list(zip(words, words[1:], strict=False))):
        if word.is_word("CONSTRAINT") and name.name in pairs:
            new = '"' + pairs[name.name].replace('"', '""') + '"'
            sql = sql[: name.start] + new + sql[name.end :]
            changed = True
    return sql if changed else None
