"""Backfills that stand still, and those that no file defines any more."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ...backfill import failures
from ...backfill import processes
from ...backfill.reporting import duration
from ...backfill.states import ENDED
from ...backfill.states import State
from ...backfill.store import Store
from ...backfill.tables import clock
from ...counting import counted
from ...upgrading.overview import Entry
from ..check import Check
from ..findings import Finding
from ..subjects import Patient

LONG = 86_400
"""Seconds after which a pause is taken for forgotten."""

_AT_WORK = (State.RUNNING, State.VERIFYING)


def look(patient: Patient) -> t.Iterator[Finding]:
    for entry in patient.entries:
        record = entry.record
        assert record is not None
        if entry.task is None:
            yield _undefined(entry)
        if record.state is State.FAILED:
            # It names the backfill, the key and what to do.
            yield Finding(
                "problem",
                f"{entry.name} has failed: {record.error}",
                f"flask db data retry {entry.name}, when that is mended",
            )
        elif record.state is State.UNDOING and not entry.runner:
            said = failures.half_undone(record, entry.applied)
            what = f"the undo of {entry.name} stopped half way{_of_whom(entry)}"
            yield Finding("problem", f"{what}: {said.what}", said.next)
        elif record.state in _AT_WORK and not entry.runner:
            yield Finding(
                "problem",
                f"{entry.name} is {entry.state.value}, and nobody is at "
                f"it{_of_whom(entry)}; what it committed is saved",
                f"{going_on(entry)}, which goes on from there",
            )
        elif record.state in (State.PAUSED, State.PENDING):
            yield from _waiting(patient, entry)
        elif record.state not in ENDED:
            yield Finding(
                "ok", f"{entry.name} is {record.state.value} ({entry.runner})"
            )


def _undefined(entry: Entry) -> Finding:
    if entry.state in ENDED:
        return Finding(
            "note",
            f"no file defines the backfill {entry.name} any more; it is "
            f"{entry.state.value}",
        )
    return Finding(
        "warning",
        f"no file defines the backfill {entry.name} any more, which is "
        f"{entry.state.value}",
        f"Bring its file back, or give it up: flask db data cancel {entry.name}",
    )


def _of_whom(entry: Entry) -> str:
    """Say what became of those that were at it."""
    gone = [
        f"{processes.describe(owner)} "
        f"{'has died' if processes.is_dead(owner) else 'reports no longer'}"
        for owner in dict.fromkeys(one.owner for one in entry.ranges)
        if owner is not None
    ]
    return f" ({', '.join(gone)})" if gone else ""


def going_on(entry: Entry) -> str:
    """Return the command that goes on with a run."""
    return f"flask db data run {entry.name}" if entry.applied else "flask db upgrade"


def _waiting(patient: Patient, entry: Entry) -> t.Iterator[Finding]:
    """Say what it waits for, and how long it has."""
    refused = [refusal for refusal in entry.refusals if not refusal.accepted]
    if refused:
        yield Finding(
            "warning",
            f"{entry.name} has left {counted(len(refused), 'row')} out as refused, the "
            f"last with: {refused[-1].error}",
            f"See flask db data status; mend them and {going_on(entry)}, or accept "
            f"that they stay: flask db data accept --refused {entry.name}",
        )
        return
    seconds = _since(patient, entry)
    for_long = seconds is not None and seconds >= LONG
    by = f" by an operator ({entry.paused_by})" if entry.paused_by else ""
    state = "paused" if entry.paused_by else entry.state.value
    command = going_on(entry)
    if entry.paused_by:
        command = f"flask db data resume {entry.name}, then {command}"
    yield Finding(
        "warning" if for_long else "note",
        f"{entry.name} is {state}{by}"
        + ("" if seconds is None else f" for {duration(seconds)}"),
        command,
    )


def _since(patient: Patient, entry: Entry) -> float | None:
    """Return the seconds since the last event of a backfill."""
    store = Store(patient.place.schema, patient.connection.dialect)
    events = store.events.of(patient.connection, entry.name)
    now = patient.connection.execute(sa.select(clock(patient.family))).scalar_one()
    return max(now - events[-1].at, 0.0) if events else None


CHECK = Check("backfills", "none stands still", look)
