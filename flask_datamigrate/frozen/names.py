"""The nearest existing name: what a misspelt table or column was meant to be."""

from __future__ import annotations

import difflib
import typing as t


def nearest(name: str, known: t.Iterable[str]) -> str | None:
    """Find the known name that is most like another one, whatever its case.

    :param name: the name that does not exist.
    :param known: the names that do.
    """
    folded = {candidate.lower(): candidate for candidate in known}
    match = difflib.get_close_matches(name.lower(), folded, n=1)
    return folded[match[0]] if match else None


def suggestion(name: str, known: t.Iterable[str]) -> str:
    """Say which name was meant, or which names there are.

    :param name: the name that does not exist.
    :param known: the names that do.
    """
    known = sorted(known)
    match = nearest(name, known)
    listed = f"there are: {', '.join(known)}" if known else "there are none"
    return f'did you mean "{match}"? ({listed})' if match else listed
