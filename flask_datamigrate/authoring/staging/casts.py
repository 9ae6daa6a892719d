"""The value of a column as one of another type, spelled for a revision.

What the other type cannot hold becomes NULL there, and never an error: it stands in
triggers, and code that writes the column must not fail for what the other side is.
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ...frozen.families import family
from ..spelling import spelled

_Type = sa.types.TypeEngine[t.Any]

_BITS = {
    "BIGINT": 63,
    "INTEGER": 31,
    "MEDIUMINT": 23,
    "SMALLINT": 15,
    "TINYINT": 7,
    "big_integer": 63,
    "integer": 31,
    "small_integer": 15,
}
"""By ``__visit_name__``: the bits of a number beside its sign."""


def cast(of: str, source: _Type, target: _Type) -> str | None:
    """Spell a column's value as another type; ``None`` where that is not clear.

    :param of: the code of the column.
    :param source: its type.
    """
    return _CASTS.get((_kind(source), _kind(target)), _unknown)(of, source, target)


def _kind(type_: _Type) -> str | None:
    """Name the family of a type, and for numbers which they are."""
    name = family(type_)
    if name == "number" and not isinstance(type_, sa.types.TypeDecorator):
        if isinstance(type_, sa.Integer):
            return "integer" if type_.__visit_name__ in _BITS else None
        return "float" if isinstance(type_, sa.Float) else "numeric"
    if name == "temporal":
        return "date" if isinstance(type_, sa.Date) else None
    return name


def _case(condition: str, value: str) -> str:
    """Spell a value under a condition, with a line for each."""
    return (
        f"sa.case(\n        (\n            {condition},\n            {value},\n"
        "        )\n    )"
    )


def _unknown(of: str, source: _Type, target: _Type) -> None:
    return None


def _as_it_is(of: str, source: _Type, target: _Type) -> str:
    return of


def _within(of: str, type_: _Type) -> str:
    """Spell the condition that a whole number is one of a type."""
    bits = _BITS[type_.__visit_name__]
    low, high = -(2**bits), 2**bits - 1
    if getattr(type_, "unsigned", False):
        low, high = 0, 2 ** (bits + 1) - 1
    return f"{of}.between({low}, {high})"


def _text_to_text(of: str, source: t.Any, target: t.Any) -> str:
    if target.length is None or (source.length or target.length + 1) <= target.length:
        return of
    return _case(f"sa.func.substr({of}, 1, {target.length}) == {of}", of)


def _text_to_integer(of: str, source: _Type, target: _Type) -> str:
    value = f"sn.cast_int({of})"
    if _BITS[target.__visit_name__] == 63 and not getattr(target, "unsigned", False):
        return value
    return _case(_within(value, target), value)


def _text_to_date(of: str, source: _Type, target: _Type) -> str:
    return f"sn.cast_date({of})"


def _text_to_json(of: str, source: _Type, target: _Type) -> str:
    # Before 16, PostgreSQL cannot tell a text that is no JSON but by an error.
    return (
        f"sn.branch(\n        postgresql=sa.cast({of}, {spelled(target).code}),\n"
        f"        default=sa.case((sa.func.json_valid({of}) == 1, {of})),\n    )"
    )


def _in_letters(longest: t.Callable[[t.Any], int]) -> t.Callable[..., str | None]:
    """Return what spells a value as a text of so many characters at most."""

    def spell(of: str, source: t.Any, target: t.Any) -> str | None:
        value = f"sa.cast({of}, sa.Text)"
        if target.length is None or longest(source) <= target.length:
            return value
        return _case(f"sa.func.length({value}) <= {target.length}", value)

    return spell


def _to_integer(of: str, source: t.Any, target: _Type) -> str:
    fits = _within(of, target)
    if isinstance(source, sa.Integer):
        wider = _BITS[source.__visit_name__] <= _BITS[target.__visit_name__]
        signed = not any(getattr(one, "unsigned", False) for one in (source, target))
        return of if wider and signed else _case(fits, of)
    return _case(f"sa.and_({fits}, sa.func.round({of}) == {of})", of)


def _to_numeric(of: str, source: t.Any, target: t.Any) -> str:
    if target.precision is None:
        return of
    scale = target.scale or 0
    digits = target.precision - scale
    conditions = []
    whole = isinstance(source, sa.Integer)
    most = 2 ** _BITS[source.__visit_name__] if whole else None
    if not whole and source.precision is not None:
        most = 10 ** (source.precision - (source.scale or 0))
    if most is None or most > 10**digits:
        conditions.append(f"sa.func.abs({of}) < {10**digits}")
    if not whole and (source.scale is None or source.scale > scale):
        conditions.append(f"sa.func.round({of}, {scale}) == {of}")
    if not conditions:
        return of
    condition = conditions[0]
    if len(conditions) > 1:
        condition = f"sa.and_({', '.join(conditions)})"
    return _case(condition, of)


def _boolean_to_integer(of: str, source: _Type, target: _Type) -> str:
    return f"sa.cast({of}, sa.Integer)"


def _integer_to_boolean(of: str, source: _Type, target: _Type) -> str:
    return f"sa.case(({of} == 1, sa.true()), ({of} == 0, sa.false()))"


_CASTS: dict[tuple[str | None, str | None], t.Callable[..., str | None]] = {
    ("text", "text"): _text_to_text,
    ("text", "integer"): _text_to_integer,
    ("text", "date"): _text_to_date,
    ("text", "json"): _text_to_json,
    ("integer", "text"): _in_letters(lambda _: 20),
    ("date", "text"): _in_letters(lambda _: 10),
    ("json", "text"): _in_letters(lambda _: 2**63),
    ("numeric", "text"): _in_letters(lambda source: (source.precision or 2**63) + 2),
    ("integer", "integer"): _to_integer,
    ("numeric", "integer"): _to_integer,
    ("float", "integer"): _to_integer,
    ("integer", "numeric"): _to_numeric,
    ("numeric", "numeric"): _to_numeric,
    ("integer", "float"): _as_it_is,
    ("numeric", "float"): _as_it_is,
    ("float", "float"): _as_it_is,
    ("boolean", "integer"): _boolean_to_integer,
    ("integer", "boolean"): _integer_to_boolean,
}
"""By the kinds of both types. What is missing is not clear: a text for a time or a
truth has many forms, and a time for a day loses a part that the way back needs."""
