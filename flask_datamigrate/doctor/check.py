"""One check: a name, what it looks at, and what to say when all is well."""

from __future__ import annotations

import dataclasses
import typing as t

from .findings import Finding

Subject = t.TypeVar("Subject")


@dataclasses.dataclass(frozen=True, slots=True)
class Check(t.Generic[Subject]):
    """A look at one side of an installation. It changes nothing.

    :param name: what it is about, for people and in the JSON.
    :param fine: what is so when nothing is found.
    :param look: finds what is to be said.
    :param only: the families of databases it is about; none for all.
    """

    name: str
    fine: str
    look: t.Callable[[Subject], t.Iterator[Finding]]
    only: tuple[str, ...] = ()
