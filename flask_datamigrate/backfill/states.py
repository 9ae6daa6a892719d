"""The states of a backfill, and which may follow which."""

from __future__ import annotations

import enum
import typing as t


class State(str, enum.Enum):
    """Where a backfill is."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    FAILED = "failed"
    VERIFYING = "verifying"
    FINISHED = "finished"
    UNDOING = "undoing"
    UNDONE = "undone"
    CANCELLED = "cancelled"


S = State
TRANSITIONS: t.Mapping[tuple[State, State], str] = {
    (S.PENDING, S.RUNNING): "the first batch is about to start",
    (S.RUNNING, S.RUNNING): "a runner died and another goes on from its last commit",
    (S.RUNNING, S.PAUSED): "a signal or an operator stopped it between two batches",
    (S.RUNNING, S.FAILED): "a batch could not be done",
    (S.RUNNING, S.VERIFYING): "the last row is done",
    (S.PAUSED, S.RUNNING): "somebody started it again",
    (S.FAILED, S.RUNNING): "somebody started it again",
    (
        S.VERIFYING,
        S.RUNNING,
    ): "the check was cut off, or found rows that came meanwhile",
    (S.VERIFYING, S.FAILED): "the check does not hold",
    (S.VERIFYING, S.FINISHED): "the check holds",
    (S.RUNNING, S.PENDING): "its revision was downgraded and is applied again",
    (S.PAUSED, S.PENDING): "its revision was downgraded and is applied again",
    (S.FAILED, S.PENDING): "its revision was downgraded and is applied again",
    (S.VERIFYING, S.PENDING): "its revision was downgraded and is applied again",
    (S.FINISHED, S.PENDING): "its revision was downgraded and is applied again",
    (S.FINISHED, S.UNDOING): "the old values are being restored",
    (S.PAUSED, S.UNDOING): "the old values are being restored",
    (S.FAILED, S.UNDOING): "the old values are being restored",
    (S.RUNNING, S.UNDOING): "the runner died; the old values are being restored",
    (S.VERIFYING, S.UNDOING): "the runner died; the old values are being restored",
    (S.UNDOING, S.UNDOING): "the undo was cut off and goes on",
    (S.UNDOING, S.UNDONE): "every kept value is restored",
    (S.PENDING, S.UNDONE): "it was never begun, so there is nothing to restore",
    (S.UNDONE, S.PENDING): "its revision is applied again, or it is run after all",
    (S.PENDING, S.CANCELLED): "an operator gave it up before it began",
    (S.PAUSED, S.CANCELLED): "an operator gave it up; committed batches stay",
    (S.FAILED, S.CANCELLED): "an operator gave it up; committed batches stay",
    (S.RUNNING, S.CANCELLED): "the runner died and an operator gave it up",
    (S.VERIFYING, S.CANCELLED): "the runner died and an operator gave it up",
    (S.UNDOING, S.CANCELLED): "an operator gave the undo up; restored rows stay so",
    (S.FINISHED, S.CANCELLED): "an operator gave it up before its revision was applied",
    (S.CANCELLED, S.PENDING): "it is run, or its revision applied, after all",
    (S.CANCELLED, S.UNDOING): "the old values are being restored",
    (S.CANCELLED, S.UNDONE): "it was never begun, so there is nothing to restore",
}
"""Each allowed step from one state to another, with its reason."""

STARTABLE = frozenset(a for a, b in TRANSITIONS if b is S.RUNNING)
"""The states a run may begin from."""

UNDOABLE = frozenset(a for a, b in TRANSITIONS if b is S.UNDOING)
"""The states an undo may begin from."""

ENDED = frozenset({S.FINISHED, S.UNDONE, S.CANCELLED})
"""The states in which nothing is left to do."""
