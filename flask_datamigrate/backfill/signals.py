"""The signals of the engine, for metrics, alerts and tests.

The sender is the backfill's name. What comes with it:

- ``backfill_started``: the :class:`~flask_datamigrate.backfill.task.Task` as ``task``;
- ``batch_committed``: the :class:`~flask_datamigrate.backfill.reporting.Progress` as
  ``progress``;
- ``backfill_finished``, after a run or an undo: the
  :class:`~flask_datamigrate.backfill.reporting.BackfillReport` as ``report``;
- ``backfill_failed``: the :class:`~flask_datamigrate.errors.DataMigrateError` as
  ``error``;
- ``backfill_paused``: the :class:`~flask_datamigrate.backfill.reporting.Pause` as
  ``pause``;
- ``backfill_waiting``, when a wait begins that is no short one: the
  :class:`~flask_datamigrate.backfill.reporting.Waiting` as ``waiting``.

That of ``gate_held`` is the name of a staged change, and with it comes the
:class:`~flask_datamigrate.stages.gates.Held` as ``held``.
"""

from __future__ import annotations

from blinker import Namespace

_namespace = Namespace()

backfill_started = _namespace.signal("backfill-started")
batch_committed = _namespace.signal("batch-committed")
backfill_paused = _namespace.signal("backfill-paused")
backfill_waiting = _namespace.signal("backfill-waiting")
backfill_finished = _namespace.signal("backfill-finished")
backfill_failed = _namespace.signal("backfill-failed")
gate_held = _namespace.signal("gate-held")
