"""Rules on the comments that silence other rules."""

from __future__ import annotations

from ..findings import Severity
from .base import Rule


class IgnoreWithoutReason(Rule):
    """A comment that silences a rule and does not say why."""

    id = "DM125"
    title = "ignore without a reason"
    severity = Severity.ERROR
    breaks = (
        "The next reader cannot tell an exception that was thought over from one that "
        "was in a hurry. Without a reason, or with the id of no rule, the comment "
        "silences nothing."
    )
    wrong = """
op.drop_table("sessions")  # datamigrate: ignore[DM112]
"""
    right = """
op.drop_table("sessions")  # datamigrate: ignore[DM112] unused since release 4
"""


class UnusedIgnore(Rule):
    """A comment that silences nothing."""

    id = "DM126"
    title = "ignore that ignores nothing"
    severity = Severity.WARNING
    breaks = (
        "The comment says that something is wrong here, and nothing is: it was mended, "
        "or the comment stands in another line than the finding. It would hide the "
        "next one. Not reported in a file with a statement that is not analysed, which "
        "the comment may be there for. `--fix` takes it away."
    )
    wrong = """
op.create_table("users")  # datamigrate: ignore[DM112] unused since release 4
"""
    right = """
op.create_table("users")
"""
