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

import pathlib
import traceback
import typing as t

from blinker import NamedSignal

from ..errors import BackfillError
from ..errors import DataMigrateError


class _Signal(NamedSignal):
    """A signal whose receivers are the app's, and may fail like all of its code."""

    def send(self, sender: t.Any = None, /, **payload: t.Any) -> t.Any:
        """Call the receivers.

        :raises BackfillError: when one of them raises an exception.
        """
        try:
            return super().send(sender, **payload)
        except DataMigrateError:
            raise
        except Exception as error:
            at = traceback.extract_tb(error.__traceback__)[-1]
            raise BackfillError(
                f"a receiver of the signal {self.name} raised {type(error).__name__}: "
                f"{error} ({pathlib.Path(at.filename).name}, line {at.lineno})",
                where=str(sender),
                state="What was committed before is saved",
                next="Mend the receiver, and run the same command again",
            ) from error


backfill_started = _Signal("backfill-started")
batch_committed = _Signal("batch-committed")
backfill_paused = _Signal("backfill-paused")
backfill_waiting = _Signal("backfill-waiting")
backfill_finished = _Signal("backfill-finished")
backfill_failed = _Signal("backfill-failed")
gate_held = _Signal("gate-held")
