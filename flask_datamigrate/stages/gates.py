"""The gate in front of a revision: may it be applied, and if not, why not."""

from __future__ import annotations

import dataclasses
import typing as t

from ..backfill.states import State
from ..backfill.store import Record
from ..backfill.store import Store
from ..settings import STAGES
from ..settings import Stage
from . import apart as columns_apart
from .beats import Beat
from .changes import KEY
from .changes import Change

if t.TYPE_CHECKING:
    import sqlalchemy as sa
    from alembic.runtime.migration import RevisionStep

    from ..operations.ddl.sync_notes import Lack

_MOST_NAMED = 3
"""How many processes a message names."""


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """The revisions of a change that an upgrade did not apply, and why.

    :param revisions: the held revisions, with their stages, by their ids.
    :param reason: why they wait.
    :param behind: the revisions that are held only since they come after these.
    :param next: what to do.
    :param closed: whether the config allows them and the data is what is missing.
    """

    change: str
    revisions: t.Mapping[str, Stage]
    reason: str
    behind: tuple[str, ...]
    next: str
    closed: bool

    @property
    def named(self) -> str:
        """The held revisions, for people."""
        return ", ".join(f"{r} ({stage})" for r, stage in self.revisions.items())

    @property
    def waiting(self) -> str:
        """What waits behind them, for people; "" if nothing does."""
        return f"Behind it waits {', '.join(self.behind)}" if self.behind else ""

    def __str__(self) -> str:
        text = f"change {self.change}: held is {self.named}, since {self.reason}. "
        return f"{text}{self.waiting and f'{self.waiting}. '}{self.next}."


@dataclasses.dataclass(frozen=True, slots=True)
class Limit:
    """How far a change may go, and who says so.

    :param stage: the last stage that may be applied.
    :param reason: why it is no later one.
    :param next: what allows more.
    :param applied_by: what applies all that is allowed.
    """

    stage: Stage
    reason: str
    next: str
    applied_by: str = "flask db upgrade"


def limit(
    change: str,
    stages: t.Mapping[str, Stage],
    through: Stage | None,
    *,
    fresh: bool,
) -> Limit:
    """Return how far a change may go on a database.

    :param stages: the stage of each change, from the config.
    :param through: the last stage an operator allows this time.
    :param fresh: whether no revision is applied to the database yet.
    """
    if change in stages:
        stage = stages[change]
        following = STAGES[min(STAGES.index(stage) + 1, len(STAGES) - 1)]
        given = Limit(
            stage,
            f"the config says {stage}",
            f"Deploy code that lives with {following}, with "
            f"{assignment(change, following)}, and run flask db upgrade with it",
        )
    elif fresh:
        given = Limit("contract", "", "")
    else:
        given = Limit(
            "migrate",
            "the config does not name the change",
            "If no running code uses the old columns, set "
            f"{assignment(change, 'contract')} and run flask db upgrade again",
            f"Set {assignment(change, 'expand')}, or the stage that this code can live "
            "with, then run flask db upgrade: while the config does not name it, that "
            "applies expand and migrate at once",
        )
    if through is None or STAGES.index(through) >= STAGES.index(given.stage):
        return given
    return Limit(
        through,
        f"--through {through} was given",
        "Run flask db upgrade without it",
    )


def assignment(change: str, stage: Stage) -> str:
    """Return the line of the config that sets a change to a stage."""
    return f'{KEY}["{change}"] = "{stage}"'


def hold(
    steps: t.Sequence[RevisionStep],
    changes: t.Mapping[str, Change],
    limits: t.Mapping[str, Limit],
) -> tuple[list[RevisionStep], list[Held]]:
    """Divide the steps of an upgrade into those to take and those to hold.

    A revision that comes after a held one is held with it.

    :param limits: how far each change may go.
    """
    over = {
        revision: name
        for name, change in changes.items()
        for stage in STAGES[STAGES.index(limits[name].stage) + 1 :]
        for revision in change.ids(stage)
    }
    kept, held, behind = divide(steps, over)
    return kept, [
        Held(
            name,
            {r: _stage(changes[name], r) for r in held[name]},
            limits[name].reason,
            tuple(behind[name]),
            limits[name].next,
            closed=False,
        )
        for name in held
    ]


def divide(
    steps: t.Sequence[RevisionStep], over: t.Mapping[str, str]
) -> tuple[list[RevisionStep], dict[str, list[str]], dict[str, list[str]]]:
    """Divide steps into those to take and, by change, those held and those behind.

    :param over: the revisions to hold, each with its change.
    """
    kept: list[RevisionStep] = []
    held: dict[str, list[str]] = {}
    behind: dict[str, list[str]] = {}
    causes: dict[str, str] = {}
    for step in steps:
        revision = step.revision.revision
        below = [r for r in step.revision._all_down_revisions if r in causes]
        if revision in over:
            causes[revision] = over[revision]
            held.setdefault(over[revision], []).append(revision)
            behind.setdefault(over[revision], [])
        elif below:
            causes[revision] = causes[below[0]]
            behind[causes[revision]].append(revision)
        else:
            kept.append(step)
    return kept, held, behind


