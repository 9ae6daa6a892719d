"""A run: workers walk ranges of the key until every row is done and checked."""

from __future__ import annotations

from . import signals
from .control import check_begin
from .crew import Crew
from .patience import patiently
from .ranges import FORWARD
from .registration import register
from .reporting import BackfillReport
from .session import Session
from .states import State
from .task import Task


def run(session: Session, task: Task, workers: int | None = None) -> BackfillReport:
    """Run a backfill to its end, or go on with it.

    :param workers: how many at once; ``None`` for what the backfill says.
    :raises BackfillError: when it stopped before; what was committed stays.
    :raises PausedRun: when an operator paused it, now or before.
    """
    with session.errors(task.label, task.name):
        record = register(session, task)
        if record.state is State.FINISHED:
            return session.report(task, FORWARD)
        check_begin(session, task)
        crew = Crew(session, task, workers or task.backfill.workers)
        sample = crew.run()
        report = patiently(
            session,
            task.name,
            task.label,
            lambda: session.report(task, FORWARD, sample),
        )
    if crew.has_finished:
        signals.backfill_finished.send(task.name, report=report)
    session.reporter.finished(report)
    return report
