"""What a snippet accepts, checked where it is written and not where it runs."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ..errors import DefinitionError
from ..frozen.families import family
from .construct import Option
from .construct import expression


def as_text(value: t.Any, snippet: str) -> t.Any:
    """Return a value as an expression that is a text, or of a type not known.

    :raises DefinitionError: for one of another type, which each database would
        convert in its own way.
    """
    # A function is one too, but has a value.
    if isinstance(value, sa.FromClause) and not isinstance(value, sa.ColumnElement):
        refuse(snippet, f"it works on text, and is given {value!r}", "Name a column")
    found = expression(value)
    given = family(found.type)
    if given not in (None, "text", "enum"):
        raise DefinitionError(
            f"it works on text, and is given {found.type!r}",
            where=f"snippets.{snippet}",
            next="Write the conversion: sa.cast(..., sa.Text)",
        )
    return found


def refuse(snippet: str, what: str, next: str) -> t.NoReturn:
    """Say that a call of a snippet cannot be meant.

    :raises DefinitionError: always.
    """
    raise DefinitionError(what, where=f"snippets.{snippet}", next=next)


def separator_of(
    value: t.Any, snippet: str
) -> tuple[dict[str, t.Any], dict[str, Option]]:
    """Return a separator as an argument or as an option, whichever it is.

    One from the row that is empty becomes NULL: there is nothing to look for.

    :raises DefinitionError: for None and ``""``.
    """
    if value is None or value == "" and isinstance(value, str):
        refuse(
            snippet,
            f"the separator is {value!r}, and nothing is separated by that",
            "Give it one character or more",
        )
    if isinstance(value, str):
        if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value):
            refuse(
                snippet,
                f"the separator is {value!r}, and no database has that in a text",
                "Take out the NUL or the half of a surrogate pair",
            )
        return {}, {"separator": value}
    separator = as_text(value, snippet)
    found = sa.case((sa.func.length(separator) > 0, separator))
    return {"separator": found}, {}


_ORDERED = ("number", "text", "temporal", "boolean", "uuid", "binary")


def as_ordered(value: t.Any, snippet: str) -> t.Any:
    """Return a value as an expression whose values have one order everywhere.

    :raises DefinitionError: for one of another type. An enum is in the order of its
        declaration on some, of its letters on others.
    """
    found = expression(value)
    if family(found.type) not in _ORDERED:
        refuse(
            snippet,
            f"it compares values, and is given {found.type!r}, whose order is not "
            "known to be the same on every database",
            "Say what it is: sa.type_coerce(..., sa.Text), or convert it: sa.cast",
        )
    return found
