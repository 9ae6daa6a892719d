"""``sn.cast_date``: the date that a text is, if it is one."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from .arguments import as_text
from .construct import Construct
from .construct import Option

_SHAPE = "(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_OPTIONS: dict[str, Option] = {
    # The outermost brackets are what PostgreSQL returns.
    "posix": f"^({_SHAPE})$",
    "pcre": rf"\A{_SHAPE}\z",
    "glob": "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]",
}

# The 31st of February is no date, but the first of February and thirty days is one, of
# another month: so nothing fails, and it shows. In an UPDATE the strict mode of MySQL
# makes an error of what is none.
_POSTGRESQL = "substring(btrim(CAST({text} AS TEXT)) FROM {posix})"
_DAY = (
    f"(CAST(substr({_POSTGRESQL}, 1, 8) || '01' AS DATE) "
    f"+ CAST(substr({_POSTGRESQL}, 9) AS INTEGER) - 1)"
)
_MYSQL = "NULLIF(REGEXP_SUBSTR(TRIM(CONVERT({text} USING utf8mb4)), {pcre}), '')"


class CastDate(Construct):
    name = "cast_date"
    sql = {
        "postgresql": f"CASE WHEN to_char({_DAY}, 'YYYY-MM-DD') = {_POSTGRESQL} "
        f"THEN {_DAY} END",
        "mysql": f"CASE WHEN CAST(RIGHT({_MYSQL}, 2) AS SIGNED) <= "
        f"DAY(LAST_DAY(CONCAT(LEFT({_MYSQL}, 8), '01'))) "
        f"THEN CAST({_MYSQL} AS DATE) END",
        # Without a step, date() would return a day that is none as it is.
        "sqlite": "CASE WHEN trim({text}) GLOB {glob} "
        "AND trim({text}) NOT GLOB '0000*' "
        "AND date(trim({text}), '+0 days') = trim({text}) THEN trim({text}) END",
    }


def cast_date(text: t.Any) -> Construct:
    """Return the date that a text is; NULL for any other text.

    ::

        sn.cast_date(users.c.born_as_typed)

    A date is ``YYYY-MM-DD``, four digits of ASCII and twice two, and there is such a
    day; spaces (U+0020) may be around it. ``"2023-02-29"``, ``"2024-2-9"``,
    ``"20240209"``, ``"2024-02-09 12:00"`` and ``""`` are none, and neither is one of
    the year 0000. NULL where the text is NULL. The result is a ``sa.Date``.

    :param text: an expression.
    :raises DefinitionError: for what is no text: times are converted by ``sn.date``.
    """
    return CastDate({"text": as_text(text, CastDate.name)}, _OPTIONS, type_=sa.Date())
