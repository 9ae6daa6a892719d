"""``sn.string_agg``: the texts of many rows in one."""

from __future__ import annotations

import functools
import operator
import typing as t

import sqlalchemy as sa
from sqlalchemy.sql import operators

from ..frozen.families import family
from .arguments import as_ordered
from .arguments import as_text
from .arguments import refuse
from .construct import Construct
from .sqlite_functions import PythonAggregate


def uncut(group_concat: str) -> str:
    """Return a ``GROUP_CONCAT`` that is an error where it would not be complete.

    MySQL cuts off what is longer than its settings allow, with a warning that nobody
    reads. An overflow is an error in every statement, and its message has the
    expression, and with it the name of the setting. It has to depend on the rows:
    what is constant is computed, and raised, before any row is read.
    """
    length = f"OCTET_LENGTH({group_concat})"
    return (
        f"CASE WHEN {length} > LEAST(@@group_concat_max_len, @@max_allowed_packet) - 4 "
        f"THEN (@@group_concat_max_len + {length}) * 18446744073709551615 "
        f"ELSE {group_concat} END"
    )


class Joined:
    """The aggregate on SQLite.

    A row is the value, the separator, whether a text is taken once, and each key to
    order by with whether that is descending.
    """

    def __init__(self) -> None:
        self._rows: list[tuple[t.Any, ...]] = []
        self._separator = ""
        self._once = False
        self._descending: tuple[int, ...] = ()

    def step(self, value: str | None, separator: str, once: int, *order: t.Any) -> None:
        self._separator = separator
        self._once = bool(once)
        self._descending = order[1::2]
        if value is not None:
            self._rows.append((value, *order[::2]))

    def finalize(self) -> str | None:
        if not self._rows:
            return None
        rows = list(set(self._rows)) if self._once else self._rows
        rows.sort(key=operator.itemgetter(0))
        # Sorting keeps the order of equal ones, also in reverse: the first key last.
        for i, descending in reversed([*enumerate(self._descending, 1)]):
            rows.sort(key=functools.partial(_rank, i), reverse=bool(descending))
            rows.sort(key=functools.partial(_is_null, i))
        return self._separator.join(row[0] for row in rows)


def _rank(i: int, row: t.Sequence[t.Any]) -> tuple[int, t.Any]:
    """Put values of several types in SQLite's order of them."""
    value = row[i]
    if value is None:
        return 0, 0
    kinds = (int | float, str, bytes)
    return next(n for n, kind in enumerate(kinds, 1) if isinstance(value, kind)), value


def _is_null(i: int, row: t.Sequence[t.Any]) -> bool:
    return row[i] is None


def _postgresql(agg: StringAgg, dialect: sa.Dialect) -> str:
    value = "CAST({value} AS TEXT) COLLATE {binary}"
    order = [
        f"{place} COLLATE {{binary}}{sign}" if is_text else f"{place}{sign}"
        for place, sign, is_text in agg.order()
    ]
    keys = ", ".join([*(f"{key} NULLS LAST" for key in order), value])
    once = "DISTINCT " if agg.options["distinct"] else ""
    return f"string_agg({once}{value}, {{separator}} ORDER BY {keys})"


def _mysql(agg: StringAgg, dialect: sa.Dialect) -> str:
    exactly = "CONVERT({} USING utf8mb4) COLLATE {{binary}}"
    keys = []
    for place, sign, is_text in agg.order():
        key = exactly.format(place) if is_text else place
        keys += [f"{place} IS NULL", f"{key}{sign}"]
    value = exactly.format("{value}")
    keys.append(value)
    once = "DISTINCT " if agg.options["distinct"] else ""
    return uncut(
        f"GROUP_CONCAT({once}{value} ORDER BY {', '.join(keys)} "
        "SEPARATOR {separator})"
    )


def _sqlite(agg: StringAgg, dialect: sa.Dialect) -> PythonAggregate:
    keys = [f"{place}, {int(bool(sign))}" for place, sign, _ in agg.order()]
    once = str(int(bool(agg.options["distinct"])))
    return PythonAggregate(Joined, "CAST({value} AS TEXT)", "{separator}", once, *keys)


class StringAgg(Construct):
    name = "string_agg"
    sql = {
        "postgresql": _postgresql,
        "mysql": _mysql,
        # Its own group_concat has an order since 3.44 only.
        "sqlite": _sqlite,
    }

    def order(self) -> t.Iterator[tuple[str, str, bool]]:
        """Return the place, the direction and whether it is text, of each key."""
        signs = t.cast("tuple[str, ...]", self.options["signs"])
        for i, sign in enumerate(signs):
            is_text = family(self.arguments[f"order_{i}"].type) == "text"
            yield f"{{order_{i}}}", sign, is_text


def string_agg(
    value: t.Any, separator: str, *, order_by: t.Any = (), distinct: bool = False
) -> Construct:
    """Return the texts of all rows of a group, with a separator between them.

    ::

        sa.select(
            tags.c.bug_id, sn.string_agg(tags.c.name, ", ", order_by=tags.c.id)
        ).group_by(tags.c.bug_id)

    NULLs are left out; NULL when nothing is left, ``""`` counts as a text. The order is
    that of ``order_by``, NULLs last in both directions, then that of the texts by code
    points, so that it is the same on every database. The result is a ``sa.Text``.

    MySQL and MariaDB cut a result at ``group_concat_max_len`` bytes (1,024 and a
    million unless set). Here that is an error, whose message names the setting.
    On SQLite it is computed in Python on the connection, which a ``--sql`` script and a
    trigger cannot do.

    :param value: an expression.
    :param separator: a str.
    :param order_by: an expression or a list of them, with ``.desc()`` where wanted.
    :param distinct: whether to take equal texts once. Texts with another case or
        accent, or a space more, are not equal. It excludes ``order_by``.
    :raises DefinitionError: for a separator that is no str, an order that
        cannot be the same everywhere, and ``distinct`` with ``order_by``.
    """
    where = StringAgg.name
    if not isinstance(separator, str):
        refuse(
            where,
            f"the separator is {separator!r}",
            "Give it a str: MySQL takes no expression there",
        )
    items = list(order_by) if isinstance(order_by, list | tuple) else [order_by]
    if distinct and items:
        refuse(
            where,
            "distinct texts have one place each, and order_by may give one several",
            "Leave one of the two out: distinct texts are in their own order",
        )
    keys = [_key(item) for item in items]
    arguments = {f"order_{i}": key for i, (key, _) in enumerate(keys)}
    return StringAgg(
        {"value": as_text(value, where), **arguments},
        {
            "separator": separator,
            "distinct": distinct,
            "signs": tuple(sign for _, sign in keys),
        },
        type_=sa.Text(),
    )


def _key(item: t.Any) -> tuple[t.Any, str]:
    sign = ""
    if isinstance(item, sa.UnaryExpression) and item.modifier is not None:
        if item.modifier not in (operators.asc_op, operators.desc_op):
            refuse(
                StringAgg.name,
                "order_by says where NULLs go, and they go last",
                "Leave nulls_first() and nulls_last() out",
            )
        sign = " DESC" if item.modifier is operators.desc_op else ""
        item = item.element
    return as_ordered(item, StringAgg.name), sign
