"""What an upgrade or a downgrade did."""

from __future__ import annotations

import dataclasses

from ..backfill.reporting import BackfillReport
from ..stages.gates import Held


@dataclasses.dataclass(frozen=True, slots=True)
class UpgradeReport:
    """What an upgrade or a downgrade did.

    :param revisions: the revisions applied or taken back, in order; one that runs
        on several databases counts once.
    :param backfills: the backfills run or undone, in order.
    :param deferred: the backfills that now wait for ``flask db data run``.
    :param held: the revisions of staged changes that were not applied, and why.
    """

    revisions: tuple[str, ...]
    backfills: tuple[BackfillReport, ...]
    deferred: tuple[str, ...]
    held: tuple[Held, ...] = ()
