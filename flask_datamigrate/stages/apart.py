"""What the database has of a contract that is not applied, under earlier code."""

from __future__ import annotations

import dataclasses
import typing as t

from ..counting import counted
from .changes import KEY

if t.TYPE_CHECKING:
    from ..operations.ddl.journal import HalfDone
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


def stopped(change: str, half: t.Sequence[HalfDone]) -> Conflict:
    """Return what is wrong where a part of a contract stays, and what mends it.

    :param half: its contract revisions that were begun and have not ended.
    """
    revisions = ", ".join(dict.fromkeys(one.revision for one in half))
    changed = "; ".join(dict.fromkeys(what for one in half for what in one.changed))
    return Conflict(
        f"change {change}: its contract (revision {revisions}) was begun and did not "
        f"end, and a part of it stays in the database: {changed}. So code at an "
        "earlier stage may be refused what it writes, such as NULL",
        f'Finish the contract: deploy code at contract ({KEY}["{change}"] = '
        '"contract"), run flask db upgrade, mend the rows that it names, and run it '
        "again; it goes on from where it stopped",
    )
