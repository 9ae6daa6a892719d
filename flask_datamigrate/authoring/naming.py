"""Python names for tables and columns."""

from __future__ import annotations

import keyword
import re
import typing as t

import sqlalchemy as sa

# What a generated revision uses itself.
_TAKEN = frozenset(
    {
        "Backfill",
        "UndoError",
        "backfill",
        "branch_labels",
        "change",
        "depends_on",
        "down_revision",
        "downgrade",
        "engine_name",
        "frozen",
        "globals",
        "mysql",
        "op",
        "postgresql",
        "revision",
        "row",
        "sa",
        "sn",
        "sqlite",
        "stage",
        "transform",
        "upgrade",
    }
)


def variable(table_name: str, taken: t.Container[str] = ()) -> str:
    """Turn a table's name into the name of a Python variable.

    :param table_name: the table's name, whatever characters it has.
    :param taken: names that are not free.
    """
    name = re.sub(r"\W", "_", table_name)
    if not name.isidentifier():
        name = f"_{name}"
    while keyword.iskeyword(name) or name in _TAKEN or name in taken:
        name += "_"
    return name


def attribute(column_name: str) -> str:
    """Spell the access to a column behind ``table.c``: ``.name`` or ``["name"]``.

    :param column_name: the column's name.
    """
    if is_plain(column_name) and not hasattr(sa.ColumnCollection, column_name):
        return f".{column_name}"
    return f"[{quoted(column_name)}]"


def is_plain(name: str) -> bool:
    """Tell whether a name can stand in Python as it is."""
    return name.isidentifier() and not keyword.iskeyword(name)


def quoted(text: str) -> str:
    """Spell a text as a Python literal, in double quotes where that is possible."""
    if '"' in text:
        return repr(str(text))
    # An apostrophe in front makes repr() choose double quotes.
    return '"' + repr(f"'{text}")[2:]


def literal(value: t.Any) -> str:
    """Spell a text, a tuple of texts, or another plain value as Python does."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple):
        items = ", ".join(map(literal, value))
        return f"({items},)" if len(value) == 1 else f"({items})"
    return repr(value)