@dataclasses.dataclass(frozen=True, slots=True)
class Unfinished:
    """A backfill that keeps a gate closed.

    :param state: what it is, for people.
    :param next: the command that finishes it.
    """

    name: str
    state: str
    next: str


def records(engine: sa.Engine, schema: str | None) -> list[Record]:
    """Return the backfills that a database knows.

    :param schema: the schema of the state tables.
    """
    with engine.connect() as connection:
        return records_on(connection, schema)


def records_on(connection: sa.Connection, schema: str | None) -> list[Record]:
    """Return the backfills that a database knows, on a connection to it."""
    store = Store(schema, connection.dialect)
    return store.all(connection) if store.exists(connection) else []


def unfinished(
    change: Change, known: t.Iterable[Record], applied: t.Collection[str]
) -> list[Unfinished]:
    """Return the backfills of a change that are not finished and verified.

    :param known: the backfills that the databases know.
    :param applied: the revisions that are applied.
    """
    by_name: dict[str, list[Record]] = {}
    for record in known:
        by_name.setdefault(record.name, []).append(record)
    found = []
    for task in change.backfills:
        states = {r.state for r in by_name.get(task.name, ())} - {State.FINISHED}
        if task.revision not in applied:
            found.append(Unfinished(task.name, "not begun", "flask db upgrade"))
        elif task.name not in by_name:
            found.append(
                Unfinished(
                    task.name,
                    f"not known here, though revision {task.revision} is stamped",
                    f"flask db stamp the revision before {task.revision}, then flask "
                    "db upgrade",
                )
            )
        elif states:
            state = min(states)
            command = "undo" if state is State.UNDOING else "run"
            found.append(
                Unfinished(
                    task.name, state.value, f"flask db data {command} {task.name}"
                )
            )
    return found


def closed(
    change: Change,
    revisions: t.Sequence[str],
    behind: t.Sequence[str],
    left: t.Sequence[Unfinished],
) -> Held:
    """Say that contract revisions are held by backfills.

    :param left: the backfills that are not finished.
    """
    waits = ", ".join(f"backfill {u.name} is {u.state}" for u in left)
    commands = "; ".join(dict.fromkeys(u.next for u in left))
    return Held(
        change.name,
        {r: _stage(change, r) for r in revisions},
        waits,
        tuple(behind),
        f"Finish that first: {commands}; then run flask db upgrade again",
        closed=True,
    )


def apart(
    change: Change,
    revisions: t.Sequence[str],
    behind: t.Sequence[str],
    lacking: t.Sequence[Lack],
) -> Held:
    """Say that contract revisions are held since old and new columns may differ.

    :param lacking: the syncs that lack triggers.
    """
    notes = ", ".join(f"'{one.note}'" for one in lacking)
    again = columns_apart.again(change.name, change.ids("expand"))
    return Held(
        change.name,
        {r: _stage(change, r) for r in revisions},
        columns_apart.said(lacking),
        tuple(behind),
        "If only code at contract has written since, forget that there were triggers: "
        f"DELETE FROM datamigrate_ddl WHERE name IN ({notes}); and run flask db "
        f"upgrade again. If not: {again}",
        closed=True,
    )


def occupied(
    change: Change,
    revisions: t.Sequence[str],
    behind: t.Sequence[str],
    processes: t.Sequence[Beat],
) -> Held:
    """Say that contract revisions are held by processes that serve requests.

    :param processes: those whose code cannot live without the old columns.
    """
    return Held(
        change.name,
        {r: _stage(change, r) for r in revisions},
        reported(change.name, processes),
        tuple(behind),
        f"{how_to_free(change.name, processes)}; then run flask db upgrade again",
        closed=True,
    )


def reported(change: str, processes: t.Sequence[Beat]) -> str:
    """Name the processes that hold a contract, the first of them."""
    named = "; ".join(beat.says(change) for beat in processes[:_MOST_NAMED])
    more = len(processes) - _MOST_NAMED
    return f"{named}; and {more} more" if more > 0 else named


def how_to_free(change: str, processes: t.Sequence[Beat]) -> str:
    """Say what is to become of the processes that hold a contract."""
    them = "it" if len(processes) == 1 else "them"
    return f"Give {them} the code with {assignment(change, 'contract')}, or stop {them}"


def _stage(change: Change, revision: str) -> Stage:
    return next(
        stage
        for stage, scripts in change.revisions.items()
        if any(script.revision == revision for script in scripts)
    )
