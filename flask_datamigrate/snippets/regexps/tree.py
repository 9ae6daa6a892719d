"""The parts of a pattern."""

from __future__ import annotations

import dataclasses
import typing as t

from .charsets import Ranges
from .charsets import complement

Node: t.TypeAlias = "Chars | Edge | Group | Sequence | Choice | Repeat"


@dataclasses.dataclass(frozen=True, slots=True)
class Chars:
    """One character of a set, or one that is not in it."""

    ranges: Ranges
    negated: bool = False

    @property
    def accepted(self) -> Ranges:
        return complement(self.ranges) if self.negated else self.ranges


@dataclasses.dataclass(frozen=True, slots=True)
class Edge:
    """The start of the text, or its end."""

    end: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    body: Node
    captures: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Node, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    options: tuple[Node, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Repeat:
    """From ``low`` to ``high`` times; without an end when that is None.

    :param source: how it is written, for an error.
    """

    body: Node
    low: int
    high: int | None
    source: str
