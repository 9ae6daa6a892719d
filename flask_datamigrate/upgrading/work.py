"""What the engine does for an upgrade, between two steps of Alembic."""

from __future__ import annotations

import threading

from ..backfill.connections import OwnTransactions
from ..backfill.reporting import BackfillReport
from ..backfill.reporting import Reporter
from ..backfill.runner import Runner
from ..operations.segment import Work
from ..settings import Settings


def do(
    work: Work, settings: Settings, reporter: Reporter, stop: threading.Event
) -> BackfillReport | None:
    """Do what a revision needs before it can be stepped over.

    :returns: the report of a run or an undo; ``None`` when a backfill was registered.
    """
    transactions = OwnTransactions(
        work.engine,
        settings.row_lock_timeout,
        pooled=settings.lock == "row",
        statement_timeout=settings.statement_timeout,
    )
    runner = Runner(
        transactions, settings, schema=work.schema, reporter=reporter, stop=stop
    )
    try:
        if work.kind == "undo":
            return runner.undo(work.task)
        runner.begin_anew(work.task)
        if work.kind == "run":
            return runner.run(work.task)
        runner.defer(work.task)
        return None
    finally:
        transactions.close()
