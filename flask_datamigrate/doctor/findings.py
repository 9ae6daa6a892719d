"""What a check has found, and how much it matters."""

from __future__ import annotations

import dataclasses
import typing as t

Level = t.Literal["ok", "note", "warning", "problem"]

LEVELS: tuple[Level, ...] = t.get_args(Level)
"""From nothing to do, over good to know and better mended, to what stops work."""


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is so.

    :param what: what is so, one sentence without its full stop.
    :param next: what to do, with the command to type; "" for nothing.
    :param check: the check that found it.
    :param bind: the bind key of the database; ``None`` for what is of no database or
        of the default one.
    """

    level: Level
    what: str
    next: str = ""
    check: str = ""
    bind: str | None = None

    def as_json(self) -> dict[str, t.Any]:
        """Return what ``flask db data doctor --json`` prints of it."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, slots=True)
class Examination:
    """All that was found.

    :param blind: whether the app's migrations or a database could not be looked at.
    """

    findings: tuple[Finding, ...]
    blind: bool

    @property
    def exit_code(self) -> int:
        """0 when nothing asks for attention, 3 when something does, 1 when blind."""
        if self.blind:
            return 1
        return 3 if self.count("warning") or self.count("problem") else 0

    def count(self, level: Level) -> int:
        """Return how many findings are of a level."""
        return sum(finding.level == level for finding in self.findings)
