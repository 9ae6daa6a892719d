"""Work under a claim, with a note of how it ended."""

from __future__ import annotations

import contextlib
import typing as t

from ..errors import ClaimedError
from ..errors import DataMigrateError
from ..errors import InterruptedRun
from . import signals
from .states import State
from .store import Range
from .walk import Walk


@contextlib.contextmanager
def claimed(walk: Walk, state: State) -> t.Iterator[Range]:
    """Hold a walk's claim, move its backfill to a state, and note how it ends.

    An undo that stops stays ``undoing``: it can only go on.
    """
    session, task = walk.session, walk.task
    with walk.claim_held() as span:
        with session.transactions.transaction() as connection:
            session.store.move(connection, task.name, state)
        try:
            with session.errors(task):
                yield span
        except ClaimedError:
            # What becomes of it is for the runner that took it over to say.
            session.reporter.stopped()
            raise
        except InterruptedRun:
            session.reporter.stopped()
            if state is State.RUNNING:
                session.note_end(task, State.PAUSED, None)
            signals.backfill_paused.send(task.name)
            raise
        except DataMigrateError as error:
            session.reporter.stopped()
            if state is State.RUNNING:
                session.note_end(task, State.FAILED, error.what)
            signals.backfill_failed.send(task.name, error=error)
            raise
