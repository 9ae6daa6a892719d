"""Old and new columns that no trigger keeps equal, though the change is under way."""

from __future__ import annotations

import dataclasses
import typing as t

from ..counting import counted
from .changes import KEY

if t.TYPE_CHECKING:
    from ..operations.ddl.sync_notes import Lack


@dataclasses.dataclass(frozen=True, slots=True)
class Conflict:
    """Why the code cannot live with the database.

    :param what: what does not go together.
    :param mend: what to do.
    """

    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.what}. {self.mend}."


def conflict(
    change: str, lacking: t.Sequence[Lack], expand: t.Sequence[str] = ()
) -> Conflict:
    """Return what is wrong where triggers are missing, and what mends it.

    :param expand: its expand revisions, where they are known.
    """
    mend = _mend(change, lacking, expand)
    return Conflict(f"change {change}: {said(lacking)}", mend)


def said(lacking: t.Sequence[Lack]) -> str:
    """Say which triggers are missing, and what is true of the data."""
    gone = sum(len(one.missing) for one in lacking)
    tables = ", ".join(dict.fromkeys(one.table for one in lacking))
    return (
        f"{counted(gone, 'sync trigger')} of table {tables} "
        f"{'is' if gone == 1 else 'are'} missing, and its contract is not applied: "
        "since then what code writes to the old columns is not in the new ones, and "
        "the other way round"
    )


def _mend(change: str, lacking: t.Sequence[Lack], expand: t.Sequence[str]) -> str:
    begun = ""
    if all(one.dropping for one in lacking):
        begun = (
            "Its contract was begun and cut off. If only code at contract has written "
            f'since, deploy that ({KEY}["{change}"] = "contract") and run flask db '
            "upgrade. If not: "
        )
    text = again(change, expand)
    return f"{begun}{text}" if begun else text[0].upper() + text[1:]


def again(change: str, expand: t.Sequence[str]) -> str:
    """Say how the new columns are filled again from the old ones."""
    below = f"{expand[0]}-1" if expand else "to below its first revision"
    return (
        "deploy code that uses the old columns alone "
        f'({KEY}["{change}"] = "expand"), run flask db downgrade {below}, and then '
        "flask db upgrade: the triggers are made and the new columns filled again, "
        "from the old ones. What was written to new columns alone since "
        "is not kept: look for it first"
    )
