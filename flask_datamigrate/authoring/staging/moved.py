"""A text column that becomes a table of its own, to which its place refers."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite

from ..body import MARK
from ..freeze import Frozen
from ..freeze import from_columns
from ..naming import attribute
from ..naming import quoted
from .plan import Fill

_MISSING: dict[str, tuple[sa.Dialect, tuple[str, ...]]] = {
    "postgresql": (
        postgresql.dialect(),  # type: ignore[no-untyped-call]
        (
            "INSERT INTO {table} ({text}) SELECT NEW.{old} ",
            "WHERE NEW.{old} IS NOT NULL ON CONFLICT DO NOTHING",
        ),
    ),
    # No INSERT is allowed if the statement that sets the trigger off reads the table.
    "mysql": (
        mysql.dialect(),
        (
            "IF NEW.{old} IS NOT NULL AND NOT EXISTS ",
            "(SELECT 1 FROM {table} WHERE {text} = NEW.{old}) ",
            "THEN INSERT INTO {table} ({text}) VALUES (NEW.{old}) ",
            "ON DUPLICATE KEY UPDATE {text} = {text}; END IF",
        ),
    ),
    # An OR IGNORE would become the OR REPLACE of the statement that sets it off.
    "sqlite": (
        sqlite.dialect(),
        (
            "INSERT INTO {table} ({text}) SELECT NEW.{old} ",
            "WHERE NEW.{old} IS NOT NULL AND NOT EXISTS ",
            "(SELECT 1 FROM {table} WHERE {text} = NEW.{old})",
        ),
    ),
}
"""By database: what quotes names, and the statement in lines."""


class Moved:
    """What the revisions say of it.

    :param fill: with its target.
    :param table: the variable of the frozen table that has the text.
    :param suffix: what tells its variables from those of another table.
    """

    missing: str
    """The variable of the statement that adds a text that old code writes."""

    def __init__(self, fill: Fill, table: str, suffix: str) -> None:
        target = fill.target
        assert target is not None
        schema, name = target.table
        self.frozen: Frozen = from_columns(name, schema, [target.key, target.text])
        (self._new,), (self._old,) = fill.new, fill.old
        self._target = target
        self._table = table
        self._name = self.frozen.tables[0].variable
        self._text, self.missing = f"text{suffix}", f"missing{suffix}"

    def directions(self, forward: str, backward: str) -> str:
        """Spell the values of the new column by the old one, and the other way round.

        :param forward: the variable of the one, and so for the other.
        """
        key, text = self._column(self._target.key), self._column(self._target.text)
        missing = "".join(f"    {name}={sql},\n" for name, sql in self._missing())
        return (
            f"{self._text} = {self._of(self._old)}  {MARK}, and in "
            f"`{self.missing}`, if several texts mean one\n"
            f"{self.missing} = sn.branch(\n{missing})\n"
            f"{forward} = {{\n    {quoted(str(self._new.name))}: sa.select({key})\n"
            f"    .where({text} == {self._text})\n    .scalar_subquery(),\n}}\n"
            f"{backward} = {{\n    {quoted(str(self._old.name))}: sa.select({text})\n"
            f"    .where({key} == {self._of(self._new)})\n"
            "    .scalar_subquery(),\n}\n"
        )

    def differs(self, backward: str) -> str:
        """Spell that the text is another one than that of the row referred to.

        The row is found by the collation of the texts, to which ``typo`` may be
        ``Typo``; this is not.

        :param backward: the variable of the values of the old column.
        """
        there = f"{backward}[{quoted(str(self._old.name))}]"
        return f"sn.differs({self._text}, {there})"

    def _missing(self) -> t.Iterator[tuple[str, str]]:
        """Spell the statement that adds a text that old code writes, by database."""
        schema, table = self._target.table
        for name, (dialect, lines) in _MISSING.items():
            quote = dialect.identifier_preparer.quote
            names = {
                "table": ".".join(quote(part) for part in (schema, table) if part),
                "text": quote(str(self._target.text.name)),
                "old": quote(str(self._old.name)),
            }
            yield name, "\n    ".join(quoted(line.format(**names)) for line in lines)

    @property
    def backfills(self) -> dict[str, str]:
        """The definition of the backfill that makes the rows to refer to, by name."""
        name = f"fill_{self._name}"
        text = quoted(str(self._target.text.name))
        return {
            name: (
                f"{name} = Backfill(\n    sn.insert_missing(\n"
                f"        {self._name},\n"
                f"        from_select=([{text}], sa.select({self._text}).where("
                f"{self._of(self._old)}.is_not(None))),\n"
                f"        key=[{text}],\n    ),\n    over={self._table},\n)\n"
            )
        }

    def _of(self, column: sa.Column[t.Any]) -> str:
        return f"{self._table}.c{attribute(str(column.name))}"

    def _column(self, column: sa.Column[t.Any]) -> str:
        return f"{self._name}.c{attribute(str(column.name))}"
