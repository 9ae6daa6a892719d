"""What may be typed into a form or sent as JSON, and what it becomes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import typing as t

MAX_ID = 2**31 - 1
"""The largest key an ``INTEGER`` column holds."""

Parse = t.Callable[[str], t.Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One value of a row that a client may set.

    :param parse: turns text into the value, or raises ``ValueError`` with what
        the value must be.
    :param input: the type of the HTML input, ``textarea`` or ``select``.
    :param default: what a new row gets when the field is not sent, as text.
    """

    name: str
    label: str
    parse: Parse
    input: str = "text"
    required: bool = False
    choices: tuple[str, ...] = ()
    default: str | None = None


def read(
    fields: t.Iterable[Field], source: t.Mapping[str, object], *, partial: bool
) -> tuple[dict[str, t.Any], dict[str, str]]:
    """Read values from a form or a JSON object.

    :param partial: whether a field that is not sent is left as it is.
    :return: the values by field, and the errors by field.
    """
    values: dict[str, t.Any] = {}
    errors: dict[str, str] = {}
    for field in fields:
        if partial and field.name not in source:
            continue
        try:
            values[field.name] = _value(field, source.get(field.name, field.default))
        except ValueError as error:
            errors[field.name] = str(error)
    return values, errors


def _value(field: Field, sent: object) -> t.Any:
    if sent is None or sent == "":
        if field.required:
            raise ValueError("is required")
        return None
    if isinstance(sent, bool):
        sent = "true" if sent else "false"
    if not isinstance(sent, str | int | float):
        raise ValueError("must be one value")
    return field.parse(str(sent))


def text(length: int) -> Parse:
    """Accept text of at most *length* characters."""

    def parse(value: str) -> str:
        if len(value) > length:
            raise ValueError(f"must have at most {length} characters")
        if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise ValueError("must be text that can be stored")
        return value

    return parse


def email(value: str) -> str:
    """Accept an e-mail address, as far as its form tells."""
    mailbox, _, domain = text(254)(value.strip()).rpartition("@")
    if not mailbox or not domain or any(c.isspace() for c in value.strip()):
        raise ValueError("must be an e-mail address")
    return value.strip()


def choice(*choices: str) -> Parse:
    """Accept one of some words."""

    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"must be one of: {', '.join(choices)}")
        return value

    return parse


def date(value: str) -> dt.date:
    """Accept a date in the form 2024-02-29."""
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        raise ValueError("must be a date such as 2024-02-29") from None


def amount(value: str) -> decimal.Decimal:
    """Accept an amount of money with at most two decimals."""
    try:
        number = decimal.Decimal(value)
        cents = number.quantize(decimal.Decimal("0.01"))
    except decimal.InvalidOperation:
        raise ValueError("must be an amount such as 12.50") from None
    if cents != number or not 0 <= cents < 10**8:
        raise ValueError("must be an amount such as 12.50, below 100 million")
    return abs(cents)


def whole(value: str) -> int:
    """Accept a whole number that a column can hold."""
    if not (value.isascii() and value.isdecimal() and len(value) <= 10):
        raise ValueError("must be a whole number")
    if int(value) > MAX_ID:
        raise ValueError(f"must be at most {MAX_ID}")
    return int(value)


def key(value: str) -> int:
    """Accept the key of a row."""
    number = whole(value)
    if number == 0:
        raise ValueError("must be the number of a row")
    return number
