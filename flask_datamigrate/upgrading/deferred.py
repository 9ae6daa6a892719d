"""Backfills run by themselves: deferred ones, and ones that stopped."""

from __future__ import annotations

import threading
import time
import typing as t

from ..backfill import failures
from ..backfill.recheck import advice
from ..backfill.reporting import BackfillReport
from ..backfill.reporting import Reporter
from ..backfill.runner import Runner
from ..backfill.runner import Task
from ..backfill.states import ENDED
from ..backfill.states import STARTABLE
from ..backfill.states import State
from ..errors import BackfillError
from ..errors import ClaimedError
from ..errors import DataMigrateError
from ..errors import PausedRun
from ..errors import UndoError
from ..errors import VerificationError
from . import given_up
from . import in_turn
from .chosen import chosen
from .chosen import meant
from .chosen import names_it
from .chosen import runner_of
from .overview import Entry
from .unfinished import goes_on
from .unfinished import undefined

_PATIENCE = 60
"""Seconds a cancel waits for a runner that was asked to pause: a batch takes a
fraction of one, a wait for a lock a few."""


def run(
    directory: str | None,
    names: t.Sequence[str],
    reporter: Reporter,
    stop: threading.Event,
    *,
    until: float | None = None,
    workers: int | None = None,
    anew: bool = False,
) -> list[BackfillReport]:
    """Run the named backfills, or all that wait; pass over finished ones.

    They run in the order of their revisions, whatever the order of the names; one that
    fails ends it, since those after it may rely on it.

    One that was given up, or undone while its revision is applied, is run anew when it
    is named. One that no file defines any more is passed over and reported at the end,
    unless it is named.

    :param until: when the time for it is over, by :func:`time.monotonic`.
    :param workers: of this process at each backfill; ``None`` for what that says.
    :param anew: whether to begin one anew although it had changed rows when it was
        given up, which are then changed once more.
    :raises PausedRun: at the end, when one was paused by an operator, the time is
        over, or one was passed over.
    :raises BackfillError: for a name that no database knows, and for one whose
        revision was taken back, or not applied yet, and whose rows are therefore
        not to be changed now; for one that was given up after it had changed rows.
    """
    to_run = [
        entry
        for entry in chosen(directory, names)
        if _is_to_run(entry, names_it(names, entry), anew)
    ]
    return _run_each(to_run, names, reporter, stop, until, workers)


def retry(
    directory: str | None,
    names: t.Sequence[str],
    reporter: Reporter,
    stop: threading.Event,
) -> list[BackfillReport]:
    """Go on with failed backfills, the named ones or all, from their last commit.

    One whose definition was edited has failed, too, until that is accepted; and so has
    one whose process ended without a word.

    :raises BackfillError: for a name that no database knows, and for one that has
        not failed.
    :raises EditedError: for one whose definition was edited.
    """
    entries = chosen(directory, names)
    failed = [entry for entry in entries if _has_failed(entry)]
    for entry in entries:
        if entry.name in names and entry not in failed:
            raise BackfillError(
                f"it is {entry.state.value} and has not failed",
                where=entry.label,
                state="Nothing was changed",
                next=_not_failed(entry),
            )
    return _run_each(failed, names, reporter, stop)


def verify(directory: str | None, names: t.Sequence[str]) -> t.Iterator[str]:
    """Make the checks of finished backfills again, the named ones or all.

    :returns: a line for each that holds, as it is known.
    :raises VerificationError: at the end, when one does not hold.
    :raises BackfillError: for a name that no database knows, and for one that is not
        finished.
    """
    wrong: list[VerificationError] = []
    failed: list[str] = []
    for entry in chosen(directory, names):
        if not names and entry.state is not State.FINISHED:
            continue
        with runner_of(entry, Reporter(), threading.Event()) as runner:
            try:
                yield f"{entry.name}: {runner.verify(_defined(entry))}"
            except VerificationError as error:
                wrong.append(error)
                failed.append(entry.name)
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        raise VerificationError(
            "; ".join(f"{error.where}: {error.what}" for error in wrong),
            where=f"the checks of {len(wrong)} backfills do not hold",
            state="Nothing was changed",
            next=advice(*failed),
        )


