"""The named constraints in the text of a table of SQLite.

SQLite itself forgets their names, and the inspector of SQLAlchemy reads them by
patterns that miss some: a name with a quote in it, and in early releases of 2.0 each
that is quoted; a foreign key that names no columns of the other table, and one that
is part of a column.

The grammar: https://www.sqlite.org/syntax/foreign-key-clause.html
"""

from __future__ import annotations

import dataclasses
import typing as t

from . import create_table
from .create_table import Token

_ACTIONS = (
    ("SET", "NULL"),
    ("SET", "DEFAULT"),
    ("CASCADE",),
    ("RESTRICT",),
    ("NO", "ACTION"),
)
# What may follow the other table's columns, in any order; "" is a name.
_RULES: tuple[tuple[str, ...], ...] = (
    *(("ON", "DELETE", *action) for action in _ACTIONS),
    *(("ON", "UPDATE", *action) for action in _ACTIONS),
    ("MATCH", ""),
    ("NOT", "DEFERRABLE"),
    ("DEFERRABLE",),
    ("INITIALLY", "DEFERRED"),
    ("INITIALLY", "IMMEDIATE"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A constraint in the text of CREATE TABLE.

    :param name: its name; ``None`` when it has none.
    :param start: where it begins, with its name.
    :param clause: where it goes on behind its name.
    :param end: where it ends.
    :param comma: where the comma in front of it stands; ``None`` if that has to stay.
    """

    name: str | None
    start: int
    clause: int
    end: int
    comma: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class ForeignKey(Part):
    """A foreign key, and the columns of the table that it is on."""

    columns: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Check(Part):
    """A CHECK with a name, and its condition."""

    condition: str


def names(sql: str) -> set[str]:
    """Return the names of all constraints in a CREATE TABLE."""
    return {
        _name(item[at + 1])
        for item in create_table.items(create_table.tokens(sql, "sqlite"))
        for at, token in enumerate(item[:-1])
        if token.is_word("CONSTRAINT")
    }


def check(sql: str, name: str) -> Check | None:
    """Return the CHECK of a name in a CREATE TABLE."""
    for item, comma in _items(sql):
        for at, token in enumerate(item[:-3]):
            named, of, opened = item[at + 1 : at + 4]
            if token.is_word("CONSTRAINT") and of.is_word("CHECK"):
                if _name(named) == name:
                    end = _closed(item, at + 3)
                    return Check(
                        name,
                        token.start,
                        of.start,
                        item[end].end,
                        comma if _is_alone(item, at, end) else None,
                        sql[opened.end : item[end].start],
                    )
    return None


def foreign_keys(sql: str) -> list[ForeignKey]:
    """Return the foreign keys in a CREATE TABLE."""
    return list(_foreign_keys(sql))


def without(sql: str, part: Part) -> str:
    """Return a CREATE TABLE without one of its constraints."""
    start = part.start if part.comma is None else part.comma
    return sql[:start] + sql[part.end :]


def with_names(sql: str, keys: t.Iterable[ForeignKey]) -> str:
    """Return a CREATE TABLE whose foreign keys have the names they had.

    A rebuild writes each as the inspector described it: without its name, or with the
    quotes in it doubled.

    :param sql: the text after the rebuild.
    :param keys: those whose names the inspector does not know, before the rebuild.
    """
    for lost in keys:
        if lost.name is None or lost.name in names(sql):
            continue
        quoted = lost.name.replace('"', '""')
        for key in foreign_keys(sql):
            if key.columns == lost.columns and key.name in (None, quoted):
                named = f'CONSTRAINT "{quoted}" '
                sql = f"{sql[: key.start]}{named}{sql[key.clause :]}"
                break
    return sql


def _foreign_keys(sql: str) -> t.Iterator[ForeignKey]:
    for item, comma in _items(sql):
        depth = 0
        for at, token in enumerate(item):
            depth += (token.text == "(") - (token.text == ")")
            if depth or not token.is_word("REFERENCES"):
                continue
            first, columns = _begin(item, at)
            named = first >= 2 and item[first - 2].is_word("CONSTRAINT")
            start = first - 2 if named else first
            end = _end(item, at)
            yield ForeignKey(
                _name(item[first - 1]) if named else None,
                item[start].start,
                item[first].start,
                item[end].end,
                comma if _is_alone(item, start, end) else None,
                columns,
            )


def _items(sql: str) -> t.Iterator[tuple[list[Token], int | None]]:
    """Return what stands between commas, and where the comma in front of it is."""
    comma: int | None = None
    for item in create_table.items(create_table.tokens(sql, "sqlite")):
        yield item, comma
        comma = _comma_behind(sql, item)


def _is_alone(item: list[Token], start: int, end: int) -> bool:
    # SQLite takes several constraints behind one comma.
    return start == 0 and end == len(item) - 1


def _begin(item: list[Token], references: int) -> tuple[int, tuple[str, ...]]:
    """Return where a foreign key begins behind its name, and the columns it is on."""
    closed = references - 1
    if item[closed].text != ")":
        return references, (_name(item[0]),)
    opened = max(i for i in range(closed) if item[i].text == "(")
    if opened < 2 or not item[opened - 2].is_word("FOREIGN"):
        # The type of a column, as in VARCHAR(20) REFERENCES …
        return references, (_name(item[0]),)
    columns = tuple(_name(c) for c in item[opened + 1 : closed] if c.text != ",")
    return opened - 2, columns


def _end(item: list[Token], references: int) -> int:
    """Return the last token of a foreign key."""
    at = references + 1
    if at + 1 < len(item) and item[at + 1].text == "(":
        at = _closed(item, at + 1)
    while rule := _rule(item[at + 1 :]):
        at += rule
    return at


def _rule(rest: list[Token]) -> int:
    """Return how many tokens the rule is long that comes next; 0 if none does."""
    for words in _RULES:
        if len(rest) >= len(words) and all(
            not word or token.is_word(word)
            for word, token in zip(words, rest, strict=False)
        ):
            return len(words)
    return 0


def _closed(item: list[Token], opened: int) -> int:
    depth = 0
    for at in range(opened, len(item)):
        depth += (item[at].text == "(") - (item[at].text == ")")
        if depth == 0:
            return at
    raise LookupError(")")


def _comma_behind(sql: str, item: list[Token]) -> int | None:
    rest = create_table.tokens(sql[item[-1].end :], "sqlite")
    return item[-1].end + rest[0].start if rest and rest[0].text == "," else None


def _name(token: Token) -> str:
    # SQLite takes a text for a name, too.
    return token.name or token.text[1:-1].replace("''", "'")
