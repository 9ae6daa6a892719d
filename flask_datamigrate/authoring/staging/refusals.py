"""What is said of a difference that cannot be staged."""

from __future__ import annotations

import typing as t

from ...errors import AuthoringError


def refusal(what: str, why: str, next: str = "") -> AuthoringError:
    """Say that a part of the difference cannot be staged.

    :param what: the part.
    :param next: what to do; by default, to write it by hand.
    """
    return AuthoringError(
        f"it cannot be staged: {why}",
        where=what,
        state="Nothing was written",
        next=next or "Write that part by hand, in a revision of its own",
    )


def check_named(operation: t.Any, what: str) -> None:
    """Refuse a constraint without a name.

    :param what: the kind of constraint.
    """
    if not operation.constraint_name:
        table = getattr(operation, "table_name", None) or operation.source_table
        raise refusal(
            f"a {what} of table {table}",
            "it has no name, by which a run that was cut off would find it again",
            "Give it a name in the model, or the metadata a naming_convention",
        )