def accept(directory: str | None, name: str) -> str | None:
    """Take the definition of a backfill as it is now for the right one.

    :returns: its fingerprint; ``None`` when it is the one accepted before.
    :raises BackfillError: when no database knows it.
    """
    accepted = None
    for entry in chosen(directory, [name]):
        with runner_of(entry, Reporter(), threading.Event()) as runner:
            record = runner.accept(_defined(entry))
        if entry.record is None or entry.record.fingerprint != record.fingerprint:
            accepted = record.fingerprint
    return accepted


def undo(
    directory: str | None,
    names: t.Sequence[str],
    reporter: Reporter,
    stop: threading.Event,
) -> list[BackfillReport]:
    """Restore the rows of backfills whose revision is not applied, the last one first.

    A deferred one that was given up is undone while its revision is applied, too; then
    those of that name that were not are passed over.

    :raises UndoError: when no old values were kept, or its revision is applied.
    """
    entries, others = meant(chosen(directory, names), names, given_up.is_undoable)
    for entry in entries:
        if not given_up.is_undoable(entry):
            _check_not_applied(entry)
    for entry in others:
        reporter.noted(
            f"{entry.name}: passed over, it is {entry.state.value} and its revision is "
            "applied"
        )
    return _undo_each(entries, reporter, stop)


def go_on_undoing(
    directory: str | None,
    names: t.Collection[str],
    reporter: Reporter,
    stop: threading.Event,
) -> list[BackfillReport]:
    """Go on with undos that stopped half-way, the last one first.

    :param names: of backfills; those that are not being undone are passed over.
    :raises PausedRun: when the rest of one is for ``flask db downgrade`` to do.
    """
    entries = [
        entry
        for entry in chosen(directory, list(names))
        if entry.name in names and entry.state is State.UNDOING
    ]
    for entry in entries:
        if not given_up.is_undoable(entry):
            assert entry.record is not None
            raise PausedRun(
                "its undo is part of the downgrade of its revision",
                where=entry.label,
                state="Nothing was changed by this run",
                next=f"Go on with: {failures.downgrade_of(entry.record)}",
            )
    return _undo_each(entries, reporter, stop)


def cancel(
    directory: str | None, names: t.Sequence[str]
) -> tuple[list[Entry], list[Entry]]:
    """Give backfills up; rows they have changed stay changed.

    One that somebody runs is asked to pause first. Where a name stands for several,
    those that have ended are passed over.

    :returns: those given up, as they are now, and those that were not: they had ended.
    :raises BackfillError: when no database knows it, or it is applied and finished.
    :raises ClaimedError: when its runner does not stop.
    """
    entries, ended = meant(chosen(directory, names), names)
    for entry in entries:
        if entry.state is State.FINISHED:
            _check_not_applied(entry)
    ended += [entry for entry in entries if entry.state is State.CANCELLED]
    entries = [entry for entry in entries if entry.state is not State.CANCELLED]
    for entry in entries:
        with runner_of(
            entry, Reporter(), threading.Event(), lock_timeout=_PATIENCE
        ) as runner:
            if entry.runner:
                runner.make_way(entry.name)
            _cancel_when_free(runner, entry)
    given = {(entry.name, entry.bind) for entry in entries}
    now = chosen(directory, names) if entries else []
    return [entry for entry in now if (entry.name, entry.bind) in given], ended


def _cancel_when_free(runner: Runner, entry: Entry) -> None:
    """Cancel a backfill when whoever runs it has seen that it is to pause."""
    until = time.monotonic() + (_PATIENCE if entry.runner else 0)
    while True:
        try:
            runner.cancel(entry.name)
            return
        except ClaimedError as error:
            if time.monotonic() >= until:
                raise ClaimedError(
                    error.what,
                    where=entry.label,
                    state="It was asked to pause" if entry.runner else error.state,
                    next="When it has stopped (see flask db data status), run the "
                    "same command again",
                ) from error


