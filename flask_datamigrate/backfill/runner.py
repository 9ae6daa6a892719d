"""Runs and undoes backfills on one database."""

from __future__ import annotations

import threading

from ..settings import Settings
from . import asking
from . import back
from . import control
from . import forgetting
from . import forward
from . import recheck
from . import registration
from .connections import Transactions
from .events import Event
from .forgetting import KeptRows
from .reporting import BackfillReport
from .reporting import Reporter
from .session import Session
from .store import Record
from .store import Store
from .task import Task

__all__ = ["Runner", "Task"]


class Runner:
    """Runs and undoes backfills on one database.

    :param transactions: where its transactions come from.
    :param schema: the schema of the state tables.
    :param stop: set it to end a run after the batch at hand.
    :param until: when the time for runs is over, by :func:`time.monotonic`.
    """

    def __init__(
        self,
        transactions: Transactions,
        settings: Settings,
        *,
        schema: str | None = None,
        reporter: Reporter | None = None,
        stop: threading.Event | None = None,
        until: float | None = None,
    ) -> None:
        self._session = Session(
            transactions,
            Store(schema, transactions.dialect),
            settings,
            reporter or Reporter(),
            stop or threading.Event(),
            until,
        )

    def defer(self, task: Task) -> Record:
        """Write a backfill down as pending; see :func:`registration.defer`."""
        with self._session.errors(task.label, task.name):
            return registration.defer(self._session, task)

    def begin_anew(self, task: Task) -> None:
        """Forget an earlier application; see :func:`registration.begin_anew`."""
        with self._session.errors(task.label, task.name):
            registration.begin_anew(self._session, task)

    def accept(self, task: Task) -> Record:
        """Accept an edited definition; see :func:`registration.accept`."""
        with self._session.errors(task.label, task.name):
            return registration.accept(self._session, task)

    def run(self, task: Task, workers: int | None = None) -> BackfillReport:
        """Run a backfill to its end, or go on with it; see :func:`forward.run`."""
        return forward.run(self._session, task, workers)

    def check_not_cancelled(self, task: Task) -> None:
        """Refuse one cancelled meanwhile; see :func:`control.check_not_cancelled`."""
        control.check_not_cancelled(self._session, task)

    def verify(self, task: Task) -> str:
        """Make a finished backfill's check again; see :func:`recheck.recheck`."""
        return recheck.recheck(self._session, task)

    def cancel(self, name: str) -> Record:
        """Give a backfill up; see :func:`back.cancel`."""
        return back.cancel(self._session, name)

    def undo(self, task: Task) -> BackfillReport:
        """Restore the old values a backfill kept; see :func:`back.undo`."""
        return back.undo(self._session, task)

    def kept(self, name: str, label: str, schema: str | None) -> KeptRows:
        """Return what it keeps for an undo; see :func:`forgetting.kept_rows`."""
        return forgetting.kept_rows(self._session, name, label, schema)

    def forget(self, name: str, label: str, schema: str | None) -> None:
        """Drop what it keeps for an undo; see :func:`forgetting.forget`."""
        forgetting.forget(self._session, name, label, schema)

    def pause(self, name: str) -> bool:
        """Ask a backfill to pause, whoever runs it; see :func:`asking.pause`."""
        return asking.pause(self._session, name)

    def make_way(self, name: str) -> None:
        """Ask a backfill to stop for a cancel; see :func:`asking.make_way`."""
        asking.make_way(self._session, name)

    def resume(self, name: str) -> bool:
        """Take a backfill's pause away; see :func:`asking.resume`."""
        return asking.resume(self._session, name)

    def tune(self, name: str, **values: float | None) -> bool:
        """Change a backfill's pace, whoever runs it; see :func:`asking.tune`."""
        return asking.tune(self._session, name, **values)

    def accept_refused(self, name: str) -> int:
        """Accept a backfill's refused rows; see :func:`asking.accept_refused`."""
        return asking.accept_refused(self._session, name)

    def events(self, name: str) -> list[Event]:
        """Return the event log of a backfill; see :func:`asking.events`."""
        return asking.events(self._session, name)
