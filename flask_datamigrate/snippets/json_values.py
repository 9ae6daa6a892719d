"""What a snippet takes as JSON: a document, or a value to put into one."""

from __future__ import annotations

import json
import typing as t

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from ..frozen.families import family
from .arguments import refuse
from .construct import expression
from .json_paths import storable
from .moments import plain

JSON: t.Final = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
"""The type of what a snippet returns: PostgreSQL compares and indexes only jsonb."""

# A number of SQLite as JSON. Left alone, it writes 15 digits, which may be another one.
_DIGITS: t.Final = (
    "printf(CASE WHEN CAST(printf('%!.15g', {v}) AS REAL) = {v} THEN '%!.15g' "
    "ELSE '%!.17g' END, {v})"
)

# How an expression of a kind becomes JSON. "constant" is JSON text made in Python,
# "stored" a document that is a column.
AS_JSON: t.Final[dict[str, dict[str, str]]] = {
    "postgresql": {
        "constant": "CAST({v} AS JSONB)",
        "document": "CAST({v} AS JSONB)",
        "stored": "CAST({v} AS JSONB)",
        "text": "to_jsonb(CAST({v} AS TEXT))",
        "number": "to_jsonb({v})",
        "integer": "to_jsonb({v})",
        "boolean": "to_jsonb({v})",
    },
    "mysql": {
        "constant": "JSON_EXTRACT({v}, '$')",
        "document": "JSON_EXTRACT({v}, '$')",
        "stored": "JSON_EXTRACT({v}, '$')",
        # MariaDB would take a text with a CHECK (json_valid(...)) for a document.
        "text": "CONCAT({v})",
        "number": "{v}",
        "integer": "{v}",
        "boolean": "JSON_EXTRACT(CASE WHEN {v} THEN 'true' WHEN NOT {v} THEN 'false' "
        "ELSE 'null' END, '$')",
    },
    "sqlite": {
        "constant": "json({v})",
        "document": "json({v})",
        # A column of type JSON keeps a number that is all of it as one of SQLite.
        "stored": f"json(CASE typeof({{v}}) WHEN 'real' THEN {_DIGITS} ELSE {{v}} END)",
        # What comes out of a document remembers it; a new text does not.
        "text": "({v} || '')",
        "number": f"json(CASE WHEN {{v}} IS NULL THEN 'null' ELSE {_DIGITS} END)",
        "integer": "{v}",
        "boolean": "json(CASE WHEN {v} THEN 'true' WHEN NOT {v} THEN 'false' "
        "ELSE 'null' END)",
    },
}


def document(value: t.Any, snippet: str) -> t.Any:
    """Return a document as an expression.

    :raises DefinitionError: for what is neither JSON nor text.
    """
    if isinstance(value, (dict, list)):
        return _constant(value, snippet)
    found = expression(value)
    if family(found.type) not in ("json", "text"):
        refuse(
            snippet,
            f"it works on JSON, or text that holds JSON, and is given {found.type!r}",
            "Declare the column as sa.JSON, or say that an expression is: "
            "sa.type_coerce(..., sa.JSON)",
        )
    return found


def value(given: t.Any, snippet: str) -> tuple[t.Any, str]:
    """Return a value as an expression, and its kind in :data:`AS_JSON`.

    :param given: what JSON has as Python has it, or an expression.
    :raises DefinitionError: for what JSON does not have.
    """
    if not (
        isinstance(given, sa.ClauseElement) or hasattr(given, "__clause_element__")
    ):
        return _constant(given, snippet), "constant"
    found = expression(given)
    type_ = plain(found.type)
    kinds = {"json": "document", "text": "text", "enum": "text", "boolean": "boolean"}
    kind = kinds.get(family(type_) or "")
    if kind == "document" and isinstance(found, sa.ColumnClause):
        kind = "stored"
    elif isinstance(type_, sa.Integer):
        kind = "integer"
    elif isinstance(type_, (sa.Numeric, sa.Float)):
        kind = "number"
    if kind is None:
        refuse(
            snippet,
            f"JSON has no {found.type!r}",
            "Convert it to text or a number, or say what it is: sa.type_coerce(...)",
        )
    return found, kind


def as_json(name: str, kind: str, place: str) -> str:
    """Return SQL that makes JSON of an argument.

    :param name: the column of :data:`AS_JSON`.
    :param place: the argument's name in the template.
    """
    made = AS_JSON[name][kind].replace("{v}", f"{{{place}}}")
    if name == "postgresql" and kind != "constant":
        # Its functions give NULL for NULL, for the whole document.
        return f"COALESCE({made}, CAST('null' AS JSONB))"
    return made


def _constant(given: t.Any, snippet: str) -> t.Any:
    try:
        text = json.dumps(given, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        refuse(
            snippet,
            f"the value cannot be JSON: {error}",
            "JSON has text, int, float, bool, None, lists and dictionaries of them",
        )
    if not storable(text) or "\\u0000" in text.replace("\\\\", ""):
        refuse(
            snippet,
            "no database has such a text in JSON",
            "Leave U+0000 and single surrogates out",
        )
    return sa.literal(text, sa.Text())
