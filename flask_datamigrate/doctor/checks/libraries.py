"""The libraries, against the bounds that the package was installed with."""

from __future__ import annotations

import importlib.metadata
import re
import typing as t

from ..check import Check
from ..findings import Finding
from ..subjects import Installation

DISTRIBUTION = "Flask-DataMigrate"

_BOUND = re.compile(r"(?P<name>[\w.-]+)(?:\[[^]]*\])?\s*>=\s*(?P<version>[\d.]+)")
_EXTRAS = ("postgresql", "mysql", "lint")
"""Those that an app uses; what they bring may also be missing."""


def look(installation: Installation) -> t.Iterator[Finding]:
    try:
        required = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        yield Finding(
            "warning",
            f"{DISTRIBUTION} is imported from a directory and not installed: plain "
            "Alembic does not find its operations, and its bounds are not known",
            f"pip install {DISTRIBUTION}",
        )
        return
    there = []
    for name, bound, optional in _bounds(required):
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            if not optional:
                yield Finding("problem", f"{name} is missing", f"pip install {name}")
            continue
        there.append(f"{name} {version}")
        if _parts(version) < _parts(bound):
            yield Finding(
                "problem",
                f"{name} {version} is older than {bound}, which {DISTRIBUTION} needs",
                f"pip install '{name}>={bound}'",
            )
    yield Finding("ok", ", ".join(there))


def _bounds(required: t.Iterable[str]) -> t.Iterator[tuple[str, str, bool]]:
    """Return the name, the lowest version and whether it may be missing."""
    for requirement in required:
        bound, _, marker = requirement.partition(";")
        extra = re.search(r"extra\s*==\s*.([\w-]+)", marker)
        found = _BOUND.match(bound)
        if found is not None and (extra is None or extra[1] in _EXTRAS):
            yield found["name"], found["version"], extra is not None


def _parts(version: str) -> tuple[int, ...]:
    """Return the numbers a version begins with; zeros at its end do not count."""
    release = re.match(r"[\d.]*", version)
    assert release is not None
    parts = [int(part) for part in release[0].split(".") if part]
    while parts and not parts[-1]:
        parts.pop()
    return tuple(parts)


CHECK = Check("libraries", "installed", look)
