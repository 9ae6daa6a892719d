"""The blank in a new revision: an expression that is still to be written."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from ..errors import DefinitionError

__all__ = ["fill_in"]


class FillIn(sa.Executable, sa.ColumnElement[t.Any]):
    """An expression, or a statement, that says it is missing when it is used."""

    inherit_cache = False
    type = sa.types.NULLTYPE

    def __init__(self, what: str) -> None:
        self.what = what


def fill_in(what: str, row: t.Any = None) -> FillIn:
    """Hold the place of an expression that ``flask db data new`` cannot know.

    A revision that still has its blank imports and lints as any other. Running it
    stops before anything is changed.

    :param what: what is missing, in the words of the error.
    :param row: the row of a transform, where Python and not a statement would use
        the value.
    :raises DefinitionError: at once with a row, otherwise when a statement with the
        blank is compiled for a database.
    """
    if row is not None:
        raise _missing(what)
    return FillIn(what)


@compiles(FillIn)
def _refuse(element: FillIn, compiler: t.Any, **options: t.Any) -> str:
    # Without a database a statement is only looked at: str(), get_final_froms().
    if compiler.dialect.name == "default":
        return "fill_in"
    raise _missing(element.what)


def _missing(what: str) -> DefinitionError:
    return DefinitionError(
        f"the revision is not filled in: {what} is missing",
        state="Nothing was changed",
        next="Write it in the place of `frozen.fill_in(...)`, marked `# <- fill in`",
    )
