"""One run of a backfill, with the settings as they are when nobody sets any."""

from __future__ import annotations

import contextlib
import itertools

import sqlalchemy as sa

from flask_datamigrate import Backfill
from flask_datamigrate import settings
from flask_datamigrate.backfill.connections import OwnTransactions
from flask_datamigrate.backfill.runner import Runner
from flask_datamigrate.backfill.runner import Task

_names = (f"run{number}" for number in itertools.count())


def run(engine: sa.Engine, backfill: Backfill, workers: int | None = None) -> None:
    """Run a backfill under a name that was not used before.

    :param workers: how many at once.
    """
    defaults = settings.read({})
    transactions = OwnTransactions(engine, defaults.row_lock_timeout)
    with contextlib.closing(transactions):
        Runner(transactions, defaults).run(Task(backfill, next(_names), None), workers)
