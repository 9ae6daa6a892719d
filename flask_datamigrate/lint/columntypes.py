"""Which changes of a column's type leave the rows as they are."""

from __future__ import annotations

import ast
import re
import typing as t

from .reach import Frame
from .source import literal

_TEXTS = {"String", "VARCHAR", "Unicode", "AutoString"}
_LONG = {"Text", "UnicodeText", "TEXT"}
# The names of one type in SQL and in SQLAlchemy.
_SAME = {
    "int": "integer",
    "bigint": "biginteger",
    "smallint": "smallinteger",
    "bool": "boolean",
}
_DECIMALS = {"Numeric", "NUMERIC", "DECIMAL", "Decimal"}


def only_widens(
    old: ast.expr | None, new: ast.expr | None, dialects: t.Collection[str] = ()
) -> bool:
    """Tell whether a change is one in the catalog alone.

    :param old: the type as the script writes it; ``None`` when it does not.
    :param dialects: the databases of the project: MySQL and MariaDB copy the table
        for a decimal with more digits, and for a VARCHAR that becomes a TEXT.
    """
    if old is None or new is None:
        return False
    if ast.dump(old) == ast.dump(new):
        return True
    before, after = name(old), name(new)
    if {before, after} <= _DECIMALS:
        return "mysql" not in dialects and _has_room(_numbers(old), _numbers(new))
    if before not in _TEXTS | _LONG:
        return _is_same(old, new, dialects)
    if after in _LONG:
        return before in _LONG or "mysql" not in dialects
    if after not in _TEXTS:
        return False
    shorter, longer = _length(old), _length(new)
    if longer is None:
        return True
    return before in _TEXTS and shorter is not None and longer >= shorter


def may_be_text(
    old: ast.expr | None, new: ast.expr | None, frame: Frame, *, cast: bool
) -> bool:
    """Tell whether a text column gets a type of a library that is a text as well.

    PostgreSQL casts a text to nothing else unless it is told how.

    :param frame: where the names of the new type stand.
    :param cast: whether the script says how, with ``postgresql_using``.
    """
    if cast or old is None or new is None or name(old) not in _TEXTS | _LONG:
        return False
    target = new.func if isinstance(new, ast.Call) else new
    return not frame.origin(target).startswith("sqlalchemy.")


def name(node: ast.expr) -> str:
    """Return the name of a type without its module."""
    target = node.func if isinstance(node, ast.Call) else node
    return re.split(r"\W", ast.unparse(target))[-1]


def is_enum(node: ast.expr | None) -> bool:
    """Tell whether a type is an enum."""
    return node is not None and name(node).lower() == "enum"


def _is_same(old: ast.expr, new: ast.expr, dialects: t.Collection[str]) -> bool:
    """Tell whether two ways to write a type, which is no text, mean the same one."""
    if is_enum(new) or _length(old) or _length(new):
        return False
    names = {_SAME.get(name(node).lower(), name(node).lower()) for node in (old, new)}
    if "mysql" not in dialects and names == {"timestamp", "datetime"}:
        names.remove("timestamp")
    if len(names) > 1 or "" in names:
        return False
    return _written(old) == _written(new)


def _written(node: ast.expr) -> tuple[list[str], bool]:
    """Return what distinguishes types of one name: of what, and with a time zone."""
    if not isinstance(node, ast.Call):
        return [], False
    zone = [item.value for item in node.keywords if item.arg == "timezone"]
    return [ast.unparse(item) for item in node.args], any(map(literal, zone))


def _length(node: ast.expr) -> int | None:
    if not isinstance(node, ast.Call):
        return None
    given = node.args[:1] or [i.value for i in node.keywords if i.arg == "length"]
    value = literal(given[0]) if given else None
    return value if isinstance(value, int) else None


def _numbers(node: ast.expr) -> tuple[int | None, int | None]:
    """Return the precision and the scale of a decimal."""
    given: dict[str, ast.expr] = {}
    if isinstance(node, ast.Call):
        given = dict(zip(("precision", "scale"), node.args, strict=False))
        given |= {item.arg: item.value for item in node.keywords if item.arg}
    return literal(given.get("precision")), literal(given.get("scale"))


def _has_room(
    old: tuple[int | None, int | None], new: tuple[int | None, int | None]
) -> bool:
    if new[0] is None:
        return True
    return old[0] is not None and new[0] >= old[0] and (new[1] or 0) == (old[1] or 0)
