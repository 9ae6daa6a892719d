"""Does the stage of the code go with the stage of the database, and what comes next?"""

from __future__ import annotations

import dataclasses
import typing as t

from ..backfill.states import State
from ..backfill.store import Record
from ..settings import STAGES
from ..settings import Stage
from . import apart
from . import gates
from .apart import Conflict
from .beats import Beat
from .changes import Change

if t.TYPE_CHECKING:
    from ..operations.ddl.journal import HalfDone
    from ..operations.ddl.sync_notes import Lack

OPEN = "open"
"""What is said of the gate of a contract that may be applied."""

PASSED = "passed"
"""What is said of the gate of a contract that is applied."""


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """Where a change stands, in the config and in the database.

    :param config: the stage of the code; ``None`` when the config does not name it.
    :param database: the last stage that is applied; ``None`` before the first.
    :param verified: whether every backfill before the contract is finished.
    :param backfills: the state of each of these backfills, by name.
    :param sync: the tables whose old and new columns triggers keep equal.
    :param gate: whether the contract may be applied, and if not, why not.
    :param next: the next step.
    :param conflict: why the code cannot live with the database, if it cannot.
    :param processes: those that are alive and hold the contract, if nothing else does.
    """

    name: str
    config: Stage | None
    database: Stage | None
    verified: bool
    backfills: t.Mapping[str, str]
    sync: tuple[str, ...]
    gate: str
    next: str
    conflict: Conflict | None
    processes: tuple[Beat, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether all of its contract is applied."""
        return self.gate == PASSED

    def as_json(self) -> dict[str, t.Any]:
        """Return what ``flask db data status --json`` prints of it."""
        return {
            "name": self.name,
            "kind": "change",
            "config_stage": self.config,
            "database_stage": self.database,
            "verified": self.verified,
            "backfills": dict(self.backfills),
            "sync": list(self.sync),
            "gate": self.gate,
            "processes": [beat.as_json(self.name) for beat in self.processes],
            "next": self.next,
            "conflict": None if self.conflict is None else self.conflict.what,
        }


def conflict(
    change: str,
    config: Stage,
    database: Stage | None,
    verified: bool,
    contract: t.Sequence[str] = (),
    lacking: t.Sequence[Lack] = (),
    expand: t.Sequence[str] = (),
    half: t.Sequence[HalfDone] = (),
) -> Conflict | None:
    """Return why code at a stage cannot live with a database at another.

    :param database: the last stage that is applied there.
    :param verified: whether the new columns are filled and checked.
    :param contract: its contract revisions, where they are known.
    :param lacking: the syncs of it that lack triggers.
    :param expand: its expand revisions, where they are known.
    :param half: its contract revisions that were begun and have not ended.
    """
    back = gates.assignment(change, _backward(database))
    if config == "contract" and not (verified or database == "contract"):
        return Conflict(
            f"change {change}: the code is at contract and reads the new columns, "
            "which the database has not filled and checked yet",
            "Run flask db upgrade, and flask db data run if backfills are deferred; "
            f"or deploy code at an earlier stage ({back})",
        )
    if config != "contract" and database == "contract":
        # Half of a contract is worse than all of it: the triggers are gone.
        below = "REVISION-1, with the first of them, which flask db data check names"
        if contract:
            below = f"{contract[0]}-1"
        return Conflict(
            f"change {change}: the code is at {config}, and its contract is applied in "
            "whole or in part, which takes away what such code uses: the old columns "
            "and their triggers, or the old name of a table",
            f"Deploy code at contract ({gates.assignment(change, 'contract')}), or "
            "stop what writes as before and take all contract revisions back: "
            f"flask db downgrade {below}",
        )
    if config != "contract" and database is not None and lacking:
        return apart.conflict(change, lacking, expand)
    if config != "contract" and half:
        return apart.stopped(change, half)
    if config == "migrate" and database is None:
        return Conflict(
            f"change {change}: the code is at migrate and writes the new columns, and "
            "the expand revision, which adds them, is not applied",
            "Run flask db upgrade",
        )
    return None


def _backward(database: Stage | None) -> Stage:
    """Return the stage of code that can live with a database not yet filled."""
    return "expand" if database is None else "migrate"


def reached(change: Change, applied: t.Sequence[t.Collection[str]]) -> Stage | None:
    """Return the last stage of a change that its databases have reached.

    :param applied: the revisions applied, for each database.
    """
    contracts = change.ids("contract")
    if any(revision in here for here in applied for revision in contracts):
        return "contract"
    # What has no expand revision needs none.
    stage: Stage | None = None if change.ids("expand") else "expand"
    for following in STAGES[:-1]:
        revisions = change.ids(following)
        if not all(revision in here for here in applied for revision in revisions):
            break
        if revisions:
            stage = following
    return stage


def standing(
    change: Change,
    config: Stage | None,
    known: t.Sequence[Record],
    applied: t.Sequence[t.Collection[str]],
    sync: tuple[str, ...],
    lacking: t.Sequence[Lack] = (),
    half: t.Sequence[HalfDone] = (),
) -> Standing:
    """Return where a change stands.

    :param config: the stage of the code, if the config names the change.
    :param known: the backfills that the databases know.
    :param applied: the revisions applied, for each database.
    :param sync: the tables that have triggers of the change.
    :param lacking: the syncs of it that lack triggers.
    :param half: its contract revisions that were begun and have not ended.
    """
    database = reached(change, applied)
    everywhere = set.intersection(*map(set, applied)) if applied else set()
    left = gates.unfinished(change, known, everywhere)
    filled = bool(change.ids("migrate")) and everywhere.issuperset(
        change.ids(*STAGES[:-1])
    )
    verified = filled and not left
    states = {task.name: "finished" for task in change.backfills}
    states.update({one.name: one.state for one in left})
    wrong = None
    if config is not None:
        contract = change.ids("contract")
        wrong = conflict(
            change.name,
            config,
            database,
            verified,
            contract,
            lacking,
            change.ids("expand"),
            half,
        )
    elif lacking and database not in (None, "contract"):
        wrong = apart.conflict(change.name, lacking, change.ids("expand"))
    elif half and database != "contract":
        wrong = apart.stopped(change.name, half)
    fresh = not any(applied)
    limit = gates.limit(
        change.name,
        {} if config is None else {change.name: config},
        None,
        fresh=fresh,
    )
    gate = PASSED
    if not everywhere.issuperset(change.ids("contract")) or database != "contract":
        gate = OPEN if verified else "closed: the new columns are not filled"
        if left:
            gate = "closed: " + ", ".join(f"{u.name} is {u.state}" for u in left)
        if limit.stage != "contract":
            gate = f"closed: {limit.reason}"
    allowed = STAGES[: STAGES.index(limit.stage) + 1]
    return Standing(
        change.name,
        config,
        database,
        verified,
        states,
        sync,
        gate,
        _next(
            change,
            wrong,
            everywhere.issuperset(change.ids(*allowed)),
            not everywhere.issuperset(change.ids(*STAGES)),
            left,
            limit,
            _backward(database) if _was_taken_back(change, known, everywhere) else None,
        ),
        wrong,
    )


def _next(
    change: Change,
    wrong: Conflict | None,
    upgraded: bool,
    goes_on: bool,
    left: t.Sequence[gates.Unfinished],
    limit: gates.Limit,
    back: Stage | None,
) -> str:
    """Say what to do next.

    :param upgraded: whether all that the config allows is applied.
    :param goes_on: whether something is left that it does not allow.
    :param left: the backfills that are not finished.
    :param back: the stage of code for a database on which it was taken back.
    """
    deferred = [u.next for u in left if u.next != "flask db upgrade"]
    if wrong is not None and limit.stage != "contract":
        return wrong.mend
    if deferred:
        return "; ".join(dict.fromkeys(deferred))
    if wrong is not None and back is not None:
        return (
            "it was taken back: deploy code at an earlier stage "
            f"({gates.assignment(change.name, back)}), or apply it again: flask db "
            "upgrade"
        )
    if not upgraded:
        return limit.applied_by
    return limit.next if goes_on else "nothing is left to do"


def _was_taken_back(
    change: Change, known: t.Iterable[Record], applied: t.Collection[str]
) -> bool:
    """Tell whether backfills of a change have run whose revisions are not applied."""
    revisions = {task.name: task.revision for task in change.backfills}
    return any(
        record.state in (State.FINISHED, State.UNDONE)
        and record.name in revisions
        and revisions[record.name] not in applied
        for record in known
    )
