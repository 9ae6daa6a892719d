"""The list of values that a CHECK allows a column, found in what the server says.

``sa.Enum(native_enum=False, create_constraint=True)`` makes ``CHECK (status IN
('new', 'done'))``. MySQL, MariaDB and SQLite show it in the text of CREATE TABLE;
PostgreSQL shows it as ``= ANY (ARRAY[…])``.
"""

from __future__ import annotations

import dataclasses
import re

from . import create_table
from .create_table import Token

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "b": "\b", "Z": "\x1a"}


@dataclasses.dataclass(frozen=True, slots=True)
class ValueList:
    """A CHECK that is a list of a column's values, in the text of CREATE TABLE.

    :param values: what it allows.
    :param start: where the part behind the column's name begins.
    :param end: where that part ends.
    :param item: the definition of the column or constraint it is part of.
    :param offset: where that begins.
    :param constraint: the constraint's name; ``None`` when it has none, or is part
        of a column.
    :param of_table: whether it stands by itself and not in a column's definition.
    """

    values: tuple[str, ...]
    start: int
    end: int
    item: str
    offset: int
    constraint: str | None
    of_table: bool


def in_table(sql: str, column: str, family: str) -> list[ValueList]:
    """Return the lists of a column's values in the text of a CREATE TABLE.

    :param family: ``mysql`` or ``sqlite``.
    """
    found = []
    for item in create_table.items(create_table.tokens(sql, family)):
        for at, token in enumerate(item):
            if token.is_word("CHECK"):
                listed = _listed(item[at + 1 :], column, family)
                if listed is not None:
                    start, end, values = listed
                    found.append(
                        ValueList(
                            values,
                            start,
                            end,
                            sql[item[0].start : item[-1].end],
                            item[0].start,
                            item[1].name if item[0].is_word("CONSTRAINT") else None,
                            item[0].is_word("CONSTRAINT", "CHECK"),
                        )
                    )
    return found


def in_definition(definition: str, column: str) -> tuple[str, ...] | None:
    """Return the values that a CHECK of PostgreSQL lists, if that is all it does.

    :param definition: what ``pg_get_constraintdef`` returns.
    """
    tokens = _bare(
        create_table.tokens(definition.removesuffix(" NOT VALID"), "postgresql")
    )
    if len(tokens) < 4 or not tokens[0].is_word("CHECK") or tokens[1].name != column:
        return None
    rest = tokens[2:]
    shape = [token.text for token in rest if token.kind != "text"]
    values = tuple(
        unquoted(token.text, "postgresql") for token in rest if token.kind == "text"
    )
    several = ["=", "ANY", "ARRAY", *[","] * (len(values) - 1)]
    return values if values and shape in (["="], several) else None


def enumerated(definition: str) -> tuple[int, int, tuple[str, ...]]:
    """Find the values of ENUM in a column's definition of MySQL or MariaDB.

    :returns: where they begin and end, and each as it is written.
    """
    tokens = create_table.tokens(definition, "mysql")
    at = next(i for i, token in enumerate(tokens) if token.is_word("ENUM"))
    end = next(i for i in range(at, len(tokens)) if tokens[i].text == ")")
    texts = tuple(token.text for token in tokens[at:end] if token.kind == "text")
    return tokens[at + 1].end, tokens[end].start, texts


def unquoted(text: str, family: str) -> str:
    """Read a string of SQL."""
    value = text[1:-1].replace("''", "'")
    if family == "mysql":
        value = re.sub(
            r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), value, flags=re.DOTALL
        )
    return value


def column(sql: str, name: str) -> str:
    """Return the definition of a column in the text of a CREATE TABLE of SQLite."""
    start, end = _column(sql, name)
    return sql[start:end]


def with_column(sql: str, name: str, definition: str) -> str:
    """Return a CREATE TABLE of SQLite where a column has another definition."""
    start, end = _column(sql, name)
    return sql[:start] + definition + sql[end:]


def _column(sql: str, name: str) -> tuple[int, int]:
    for item in create_table.items(create_table.tokens(sql, "sqlite")):
        if item[0].name.lower() == name.lower():
            return item[0].start, item[-1].end
    raise LookupError(name)


def expressions(sql: str, column: str, family: str) -> list[str]:
    """Return the CHECKs and generated columns in a CREATE TABLE that use a column."""
    return [
        sql[item[0].start : item[-1].end]
        for item in create_table.items(create_table.tokens(sql, family))
        if any(token.is_word("CHECK", "AS") for token in item)
        and any(token.name.lower() == column.lower() for token in item)
    ]


def resized(sql: str, column: str, length: int, family: str) -> str:
    """Return a CREATE TABLE, or a column of one, where a VARCHAR is so long."""
    tokens = create_table.tokens(sql, family)
    for at in range(len(tokens) - 4):
        name, type_, opened, number, closed = tokens[at : at + 5]
        if (
            name.name.lower() == column.lower()
            and type_.is_word("VARCHAR")
            and (opened.text, closed.text) == ("(", ")")
            and number.text.isdigit()
        ):
            return f"{sql[: number.start]}{length}{sql[number.end :]}"
    return sql


def literal(sql: str, family: str) -> str | None:
    """Return the text an expression begins with; ``None`` when it is no text."""
    tokens = _bare(create_table.tokens(sql, family))
    first = tokens[0] if tokens else None
    return unquoted(first.text, family) if first and first.kind == "text" else None


def quoted(value: str, family: str) -> str:
    """Write a value as a string of SQL."""
    if family == "mysql":
        value = value.replace("\\", "\\\\")
    return "'" + value.replace("'", "''") + "'"


def _bare(tokens: list[Token]) -> list[Token]:
    """Drop casts, parentheses and brackets, which PostgreSQL adds as it likes."""
    kept: list[Token] = []
    cast = False
    for token in tokens:
        if token.text in ("(", ")", "[", "]") or (cast and token.kind == "name"):
            continue
        cast = token.text == ":"
        if not cast:
            kept.append(token)
    return kept


def _listed(
    tokens: list[Token], column: str, family: str
) -> tuple[int, int, tuple[str, ...]] | None:
    """Read ``(column IN ('a', 'b'))``, which MariaDB makes ``= 'a'`` for one value."""
    at = 0
    while at < len(tokens) and tokens[at].text == "(":
        at += 1
    opened = at
    if not opened or at >= len(tokens) or tokens[at].name.lower() != column.lower():
        return None
    start = tokens[at].end
    at += 1
    depth = opened
    texts: list[Token] = []
    shape: list[str] = []
    end = start
    for token in tokens[at:]:
        depth -= token.text == ")"
        if depth < opened and token.text == ")":
            break
        end = token.end
        if token.kind == "text":
            texts.append(token)
        elif not token.text.startswith("_"):
            shape.append(token.text.upper())
        depth += token.text == "("
    values = tuple(unquoted(token.text, family) for token in texts)
    several = ["IN", "(", *[","] * (len(values) - 1), ")"]
    if not values or shape not in (["="], several):
        return None
    return start, end, values
