"""``sn.cast_int``: the whole number that a text is, if it is one."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from .arguments import as_text
from .construct import Construct
from .construct import Option

# No more digits are cast than a number of 20 places holds, so that nothing overflows;
# and nothing but digits, since the strict mode of MySQL makes junk an error in UPDATE.
_OPTIONS: dict[str, Option] = {
    "posix": r"^[+-]?0*[0-9]{1,19}$",
    "pcre": r"\A[+-]?0*[0-9]{1,19}\z",
    "lowest": -(2**63),
    "highest": 2**63 - 1,
}

_POSTGRESQL = "substring(btrim(CAST({text} AS TEXT)) FROM {posix})"
_MYSQL = "NULLIF(REGEXP_SUBSTR(TRIM(CONVERT({text} USING utf8mb4)), {pcre}), '')"


class CastInt(Construct):
    name = "cast_int"
    sql = {
        "postgresql": f"CASE WHEN CAST({_POSTGRESQL} AS NUMERIC) BETWEEN {{lowest}} "
        f"AND {{highest}} THEN CAST({_POSTGRESQL} AS BIGINT) END",
        "mysql": f"CASE WHEN CAST({_MYSQL} AS DECIMAL(20)) BETWEEN {{lowest}} "
        f"AND {{highest}} THEN CAST({_MYSQL} AS SIGNED) END",
        # SQLite takes the digits at the start, and the nearest number there is: both
        # show when the result is compared with the text.
        "sqlite": "CASE WHEN trim({text}) GLOB '*[0-9]' "
        "AND trim({text}) NOT GLOB '?*[^0-9]*' "
        "AND ltrim(trim({text}), '+-0') = "
        "ltrim(CAST(CAST(trim({text}) AS INTEGER) AS TEXT), '-0') "
        "THEN CAST(trim({text}) AS INTEGER) END",
    }


def cast_int(text: t.Any) -> Construct:
    """Return the whole number that a text is; NULL for any other text.

    ::

        sn.cast_int(orders.c.quantity_as_typed)

    A number is one digit of ASCII or more, with ``+`` or ``-`` in front if there is a
    sign, and spaces (U+0020) around it. ``"1.5"``, ``"1e3"``, ``"1_000"``, ``"0x1F"``,
    ``"١٢"``, ``"5\\n"`` and ``""`` are none, and neither is one below -2**63 or above
    2**63 - 1. NULL where the text is NULL. The result is a ``sa.BigInteger``.

    :param text: an expression.
    :raises DefinitionError: for what is no text: numbers are converted by ``sa.cast``.
    """
    return CastInt(
        {"text": as_text(text, CastInt.name)}, _OPTIONS, type_=sa.BigInteger()
    )
