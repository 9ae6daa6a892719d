"""Runs and undoes backfills on one database."""

from __future__ import annotations

import threading

from ..settings import Settings
from . import back
from . import forward
from . import registration
from .connections import Transactions
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
    """

    def __init__(
        self,
        transactions: Transactions,
        settings: Settings,
        *,
        schema: str | None = None,
        reporter: Reporter | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self._session = Session(
            transactions,
            Store(schema, transactions.dialect),
            settings,
            reporter or Reporter(),
            stop or threading.Event(),
        )

    def register(self, task: Task) -> Record:
        """Write a backfill down as pending; see :func:`registration.register`."""
        with self._session.errors(task):
            return registration.register(self._session, task)

    def begin_anew(self, task: Task) -> None:
        """Forget an earlier application; see :func:`registration.begin_anew`."""
        with self._session.errors(task):
            registration.begin_anew(self._session, task)

    def accept(self, task: Task) -> Record:
        """Accept an edited definition; see :func:`registration.accept`."""
        with self._session.errors(task):
            return registration.accept(self._session, task)

    def run(self, task: Task) -> BackfillReport:
        """Run a backfill to its end, or go on with it; see :func:`forward.run`."""
        return forward.run(self._session, task)

    def cancel(self, task: Task) -> Record:
        """Give a backfill up; see :func:`back.cancel`."""
        return back.cancel(self._session, task)

    def undo(self, task: Task) -> BackfillReport:
        """Restore the old values a backfill kept; see :func:`back.undo`."""
        return back.undo(self._session, task)
