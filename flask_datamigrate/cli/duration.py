"""A span of time as people type it: ``90s``, ``30m``, ``2h``."""

from __future__ import annotations

import re

import click

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


def in_seconds(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> float | None:
    """Return what an option's span of time is in seconds; its ``callback``."""
    if value is None:
        return None
    seconds = sum(float(n) * _SECONDS[unit] for n, unit in _PART.findall(value))
    if not _SPAN.fullmatch(value) or not seconds:
        raise click.BadParameter(
            f"{value!r} is no span of time; write 90s, 30m, 2h or 1h30m"
        )
    return seconds
