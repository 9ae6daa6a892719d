"""The columns that the triggers of a sync read and write, as their SQL tells.

It is read from the catalogue, where the triggers of any revision are, whoever ran it.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

_TEXT = {
    "postgresql": r"'(?:[^']|'')*'",
    "mysql": r"'(?:[^'\\]|''|\\.)*'",
    "sqlite": r"'(?:[^']|'')*'",
}
_NAME = r'"(?:[^"]|"")*"|`(?:[^`]|``)*`|[^\W\d][\w$]*'


@dataclasses.dataclass(frozen=True, slots=True)
class Reach:
    """What triggers are about; the names of the columns are :func:`folded`.

    :param read: the columns that they compute from, or look at.
    :param written: the columns that they set.
    """

    read: frozenset[str]
    written: frozenset[str]


def of(kind: str, table: str, statements: t.Iterable[str]) -> Reach:
    """Tell which columns triggers are about.

    :param kind: the family of the dialect.
    :param statements: as they were created; of PostgreSQL the functions.
    """
    read: set[str] = set()
    written: set[str] = set()
    for sql in statements:
        tokens = _tokens(kind, sql)
        for before, name, behind in _of_the_row(tokens):
            is_set = behind == ":=" or before.upper() == "SET"
            (written if is_set else read).add(folded(kind, name))
        if kind == "sqlite":
            written |= {folded(kind, name) for name in _updated(tokens, table)}
    return Reach(frozenset(read), frozenset(written))


def folded(kind: str, name: str) -> str:
    """Return a name as it is compared: two of the three find it in any case."""
    return name if kind == "postgresql" else name.lower()


def clash(own: Reach, other: Reach) -> str:
    """Say why two syncs of one table cannot be there at once; "" if they can.

    A trigger does not see what another one sets: on SQLite never, on PostgreSQL if its
    name comes first. So a chain of them leaves the end of it behind.

    :param own: of the sync that is to be created.
    """
    for columns, why in (
        (own.written & other.written, "both set column {}"),
        (own.written & other.read, "this one sets column {}, and that one goes by it"),
        (own.read & other.written, "that one sets column {}, and this one goes by it"),
    ):
        if columns:
            return why.format(min(columns))
    return ""


def _tokens(kind: str, sql: str) -> list[str]:
    """Cut SQL into names without their quotes, signs, and an empty text for a text."""
    found = []
    for match in re.finditer(
        rf"{_TEXT[kind]}|(?P<name>{_NAME})|(?P<sign>:=|\S)", sql, re.DOTALL
    ):
        name = match["name"]
        if name and name[0] in '"`':
            name = name[1:-1].replace(name[0] * 2, name[0])
        found.append(name or match["sign"] or "")
    return found


def _of_the_row(tokens: t.Sequence[str]) -> t.Iterator[tuple[str, str, str]]:
    """Find each ``NEW.name``, with what stands before and behind it."""
    for place, token in enumerate(tokens[:-3]):
        if token.upper() == "NEW" and tokens[place + 1] == ".":
            yield tokens[place - 1], tokens[place + 2], tokens[place + 3]


def _updated(tokens: t.Sequence[str], table: str) -> t.Iterator[str]:
    """Find the columns that an UPDATE of the table sets."""
    depth, base = 0, None
    for place, token in enumerate(tokens):
        depth += (token == "(") - (token == ")")
        if [one.upper() for one in tokens[place : place + 3 : 2]] == ["UPDATE", "SET"]:
            base = depth if tokens[place + 1].lower() == table.lower() else None
        elif depth == base:
            if token == "=":
                yield tokens[place - 1]
            elif token.upper() == "WHERE":
                base = None
