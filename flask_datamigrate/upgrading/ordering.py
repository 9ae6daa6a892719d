"""What an operator asks of backfills, whoever runs them: pause, resume, tune, log."""

from __future__ import annotations

import dataclasses
import threading
import typing as t

from ..backfill import asking
from ..backfill.events import Event
from ..backfill.reporting import Reporter
from ..backfill.runner import Runner
from ..backfill.states import ENDED
from ..backfill.states import State
from .chosen import chosen
from .chosen import meant
from .chosen import runner_of
from .overview import Entry
from .unfinished import goes_on

_PATIENCE = 60.0
"""Seconds an order waits for its turn to write: beside a run on SQLite, which takes
one writer at a time and has no queue, it takes chance."""


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What became of an order.

    :param runner: the live process that reads it next, for people; ``None`` when
        nobody runs the backfill.
    :param goes_on: the command that goes on with it, for people.
    :param changed: whether that was not asked before.
    """

    name: str
    state: State
    runner: str | None
    goes_on: str
    changed: bool

    @property
    def is_passed_over(self) -> bool:
        """Whether it has ended, and nothing was asked of it."""
        return self.state in ENDED


def pause(directory: str | None, names: t.Sequence[str]) -> list[Answer]:
    """Ask backfills to pause after the batch at hand, and not to begin until resumed.

    :raises BackfillError: for one that no database knows, or that has ended.
    """
    return _each(directory, names, lambda runner, name: runner.pause(name))


def resume(directory: str | None, names: t.Sequence[str]) -> list[Answer]:
    """Take the pause of backfills away.

    :raises BackfillError: for one that no database knows, or that has ended.
    """
    return _each(directory, names, lambda runner, name: runner.resume(name))


def tune(
    directory: str | None, names: t.Sequence[str], **values: float | None
) -> list[Answer]:
    """Change the pace of backfills, from the next batch on.

    :param values: columns of an :class:`~flask_datamigrate.backfill.orders.Order`.
    :raises BackfillError: for one that no database knows, or that has ended.
    """
    return _each(directory, names, lambda runner, name: runner.tune(name, **values))


def accept_refused(directory: str | None, name: str) -> list[tuple[Answer, int]]:
    """Accept that the refused rows of backfills stay as they are.

    :returns: what became of each, and how many rows were accepted now; those that
        have ended and are passed over come last.
    :raises BackfillError: for one that no database knows, or that has ended.
    """
    counts: list[int] = []

    def accept(runner: Runner, name: str) -> bool:
        counts.append(runner.accept_refused(name))
        return bool(counts[-1])

    answers = _each(directory, [name], accept)
    counts += [0] * (len(answers) - len(counts))
    return list(zip(answers, counts, strict=True))


def log(directory: str | None, name: str) -> list[tuple[Entry, list[Event]]]:
    """Return the events of the backfills a name means, on each database.

    :raises BackfillError: for a name that no database knows.
    """
    found = []
    for entry in chosen(directory, [name]):
        with runner_of(entry, Reporter(), threading.Event()) as runner:
            found.append((entry, runner.events(entry.name)))
    return found


def _each(
    directory: str | None,
    names: t.Sequence[str],
    order: t.Callable[[Runner, str], bool],
) -> list[Answer]:
    live, ended = meant(chosen(directory, names), names)
    for entry in live:
        if entry.state in ENDED:
            raise asking.ended(entry.label, entry.name, entry.state)
    answers = []
    for entry in live:
        with runner_of(
            entry, Reporter(), threading.Event(), lock_timeout=_PATIENCE
        ) as runner:
            changed = order(runner, entry.name)
        answers.append(_answer(entry, changed))
    return answers + [_answer(entry, False) for entry in ended]


def _answer(entry: Entry, changed: bool) -> Answer:
    assert entry.record is not None
    how = goes_on(entry.record, entry.applied)
    return Answer(entry.name, entry.state, entry.runner, how, changed)
