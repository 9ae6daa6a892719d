"""The signals of the engine, for metrics, alerts and tests.

Each is sent with the :class:`~flask_datamigrate.backfill.reporting.Progress` of
the backfill as ``progress``; the sender is the backfill's name.
"""

from __future__ import annotations

from blinker import Namespace

_namespace = Namespace()

backfill_started = _namespace.signal("backfill-started")
batch_committed = _namespace.signal("batch-committed")
backfill_paused = _namespace.signal("backfill-paused")
backfill_finished = _namespace.signal("backfill-finished")
backfill_failed = _namespace.signal("backfill-failed")