def _undo_each(
    entries: t.Sequence[Entry], reporter: Reporter, stop: threading.Event
) -> list[BackfillReport]:
    """Undo backfills, the last one first."""
    reports = []
    for entry in reversed(entries):
        with runner_of(entry, reporter, stop) as runner:
            reports.append(runner.undo(_defined(entry)))
        if entry.state is State.UNDONE:
            reporter.noted(f"{entry.name}: undone already")
        elif not reports[-1].batches:
            reporter.noted(f"{entry.name}: it had changed no row, nothing to restore")
        if entry.applied and entry.record is not None:
            back = failures.downgrade_of(entry.record)
            reporter.noted(
                f"{entry.name}: its revision is still applied. To take that back, too: "
                f"{back}; to begin anew: flask db data run {entry.name}"
            )
    return reports


def _run_each(
    entries: t.Sequence[Entry],
    names: t.Sequence[str],
    reporter: Reporter,
    stop: threading.Event,
    until: float | None = None,
    workers: int | None = None,
) -> list[BackfillReport]:
    """Run backfills in turn; one that is paused does not keep the others.

    :param names: those that the operator asked for.
    :raises PausedRun: at the end, when some were.
    :raises DataMigrateError: for the first that fails, with what became of the others.
    """
    reports: list[BackfillReport] = []
    left: list[PausedRun] = []
    for number, entry in enumerate(entries, start=1):
        if entry.task is None and not names_it(names, entry):
            lost = _undefined(entry)
            left.append(
                PausedRun(lost.what, where=lost.where, state=lost.state, next=lost.next)
            )
            continue
        try:
            with runner_of(entry, reporter, stop, until) as runner:
                if entry.state is not State.CANCELLED:
                    runner.check_not_cancelled(_defined(entry))
                reports.append(runner.run(_defined(entry), workers))
        except PausedRun as error:
            left.append(error)
        except DataMigrateError as error:
            in_turn.tell_of_others(error, left, [x.name for x in entries[number:]])
            raise
        else:
            if not entry.applied:
                reporter.noted(
                    f"{entry.name}: its revision is not applied yet. To go on: "
                    "flask db upgrade"
                )
    if left:
        raise in_turn.left(left)
    return reports


def _is_to_run(entry: Entry, named: bool, anew: bool) -> bool:
    """Tell whether a run takes a backfill up.

    :param named: whether the operator asked for it.
    :param anew: whether it may change rows once more that it had changed.
    :raises BackfillError: when it is named and cannot be run now.
    """
    assert entry.record is not None
    revived = named and (
        entry.state is State.CANCELLED
        or (
            entry.state is State.UNDONE
            and entry.applied
            and given_up.is_undoable(entry)
        )
    )
    if named and entry.state is State.UNDOING:
        raise failures.half_undone(entry.record, entry.applied)
    if entry.record.state not in STARTABLE and not revived:
        return False
    if revived:
        given_up.check_revivable(entry, anew)
    if not entry.applied and (entry.record.deferred or _is_idle(entry)):
        if not named:
            return False
        raise BackfillError(
            "its revision is not applied",
            where=entry.label,
            state="Nothing was changed",
            next=f"Apply it: flask db upgrade {entry.record.revision}",
        )
    return True


def _has_failed(entry: Entry) -> bool:
    refused = entry.edited and entry.state is State.PAUSED
    return entry.state is State.FAILED or refused or entry.is_orphaned


def _not_failed(entry: Entry) -> str:
    """Say what to do with a backfill that has not failed."""
    if entry.record is None or entry.state in ENDED:
        return "See flask db data status"
    return f"Go on with: {goes_on(entry.record, entry.applied)}"


def _is_idle(entry: Entry) -> bool:
    return entry.state in (State.PENDING, State.CANCELLED)


def _check_not_applied(entry: Entry) -> None:
    if entry.applied and entry.record is not None:
        way = "" if entry.has_file else "Bring its file back first. "
        if entry.record.deferred and entry.state not in (*ENDED, State.PENDING):
            way += f"Give it up first: flask db data cancel {entry.name}. Or else: "
        raise UndoError(
            "its revision is applied",
            where=entry.label,
            state="Nothing was changed",
            next=f"{way}Take the revision back, and the backfill with it, and those "
            f"applied after it: {failures.downgrade_of(entry.record)}",
        )


def _defined(entry: Entry) -> Task:
    if entry.task is None:
        raise _undefined(entry)
    return entry.task


def _undefined(entry: Entry) -> BackfillError:
    assert entry.record is not None
    return undefined(entry.record)
