"""Python names for tables and columns."""

from __future__ import annotations

import keyword
import re
import typing as t

import sqlalchemy as sa

from ..errors import AuthoringError

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


# What Alembic reads as another thing than the id of a revision.
_SYMBOLS = ("base", "current", "head", "heads")
# alembic_version.version_num is a VARCHAR(32).
_LONGEST_ID = 32
# datamigrate_changes.name is a VARCHAR(150).
_LONGEST_CHANGE = 150


def check_revision_id(rev_id: str) -> None:
    """Refuse the id of a revision that no command could name afterwards.

    :raises AuthoringError: for an empty or a long one, a word that means something
        else to Alembic, and characters that do.
    """
    if not rev_id:
        what = "it is empty"
    elif rev_id in _SYMBOLS:
        what = f"{rev_id!r} means something else to every command"
    elif not re.fullmatch(r"[\w.]+", rev_id):
        what = f"{rev_id!r} has more than letters, digits, underscores and dots"
    elif len(rev_id) > _LONGEST_ID:
        what = (
            f"{rev_id!r} has {len(rev_id)} characters, and alembic_version has room "
            f"for {_LONGEST_ID}"
        )
    else:
        return
    raise AuthoringError(
        what,
        where="--rev-id",
        state="Nothing was written",
        next="Choose another, or leave it out to get one made up",
    )


def check_change(name: str) -> None:
    """Refuse the name of a change that no config or file could hold.

    :raises AuthoringError: for an empty or a long one, and for quotes and the like.
    """
    if not name.strip():
        what = "the name of the change is empty"
    elif not name.isprintable() or name != name.strip() or set(name) & set("\"'\\"):
        what = f"{name!r} has a quote, a backslash, or space around it"
    elif len(name) > _LONGEST_CHANGE:
        what = f"{name!r} has {len(name)} characters, and there is room for "
        what += str(_LONGEST_CHANGE)
    else:
        return
    raise AuthoringError(
        what,
        where="the change",
        state="Nothing was written",
        next="Name it as what it does, such as split_full_name",
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
