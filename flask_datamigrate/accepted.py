"""What the values of configuration keys may be."""

from __future__ import annotations

import difflib
import typing as t

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from .windows import Window

Stage = t.Literal["expand", "migrate", "contract"]

STAGES: tuple[Stage, ...] = t.get_args(Stage)
"""The stages of a staged change, in the order they are rolled out."""


def _number(value: t.Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


MOST_ROWS = 10_000_000
"""The most rows of one batch: already one of these holds its locks for minutes."""

MOST_SECONDS = 1_000_000
"""Eleven days. The databases keep some in milliseconds, as numbers of 32 bits."""


def positive(value: t.Any) -> bool:
    """Tell whether it is a number of seconds above 0."""
    return _number(value) and 0 < value <= MOST_SECONDS


def limit(value: t.Any) -> bool:
    """Tell whether it limits statements, or is ``None``.

    Less than a millisecond is 0 for the databases, which takes the limit away.
    """
    return value is None or (positive(value) and value >= 0.001)


def not_negative(value: t.Any) -> bool:
    """Tell whether it is a number of seconds, or none of them."""
    return _number(value) and 0 <= value <= MOST_SECONDS


def rows(value: t.Any) -> bool:
    """Tell whether it is a number of rows that one batch may have."""
    return count(value) and value <= MOST_ROWS


def count(value: t.Any) -> bool:
    """Tell whether it is a whole number of 1 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def stages(value: t.Any) -> bool:
    """Tell whether it gives each change a stage."""
    return isinstance(value, t.Mapping) and all(
        isinstance(name, str) and stage in STAGES for name, stage in value.items()
    )


def meant_stage(value: t.Any) -> str:
    """Say which stage is misspelt, and what it may be meant to be."""
    if not isinstance(value, t.Mapping):
        return ""
    for name, stage in value.items():
        meant = difflib.get_close_matches(str(stage), STAGES, n=1, cutoff=0.4)
        if stage not in STAGES and meant:
            return f'For {name}, did you mean "{meant[0]}"?'
    return ""


def window(value: t.Any) -> bool:
    """Tell whether it is a window of hours, or none."""
    try:
        return value is None or bool(Window.parse(value))
    except (AttributeError, TypeError, ValueError):
        return False


def urls(value: t.Any) -> bool:
    """Tell whether they are URLs of servers that replicate."""
    if not isinstance(value, list | tuple):
        return False
    try:
        return all(make_url(url).get_backend_name() in _REPLICATING for url in value)
    except ArgumentError:
        return False


_REPLICATING = ("postgresql", "mysql", "mariadb")


def lint(value: t.Any) -> bool:
    """Tell whether it sets the linter."""
    return (
        isinstance(value, dict)
        and {"dialects", "disable", "severity"}.issuperset(value)
        and _texts(value.get("disable", []))
        and _texts(value.get("dialects", []))
        and {"mariadb", "mysql", "postgresql", "sqlite"}.issuperset(
            value.get("dialects", [])
        )
        and isinstance(value.get("severity", {}), dict)
        and _texts([*value.get("severity", {}).values()])
        and {"error", "note", "warning"}.issuperset(value.get("severity", {}).values())
    )


def _texts(value: t.Any) -> bool:
    return isinstance(value, list | tuple | set | frozenset) and all(
        isinstance(item, str) for item in value
    )
